from __future__ import annotations

import stat
from pathlib import Path

import pytest

from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.webhooks.messages import State
from tests.emulator.conftest import Endpoint


def test_a_clerk_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with LocalClerk.start(state_path=path) as clerk:
        clerk.users.seed(50)
        user_id = clerk.users.create(email="ada@example.com", public_metadata={"a": [1, None]})["id"]
        session = clerk.sessions.create(user_id)
        users, pem, secret = clerk.users.all(), clerk.public_key_pem, clerk.rotate_webhook_secret()
    with LocalClerk.start(state_path=path) as clerk:
        assert clerk.users.all() == users
        assert clerk.sessions.get(session.id) == session
        assert (clerk.public_key_pem, clerk.webhook_secret) == (pem, secret)


def test_undelivered_messages_are_delivered_after_a_restart(tmp_path: Path, endpoint: Endpoint) -> None:
    path = tmp_path / "state.json"
    with LocalClerk.start(state_path=path, webhook_url=endpoint.url) as clerk:
        clerk.users.create(username="delivered")
        clerk.webhook_sender.wait_idle()
        clerk.webhook_sender.pause()
        clerk.users.create(username="waiting")
        (waiting,) = (each for each in clerk.webhook_sender.messages.values() if each.state is State.WAITING)
    with LocalClerk.start(state_path=path, webhook_url=endpoint.url) as clerk:
        clerk.webhook_sender.wait_idle()
        assert [each.svix_id for each in clerk.webhook_sender.deliveries] == [waiting.svix_id]
        assert endpoint.received[-1].body == waiting.body


def test_the_state_is_written_while_it_runs_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with LocalClerk.start(state_path=path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


def test_a_file_that_is_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("shopping: milk")
    with pytest.raises(ValueError, match="not the state file of a local Clerk"):
        LocalClerk.start(state_path=path)
    assert path.read_text() == "shopping: milk"


def test_the_state_of_another_instance_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    LocalClerk.start(state_path=path, instance=2).stop()
    with pytest.raises(ValueError, match="belongs to local instance 2, not 1"):
        LocalClerk.start(state_path=path)


def test_a_place_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file or directory"):
        LocalClerk.start(state_path=tmp_path / "missing" / "state.json")
