from __future__ import annotations

import json

import pytest
from svix.webhooks import Webhook

from clerk_sync.emulator import ClerkApiError
from clerk_sync.emulator.webhooks.example_events import event_types
from clerk_sync.emulator.webhooks.trigger import trigger_offline
from tests.emulator.conftest import Endpoint

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_every_type_of_clerks_catalogue_has_an_example() -> None:
    assert len(event_types()) == 45


def test_an_example_is_delivered_signed_with_the_given_secret(endpoint: Endpoint) -> None:
    (delivery,) = trigger_offline({"type": "user.created"}, endpoint.url, SECRET)
    assert delivery.succeeded
    Webhook(SECRET).verify(endpoint.received[0].body, endpoint.received[0].headers)


def test_twice_is_one_message_delivered_two_times(endpoint: Endpoint) -> None:
    deliveries = trigger_offline({"type": "user.deleted", "twice": True}, endpoint.url)
    assert [delivery.attempt for delivery in deliveries] == [1, 2]
    assert len(set(endpoint.ids)) == 1


@pytest.mark.parametrize(
    ("event_type", "types"),
    [
        ("user.created", ["user.updated", "user.created"]),
        ("user.updated", ["user.updated", "user.updated"]),
        ("user.deleted", ["user.deleted", "user.updated"]),
        ("organization.created", ["organization.created", "organization.created"]),
    ],
)
def test_out_of_order_brings_the_newer_version_of_one_thing_first(
    endpoint: Endpoint, event_type: str, types: list[str]
) -> None:
    trigger_offline({"type": event_type, "out_of_order": True}, endpoint.url)
    events = [json.loads(each.body) for each in endpoint.received]
    assert [event["type"] for event in events] == types
    assert events[0]["data"]["id"] == events[1]["data"]["id"]
    assert events[0]["timestamp"] > events[1]["timestamp"]
    if "updated_at" in events[0]["data"]:
        assert events[0]["data"]["updated_at"] > events[1]["data"]["updated_at"]


def test_an_unknown_type_is_refused_with_the_known_ones(endpoint: Endpoint) -> None:
    with pytest.raises(ClerkApiError, match=r"user\.created"):
        trigger_offline({"type": "user.exploded"}, endpoint.url)
    assert endpoint.received == []


def test_nobody_there_is_a_delivery_that_failed() -> None:
    (delivery,) = trigger_offline({"type": "user.created"}, "http://127.0.0.1:9/")
    assert not delivery.succeeded
