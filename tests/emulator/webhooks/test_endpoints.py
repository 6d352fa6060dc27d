"""Endpoints that are several, missing, slow, silent, or tell the sender to stop."""

from __future__ import annotations

import socket
import threading

import pytest

from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.webhooks.messages import State
from tests.emulator.conftest import Endpoint


@pytest.mark.parametrize(("control", "disabled"), [("abort-message", False), ("disable", True)])
def test_the_endpoint_can_end_a_message_or_itself(
    clerk: LocalClerk, endpoint: Endpoint, control: str, disabled: bool
) -> None:
    endpoint.answers = [(500, {"webhook-delivery": control})]
    clerk.users.create(username="ada")
    clerk.webhook_sender.wait_idle()
    clerk.users.create(username="bob")
    clerk.webhook_sender.wait_idle()
    assert clerk.webhook_sender.disabled is disabled
    states = [message.state for message in clerk.webhook_sender.messages.values()]
    assert states == [State.FAILED, State.MISSING if disabled else State.DELIVERED]


def test_without_an_endpoint_messages_are_missing_until_there_is_one(endpoint: Endpoint) -> None:
    with LocalClerk.start() as clerk:
        clerk.users.create(username="ada")
        clerk.webhook_sender.wait_idle()
        clerk.webhook_sender.urls = [endpoint.url]
        assert clerk.webhook_sender.replay_missing() == 1
        clerk.webhook_sender.wait_idle()
    assert len(endpoint.received) == 1


def test_several_addresses_take_turns(endpoint: Endpoint) -> None:
    with LocalClerk.start(webhook_url=[endpoint.url, endpoint.url + "2"], senders=1) as clerk:
        for number in range(4):
            clerk.users.create(username=f"u{number}")
        clerk.webhook_sender.wait_idle()
        assert {each.url for each in clerk.webhook_sender.deliveries} == {endpoint.url, endpoint.url + "2"}


def test_an_endpoint_that_is_not_there_is_an_attempt_without_a_status() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        with LocalClerk.start(webhook_url=url, schedule_factor=0.000001) as clerk:
            clerk.users.create(username="ada")
            clerk.webhook_sender.wait_idle()
            assert len(clerk.webhook_sender.deliveries) == 8
            assert {(each.status, each.error) for each in clerk.webhook_sender.deliveries} == {
                (None, "NewConnectionError")
            }


def test_an_endpoint_that_does_not_answer_in_time_has_failed(endpoint: Endpoint) -> None:
    endpoint.gate.clear()
    with LocalClerk.start(webhook_url=endpoint.url, delivery_timeout_s=0.1, schedule_factor=100.0) as clerk:
        answered = threading.Event()
        clerk.webhook_sender.watch(lambda _: answered.set())
        clerk.users.create(username="ada")
        assert answered.wait(5)
        (delivery,) = clerk.webhook_sender.deliveries
        assert (delivery.status, delivery.error) == (None, "ReadTimeoutError")
        assert next(iter(clerk.webhook_sender.messages.values())).state is State.WAITING
    endpoint.gate.set()


def test_a_slow_endpoint_holds_up_only_one_of_several_senders(endpoint: Endpoint) -> None:
    endpoint.gate.clear()
    with LocalClerk.start(webhook_url=endpoint.url, senders=4) as clerk:
        for number in range(4):
            clerk.users.create(username=f"u{number}")
        endpoint.wait_for(4)
        endpoint.gate.set()
        clerk.webhook_sender.wait_idle()
