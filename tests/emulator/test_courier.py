from __future__ import annotations

import socket
import threading

import pytest
from svix.webhooks import Webhook, WebhookVerificationError

from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.messages import State
from clerk_sync.emulator.schedule import Schedule
from tests.emulator.conftest import Endpoint, Received


def proves(received: Received, secret: str) -> bool:
    try:
        Webhook(secret).verify(received.body, received.headers)
    except WebhookVerificationError:
        return False
    return True


def test_a_webhook_is_signed_and_has_clerks_envelope(clerk: LocalClerk, endpoint: Endpoint) -> None:
    user = clerk.users.create(email="ada@example.com", at_ms=1_744_276_393_644)
    clerk.courier.wait_idle()
    (received,) = endpoint.received
    assert proves(received, clerk.webhook_secret)
    assert not proves(received, "whsec_" + "A" * 32)
    assert received.headers["content-type"] == "application/json"
    (message,) = clerk.courier.messages.values()
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


def test_the_signature_is_of_now_whatever_the_records_clock_says(endpoint: Endpoint) -> None:
    with LocalClerk.start(webhook_url=endpoint.url, clock_ms=lambda: 1000) as clerk:
        clerk.users.create(username="ada")
        clerk.courier.wait_idle()
    assert proves(endpoint.received[0], clerk.webhook_secret)


@pytest.mark.parametrize("status", [301, 308, 400, 404, 500, 503])
def test_everything_but_2xx_is_tried_again_under_the_same_id(
    clerk: LocalClerk, endpoint: Endpoint, status: int
) -> None:
    endpoint.answers = [(status, {"Location": "/elsewhere"})] * 2
    clerk.users.create(username="ada")
    clerk.courier.wait_idle()
    assert [(each.attempt, each.status) for each in clerk.courier.deliveries] == [(1, status), (2, status), (3, 200)]
    assert len(set(endpoint.ids)) == 1
    assert len({each.body for each in endpoint.received}) == 1
    assert all(proves(each, clerk.webhook_secret) for each in endpoint.received)


def test_a_retry_carries_the_time_of_its_own_attempt(clerk: LocalClerk, endpoint: Endpoint) -> None:
    endpoint.answers = [(500, {})]
    clerk.courier.schedule = Schedule(0.005)
    clerk.users.create(username="ada")
    clerk.courier.wait_idle()
    first, second = clerk.courier.deliveries
    assert second.sent_at_ms >= first.sent_at_ms + 20
    stamps = [int(each.headers["svix-timestamp"]) for each in endpoint.received]
    assert stamps == [first.sent_at_ms // 1000, second.sent_at_ms // 1000]


def test_after_eight_attempts_a_message_is_given_up_until_it_is_replayed(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.courier.schedule = Schedule(0.000001)
    endpoint.answers = [(500, {})] * 8
    clerk.users.create(username="ada")
    clerk.courier.wait_idle()
    (message,) = clerk.courier.messages.values()
    assert (message.attempts, message.state) == (8, State.FAILED)
    assert clerk.courier.replay_failed() == 1
    clerk.courier.wait_idle()
    assert message.state is State.DELIVERED
    assert set(endpoint.ids) == {message.svix_id}
    assert clerk.courier.replay_failed() == 0


def test_a_manual_resend_that_fails_is_not_retried(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.users.create(username="ada")
    clerk.courier.wait_idle()
    endpoint.answers = [(500, {})]
    clerk.courier.redeliver(endpoint.ids[0])
    clerk.courier.wait_idle()
    assert [each.status for each in clerk.courier.deliveries] == [200, 500]


def test_a_dropped_message_is_missing_until_it_is_replayed(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.faults.drop("user.created")
    user_id = clerk.users.create(username="ada")["id"]
    clerk.users.ban(user_id)
    clerk.courier.wait_idle()
    assert [each.type for each in clerk.courier.deliveries] == ["user.updated"]
    assert clerk.courier.replay_missing() == 1
    clerk.courier.wait_idle()
    assert [each.type for each in clerk.courier.deliveries] == ["user.updated", "user.created"]


def test_a_doubled_message_arrives_twice_under_one_id(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.faults.double()
    clerk.users.create(username="ada")
    clerk.users.create(username="bob")
    clerk.courier.wait_idle()
    assert len(endpoint.ids) == 3
    assert endpoint.ids[0] == endpoint.ids[1]
    assert len(set(endpoint.ids)) == 2


def test_shuffled_messages_arrive_complete_and_in_another_order(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.faults.shuffle(10)
    for number in range(15):
        clerk.users.create(username=f"u{number}")
    clerk.courier.wait_idle()
    sent = list(clerk.courier.messages)
    assert sorted(endpoint.ids) == sorted(sent)
    assert endpoint.ids != sent
    assert set(endpoint.ids[:10]) == set(sent[:10])


def test_a_delayed_message_is_overtaken(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.faults.delay(0.3, "user.created")
    user_id = clerk.users.create(username="ada")["id"]
    clerk.users.ban(user_id)
    clerk.courier.wait_idle()
    assert [each.type for each in clerk.courier.deliveries] == ["user.updated", "user.created"]


def test_the_same_seed_drops_the_same_messages(endpoint: Endpoint) -> None:
    arrived = []
    for _ in range(2):
        with LocalClerk.start(webhook_url=endpoint.url, seed=3, senders=1) as clerk:
            clerk.faults.drop(times=None, probability=0.5)
            for number in range(30):
                clerk.users.create(username=f"u{number}")
            clerk.courier.wait_idle()
            arrived.append([message.state for message in clerk.courier.messages.values()])
    assert arrived[0] == arrived[1]
    assert {State.DELIVERED, State.MISSING} == set(arrived[0])


def test_nothing_leaves_while_the_courier_is_paused(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.courier.pause()
    clerk.users.create(username="ada")
    clerk.courier.wait_idle()
    assert endpoint.received == []
    clerk.courier.resume()
    clerk.courier.wait_idle()
    assert len(endpoint.received) == 1


def test_both_secrets_sign_while_one_is_being_rotated(clerk: LocalClerk, endpoint: Endpoint) -> None:
    old = clerk.webhook_secret
    new = clerk.rotate_webhook_secret()
    clerk.users.create(username="ada")
    clerk.courier.wait_idle()
    (received,) = endpoint.received
    assert new == clerk.webhook_secret != old
    assert len(received.headers["svix-signature"].split(" ")) == 2
    assert proves(received, old)
    assert proves(received, new)


def test_a_rotation_without_grace_ends_the_old_secret_at_once(clerk: LocalClerk, endpoint: Endpoint) -> None:
    old = clerk.webhook_secret
    clerk.rotate_webhook_secret(grace_s=0)
    clerk.users.create(username="ada")
    clerk.courier.wait_idle()
    assert not proves(endpoint.received[0], old)


@pytest.mark.parametrize(("control", "disabled"), [("abort-message", False), ("disable", True)])
def test_the_endpoint_can_end_a_message_or_itself(
    clerk: LocalClerk, endpoint: Endpoint, control: str, disabled: bool
) -> None:
    endpoint.answers = [(500, {"webhook-delivery": control})]
    clerk.users.create(username="ada")
    clerk.courier.wait_idle()
    clerk.users.create(username="bob")
    clerk.courier.wait_idle()
    assert clerk.courier.disabled is disabled
    states = [message.state for message in clerk.courier.messages.values()]
    assert states == [State.FAILED, State.MISSING if disabled else State.DELIVERED]


def test_without_an_endpoint_messages_are_missing_until_there_is_one(endpoint: Endpoint) -> None:
    with LocalClerk.start() as clerk:
        clerk.users.create(username="ada")
        clerk.courier.wait_idle()
        clerk.courier.urls = [endpoint.url]
        assert clerk.courier.replay_missing() == 1
        clerk.courier.wait_idle()
    assert len(endpoint.received) == 1


def test_several_addresses_take_turns(endpoint: Endpoint) -> None:
    with LocalClerk.start(webhook_url=[endpoint.url, endpoint.url + "2"], senders=1) as clerk:
        for number in range(4):
            clerk.users.create(username=f"u{number}")
        clerk.courier.wait_idle()
        assert {each.url for each in clerk.courier.deliveries} == {endpoint.url, endpoint.url + "2"}


def test_an_endpoint_that_is_not_there_is_an_attempt_without_a_status() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        with LocalClerk.start(webhook_url=url, schedule_factor=0.000001) as clerk:
            clerk.users.create(username="ada")
            clerk.courier.wait_idle()
            assert len(clerk.courier.deliveries) == 8
            assert {(each.status, each.error) for each in clerk.courier.deliveries} == {(None, "NewConnectionError")}


def test_an_endpoint_that_does_not_answer_in_time_has_failed(endpoint: Endpoint) -> None:
    endpoint.gate.clear()
    with LocalClerk.start(webhook_url=endpoint.url, delivery_timeout_s=0.1, schedule_factor=100.0) as clerk:
        answered = threading.Event()
        clerk.courier.watch(lambda _: answered.set())
        clerk.users.create(username="ada")
        assert answered.wait(5)
        (delivery,) = clerk.courier.deliveries
        assert (delivery.status, delivery.error) == (None, "ReadTimeoutError")
        assert next(iter(clerk.courier.messages.values())).state is State.WAITING
    endpoint.gate.set()


def test_waiting_for_idleness_says_what_is_left(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.courier.schedule = Schedule(1000.0)
    endpoint.answers = [(500, {})]
    clerk.users.create(username="ada")
    with pytest.raises(TimeoutError, match="1 are queued"):
        clerk.courier.wait_idle(0.3)


def test_any_event_and_any_bytes_can_be_sent(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.courier.send("organization.created", {"id": "org_1"}, 5)
    clerk.courier.send_body("nonsense", b"no json")
    clerk.courier.wait_idle()
    assert endpoint.received[1].body == b"no json"
    assert all(proves(each, clerk.webhook_secret) for each in endpoint.received)


def test_a_slow_endpoint_holds_up_only_one_of_several_senders(endpoint: Endpoint) -> None:
    endpoint.gate.clear()
    with LocalClerk.start(webhook_url=endpoint.url, senders=4) as clerk:
        for number in range(4):
            clerk.users.create(username=f"u{number}")
        endpoint.wait_for(4)
        endpoint.gate.set()
        clerk.courier.wait_idle()


def test_stopping_leaves_no_sender_behind(endpoint: Endpoint) -> None:
    with LocalClerk.start(webhook_url=endpoint.url, senders=8) as clerk:
        clerk.users.create(username="ada")
        clerk.courier.wait_idle()
        assert sender_count() == 8
    assert sender_count() == 0


def sender_count() -> int:
    return sum(thread.name == "local-clerk-sender" for thread in threading.enumerate())
