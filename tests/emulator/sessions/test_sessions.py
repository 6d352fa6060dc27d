from __future__ import annotations

from collections.abc import Iterator

import pytest

from clerk_sync.emulator import ClerkApiError, LocalClerk
from clerk_sync.emulator.identity import Ids
from clerk_sync.emulator.sessions.sessions import LIFETIME_MS, Sessions
from clerk_sync.emulator.users.user_store import UserStore
from clerk_sync.emulator.webhooks.example_events import example_user
from tests.emulator.conftest import Endpoint


@pytest.fixture
def clerk_with_session_events(endpoint: Endpoint) -> Iterator[LocalClerk]:
    with LocalClerk.start(webhook_url=endpoint.url, event_types=("*",), senders=1) as running:
        yield running


def types_of(clerk: LocalClerk) -> list[str]:
    return [message.type for message in clerk.webhook_sender.messages.values()]


def test_sessions_are_announced_to_those_who_subscribed(clerk_with_session_events: LocalClerk) -> None:
    clerk = clerk_with_session_events
    user_id = clerk.users.create(username="ada")["id"]
    session = clerk.sessions.create(user_id)
    clerk.sessions.finish(session.id, "ended")
    assert types_of(clerk) == ["user.created", "session.created", "session.ended"]
    assert list(clerk.webhook_sender.messages.values())[1].payload["data"]["user"]["id"] == user_id


def test_a_deletion_removes_the_sessions_before_the_user(clerk_with_session_events: LocalClerk) -> None:
    clerk = clerk_with_session_events
    user_id = clerk.users.create(username="ada")["id"]
    clerk.sessions.create(user_id)
    clerk.users.delete(user_id)
    assert types_of(clerk)[2:] == ["session.removed", "user.deleted"]


def test_by_default_only_users_are_announced(clerk: LocalClerk) -> None:
    user_id = clerk.users.create(username="ada")["id"]
    clerk.sessions.create(user_id)
    assert types_of(clerk) == ["user.created"]


def test_a_session_ends_once(clerk_with_session_events: LocalClerk) -> None:
    clerk = clerk_with_session_events
    session = clerk.sessions.create(clerk.users.create(username="ada")["id"])
    assert clerk.sessions.finish(session.id, "revoked").status == "revoked"
    assert clerk.sessions.finish(session.id, "ended").status == "revoked"
    assert types_of(clerk).count("session.ended") == 0


def test_a_session_expires_after_seven_days() -> None:
    now_ms = [1_700_000_000_000]
    directory, ids = UserStore(), Ids(1)
    user = example_user(ids, now_ms[0])
    directory.put(user)
    sessions = Sessions(directory, ids, lambda: now_ms[0], lambda *_: None)
    session = sessions.create(user.id)
    now_ms[0] += LIFETIME_MS - 1
    assert sessions.get_active(session.id) == session
    now_ms[0] += 1
    assert sessions.get(session.id).status == "expired"
    with pytest.raises(ClerkApiError, match="404"):
        sessions.get_active(session.id)
