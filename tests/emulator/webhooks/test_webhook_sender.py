"""Webhooks leave signed, are tried again under their id, and are waited for."""

from __future__ import annotations

import threading

import pytest

from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.webhooks.messages import State
from clerk_sync.emulator.webhooks.schedule import Schedule
from tests.emulator.conftest import Endpoint
from tests.emulator.proof import proves


def test_a_webhook_is_signed_and_has_clerks_envelope(clerk: LocalClerk, endpoint: Endpoint) -> None:
    user = clerk.users.create(email="ada@example.com", at_ms=1_744_276_393_644)
    clerk.webhook_sender.wait_idle()
    (received,) = endpoint.received
    assert proves(received, clerk.webhook_secret)
    assert not proves(received, "whsec_" + "A" * 32)
    assert received.headers["content-type"] == "application/json"
    (message,) = clerk.webhook_sender.messages.values()
    assert received.body == message.body
    assert message.payload["data"] == user
    envelope = {name: value for name, value in message.payload.items() if name not in ("data", "event_attributes")}
    assert envelope == {
        "instance_id": clerk.instance_id,
        "object": "event",
        "timestamp": 1_744_276_393_644,
        "type": "user.created",
    }
    assert set(message.payload["event_attributes"]["http_request"]) == {"client_ip", "user_agent"}


def test_any_event_and_any_bytes_can_be_sent(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.webhook_sender.send("organization.created", {"id": "org_1"}, 5)
    clerk.webhook_sender.send_body("nonsense", b"no json")
    clerk.webhook_sender.wait_idle()
    assert endpoint.received[1].body == b"no json"
    assert all(proves(each, clerk.webhook_secret) for each in endpoint.received)


@pytest.mark.parametrize("status", [301, 308, 400, 404, 500, 503])
def test_everything_but_2xx_is_tried_again_under_the_same_id(
    clerk: LocalClerk, endpoint: Endpoint, status: int
) -> None:
    endpoint.answers = [(status, {"Location": "/elsewhere"})] * 2
    clerk.users.create(username="ada")
    clerk.webhook_sender.wait_idle()
    assert [(each.attempt, each.status) for each in clerk.webhook_sender.deliveries] == [
        (1, status),
        (2, status),
        (3, 200),
    ]
    assert len(set(endpoint.ids)) == 1
    assert len({each.body for each in endpoint.received}) == 1
    assert all(proves(each, clerk.webhook_secret) for each in endpoint.received)


def test_a_retry_carries_the_time_of_its_own_attempt(clerk: LocalClerk, endpoint: Endpoint) -> None:
    endpoint.answers = [(500, {})]
    clerk.webhook_sender.schedule = Schedule(0.005)
    clerk.users.create(username="ada")
    clerk.webhook_sender.wait_idle()
    first, second = clerk.webhook_sender.deliveries
    assert second.sent_at_ms >= first.sent_at_ms + 20
    stamps = [int(each.headers["svix-timestamp"]) for each in endpoint.received]
    assert stamps == [first.sent_at_ms // 1000, second.sent_at_ms // 1000]


def test_after_eight_attempts_a_message_is_given_up_until_it_is_replayed(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.webhook_sender.schedule = Schedule(0.000001)
    endpoint.answers = [(500, {})] * 8
    clerk.users.create(username="ada")
    clerk.webhook_sender.wait_idle()
    (message,) = clerk.webhook_sender.messages.values()
    assert (message.attempts, message.state) == (8, State.FAILED)
    assert clerk.webhook_sender.replay_failed() == 1
    clerk.webhook_sender.wait_idle()
    assert message.state is State.DELIVERED
    assert set(endpoint.ids) == {message.svix_id}
    assert clerk.webhook_sender.replay_failed() == 0


def test_a_manual_resend_that_fails_is_not_retried(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.users.create(username="ada")
    clerk.webhook_sender.wait_idle()
    endpoint.answers = [(500, {})]
    clerk.webhook_sender.redeliver(endpoint.ids[0])
    clerk.webhook_sender.wait_idle()
    assert [each.status for each in clerk.webhook_sender.deliveries] == [200, 500]


def test_nothing_leaves_while_the_courier_is_paused(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.webhook_sender.pause()
    clerk.users.create(username="ada")
    clerk.webhook_sender.wait_idle()
    assert endpoint.received == []
    clerk.webhook_sender.resume()
    clerk.webhook_sender.wait_idle()
    assert len(endpoint.received) == 1


def test_waiting_for_idleness_says_what_is_left(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.webhook_sender.schedule = Schedule(1000.0)
    endpoint.answers = [(500, {})]
    clerk.users.create(username="ada")
    with pytest.raises(TimeoutError, match="1 are queued"):
        clerk.webhook_sender.wait_idle(0.3)


def test_stopping_leaves_no_sender_behind(endpoint: Endpoint) -> None:
    of_other_tests = sender_count()
    with LocalClerk.start(webhook_url=endpoint.url, senders=8) as clerk:
        clerk.users.create(username="ada")
        clerk.webhook_sender.wait_idle()
        assert sender_count() == of_other_tests + 8
    assert sender_count() == of_other_tests


def sender_count() -> int:
    return sum(thread.name == "local-clerk-sender" for thread in threading.enumerate())
