"""Webhooks on request dropped, doubled, shuffled or held back."""

from __future__ import annotations

from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.webhooks.messages import State
from tests.emulator.conftest import Endpoint


def test_a_dropped_message_is_missing_until_it_is_replayed(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.faults.drop("user.created")
    user_id = clerk.users.create(username="ada")["id"]
    clerk.users.ban(user_id)
    clerk.webhook_sender.wait_idle()
    assert [each.type for each in clerk.webhook_sender.deliveries] == ["user.updated"]
    assert clerk.webhook_sender.replay_missing() == 1
    clerk.webhook_sender.wait_idle()
    assert [each.type for each in clerk.webhook_sender.deliveries] == ["user.updated", "user.created"]


def test_a_doubled_message_arrives_twice_under_one_id(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.faults.double()
    clerk.users.create(username="ada")
    clerk.users.create(username="bob")
    clerk.webhook_sender.wait_idle()
    assert len(endpoint.ids) == 3
    assert endpoint.ids[0] == endpoint.ids[1]
    assert len(set(endpoint.ids)) == 2


def test_shuffled_messages_arrive_complete_and_in_another_order(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.faults.shuffle(10)
    for number in range(15):
        clerk.users.create(username=f"u{number}")
    clerk.webhook_sender.wait_idle()
    sent = list(clerk.webhook_sender.messages)
    assert sorted(endpoint.ids) == sorted(sent)
    assert endpoint.ids != sent
    assert set(endpoint.ids[:10]) == set(sent[:10])


def test_a_delayed_message_is_overtaken(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.faults.delay(0.3, "user.created")
    user_id = clerk.users.create(username="ada")["id"]
    clerk.users.ban(user_id)
    clerk.webhook_sender.wait_idle()
    assert [each.type for each in clerk.webhook_sender.deliveries] == ["user.updated", "user.created"]


def test_the_same_seed_drops_the_same_messages(endpoint: Endpoint) -> None:
    arrived = []
    for _ in range(2):
        with LocalClerk.start(webhook_url=endpoint.url, seed=3, senders=1) as clerk:
            clerk.faults.drop(times=None, probability=0.5)
            for number in range(30):
                clerk.users.create(username=f"u{number}")
            clerk.webhook_sender.wait_idle()
            arrived.append([message.state for message in clerk.webhook_sender.messages.values()])
    assert arrived[0] == arrived[1]
    assert {State.DELIVERED, State.MISSING} == set(arrived[0])
