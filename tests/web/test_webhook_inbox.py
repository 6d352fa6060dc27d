"""Ignored, parked and refused deliveries, and their rows in the inbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.web.deliveries import USER, Deliver, Query, created, deleted, outcome


def test_every_delivery_leaves_a_row_in_the_inbox(deliver: Deliver, query: Query) -> None:
    deliver(created(), "msg_1")
    deliver(clerk_event("organization.created", {"id": "org_1"}), "msg_2")
    rows = query("SELECT svix_id, type, clerk_id, outcome, reason, payload FROM webhook_events ORDER BY svix_id")
    assert rows == [
        ("msg_1", "user.created", USER, "applied", None, None),
        ("msg_2", "organization.created", None, "ignored", None, None),
    ]


@pytest.mark.parametrize("type_", ["organization.created", "session.created", "user.teleported", "ünknown"])
def test_events_that_are_not_mirrored_are_ignored(deliver: Deliver, query: Query, type_: str) -> None:
    """W16"""
    assert outcome(deliver(clerk_event(type_, {"id": "x"}))) == "ignored"
    assert query("SELECT count(*) FROM users") == [(0,)]


def test_a_deletion_without_an_id_is_parked(deliver: Deliver, query: Query) -> None:
    """W12"""
    event = clerk_event("user.deleted", {"object": "user", "deleted": True})
    assert outcome(deliver(event, "msg_1")) == "parked"
    assert query("SELECT count(*) FROM users") == [(0,)]
    ((stored, reason),) = query("SELECT payload, reason FROM webhook_events WHERE outcome = 'parked'")
    assert json.loads(stored) == event
    assert "id" in reason


@pytest.mark.parametrize(
    "event",
    [
        [],
        "text",
        17,
        None,
        {},
        {"type": "user.created"},
        {"data": {}},
        {"type": 5, "data": {}},
        clerk_event("user.created", None),
        clerk_event("user.created", []),
        clerk_event("user.created", clerk_user(id=7)),
        clerk_event("user.created", clerk_user(id=None)),
        clerk_event("user.created", clerk_user(id="")),
        clerk_event("user.created", clerk_user(id="org_1")),
        clerk_event("user.created", clerk_user(updated_at=None)),
        clerk_event("user.created", clerk_user(updated_at="yesterday")),
        clerk_event("user.created", clerk_user(updated_at=-1)),
        clerk_event("user.created", clerk_user(updated_at=10**30)),
        clerk_event("user.created", clerk_user(first_name={"a": 1})),
        clerk_event("user.created", clerk_user(email_addresses={})),
        clerk_event("user.created", clerk_user(banned="yes")),
        clerk_event("user.updated", clerk_user(), instance_id=42),
        clerk_event(
            "user.created",
            clerk_user(email_addresses=[{"id": "idn_1", "email_address": "a" * 5000 + "@example.com"}]),
        ),
        b'{"type":"user.created","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 200_000 + b"]" * 200_000,
        b'{"type":"user.deleted","data":{"id":"\\ud800"}}',
    ],
)
def test_signed_json_that_cannot_be_mapped_is_parked_with_its_reason(
    deliver: Deliver, query: Query, event: object
) -> None:
    """W17"""
    assert outcome(deliver(event, "msg_1")) == "parked"
    assert query("SELECT count(*) FROM users") == [(0,)]
    assert query("SELECT outcome, payload IS NOT NULL, reason <> '' FROM webhook_events") == [("parked", True, True)]


def test_a_deletion_removes_the_users_parked_payloads(deliver: Deliver, query: Query) -> None:
    odd = clerk_event("user.updated", clerk_user(email_addresses="odd"))
    assert outcome(deliver(odd, "msg_1")) == "parked"
    assert outcome(deliver(deleted(), "msg_2")) == "applied"
    assert outcome(deliver(odd, "msg_3")) == "stale"
    assert query("SELECT svix_id, outcome, payload FROM webhook_events ORDER BY 1") == [
        ("msg_1", "stale", None),
        ("msg_2", "applied", None),
        ("msg_3", "stale", None),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b"nope",
        b'{"a": NaN}',
        b'{"type":"user.created","data":{]}',
        b"[not json",
        b"5 garbage",
        b"nullx",
        b'{"type":5,garbage}',
        b"{} {}",
        b"[" * 100_000,
    ],
)
def test_a_signed_body_that_is_not_json_is_refused(deliver: Deliver, query: Query, body: bytes) -> None:
    """W17"""
    assert deliver(body).status_code == 400
    assert query("SELECT count(*) FROM webhook_events") == [(0,)]


def test_while_the_database_is_down_nothing_is_remembered_and_the_retry_works(
    make_app: Callable[..., Flask], deliver: Deliver, query: Query
) -> None:
    """W18"""
    body = json.dumps(created()).encode()
    headers = sign_delivery(body, "msg_1")
    down = make_app(database_url="postgresql://127.0.0.1:1/none").test_client()
    response = down.post("/api/webhooks/clerk", data=body, headers=headers, content_type="application/json")
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert "127.0.0.1" not in response.get_data(as_text=True)
    assert outcome(deliver(created(), "msg_1")) == "applied"
    assert query("SELECT count(*) FROM users") == [(1,)]


def test_the_effect_and_its_inbox_row_are_one_transaction(deliver: Deliver, query: Query, operator: Any) -> None:
    """W18: if the inbox cannot be written, nothing is written."""
    query("ALTER TABLE webhook_events ADD CONSTRAINT no_room CHECK (false) NOT VALID")
    try:
        assert deliver(created(), "msg_1").status_code == 500
        assert query("SELECT count(*) FROM users") == [(0,)]
    finally:
        query("ALTER TABLE webhook_events DROP CONSTRAINT no_room")
    assert outcome(deliver(created(), "msg_1")) == "applied"
