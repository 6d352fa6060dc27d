"""Signed deliveries with odd JSON: applied if the value is not read, parked if it is, never 500."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from clerk_sync.mirror.inbox.apply import replay
from clerk_sync.mirror.inbox.parked import find_parked
from clerk_sync.services import services
from tests.conftest import clerk_event, clerk_user
from tests.hostile_json import BROKEN_TEXTS, ODD_VALUES, UNREADABLE_VALUES, encode, texts
from tests.web.deliveries import USER, Deliver, Query, created, deleted, outcome, updated

NO_TIMES = [b"-1", b"-62135596800000", b"-0.5", b"true", b'"yesterday"', b"{}", b"9" * 40, *ODD_VALUES.values()]


def inbox(query: Query) -> dict[str, Any]:
    columns = ("svix_id", "type", "clerk_id", "event_at", "outcome", "reason", "payload")
    ((*values,),) = query(f"SELECT {', '.join(columns)} FROM webhook_events ORDER BY received_at DESC LIMIT 1")
    return dict(zip(columns, values, strict=True))


@pytest.mark.parametrize("type_", ["user.created", "user.updated", "user.deleted", "session.created"])
def test_odd_values_in_fields_that_are_not_read_change_no_outcome(deliver: Deliver, query: Query, type_: str) -> None:
    for number, odd in enumerate(map(Raw, ODD_VALUES.values())):
        user = clerk_user(f"user_{number}", unsafe_metadata={"a": [odd]}, external_id=odd)
        event = clerk_event(type_, user, event_attributes={"http_request": odd}, object=odd, unread=odd)
        assert outcome(deliver(encode(event))) == ("ignored" if type_ == "session.created" else "applied")
        assert query("SELECT banned FROM users WHERE clerk_id = %s", user["id"]) == [(False,)] * (
            type_ != "session.created"
        )


def test_an_invalid_timestamp_counts_as_0(deliver: Deliver, query: Query) -> None:
    for number, timestamp in enumerate([*NO_TIMES, b"null"]):
        user = clerk_user(f"user_{number}")
        assert outcome(deliver(encode(clerk_event("user.created", user, timestamp=Raw(timestamp))))) == "applied"
        assert (inbox(query)["event_at"], inbox(query)["clerk_id"]) == (0, user["id"]), timestamp[:20]


def test_an_invalid_creation_time_does_not_stop_a_ban(deliver: Deliver, query: Query) -> None:
    for number, created_at in enumerate([*NO_TIMES, b"null", b"0"]):
        user = clerk_user(f"user_{number}", created_at=Raw(created_at))
        assert outcome(deliver(encode(clerk_event("user.created", user)))) == "applied"
        banned = user | {"banned": True, "updated_at": user["updated_at"] + 1}
        assert outcome(deliver(encode(clerk_event("user.updated", banned)))) == "applied"
        rows = query("SELECT banned, clerk_created_at FROM users WHERE clerk_id = %s", user["id"])
        assert rows == [(True, 0)], created_at[:20]


READ = [
    ("envelope", "type"),
    ("envelope", "instance_id"),
    ("envelope", "data"),
    *(("user", name) for name in ("id", "updated_at", "first_name", "last_name", "username", "image_url")),
    *(("user", name) for name in ("banned", "deprovisioned", "primary_email_address_id", "email_addresses")),
    *(("address", name) for name in ("id", "email_address", "verification")),
]


@pytest.mark.parametrize(("where", "field"), READ)
def test_an_unreadable_value_that_is_read_is_parked_and_can_be_replayed(
    app: Flask, deliver: Deliver, query: Query, where: str, field: str
) -> None:
    for name, odd in UNREADABLE_VALUES.items():
        if (field, odd[:1]) == ("verification", b"{"):
            continue  # an object is the right type, and its content is not read
        user = clerk_user()
        event = clerk_event("user.created", user)
        place = {"envelope": event, "user": user, "address": user["email_addresses"][0]}[where]
        place[field] = Raw(odd)
        # The payload also has bytes that are not UTF-8. They are stored as text.
        body = encode(event | {"unread": Raw(b'"\xff"')})
        assert outcome(deliver(body)) == "parked", name
        row = inbox(query)
        assert row["payload"] == body.decode(errors="replace")
        assert row["reason"]
        with app.app_context():
            statements = services().pool
            (parked,) = find_parked(statements, [row["svix_id"]])
            assert replay(statements, parked)[1:] == ("parked", row["reason"])
    assert query("SELECT count(*) FROM users") == [(0,)]


def test_an_event_parked_for_odd_values_is_applied_once_readable(app: Flask, deliver: Deliver, query: Query) -> None:
    """The stored payload has the content of the delivery. Here only its version was unreadable."""
    for number, odd in enumerate(ODD_VALUES.values()):
        user = clerk_user(
            f"user_{number}", first_name=Raw(b'"a\\ud83d\\u0000\xff"'), unread=Raw(odd), updated_at="later"
        )
        assert outcome(deliver(encode(clerk_event("user.created", user)), f"msg_{number}")) == "parked"
        query("UPDATE webhook_events SET payload = replace(payload, '\"later\"', '7') WHERE outcome = 'parked'")
        with app.app_context():
            statements = services().pool
            outcomes = [replay(statements, parked).outcome for parked in find_parked(statements)]
        assert outcomes == ["applied"]
    names = query("SELECT DISTINCT first_name FROM users")
    assert names == [("a\ufffd\ufffd",)]


def test_a_deletion_whose_id_cannot_be_read_is_parked(deliver: Deliver, query: Query) -> None:
    for odd in ODD_VALUES.values():
        assert outcome(deliver(encode(deleted(id=Raw(odd))))) == "parked"
        assert outcome(deliver(encode(deleted(id="user_1", external_id=Raw(odd))))) in ("applied", "stale")
    assert query("SELECT clerk_id FROM users") == [("user_1",)]


def test_broken_text_is_mirrored_with_replacement_characters(deliver: Deliver, query: Query) -> None:
    columns = ("first_name", "last_name", "username", "image_url", "email")
    for version, odd in enumerate(map(Raw, BROKEN_TEXTS.values()), start=1):
        address = {"id": "idn_1", "email_address": odd, "verification": {"status": odd}}
        event = updated(version, email_addresses=[address], **dict.fromkeys(columns[:4], odd))
        assert outcome(deliver(encode(event))) == "applied"
        (row,) = query(f"SELECT {', '.join(columns)} FROM users")
        assert {text.replace("\ufffd", "") for text in row} == {"a b"}
        assert all("\ufffd" in text for text in row)


def test_broken_text_in_type_and_instance_is_stored_with_replacement_characters(deliver: Deliver, query: Query) -> None:
    for odd in map(Raw, BROKEN_TEXTS.values()):
        assert outcome(deliver(encode(created() | {"type": odd}))) == "ignored"
        assert "\ufffd" in inbox(query)["type"]
        assert outcome(deliver(encode(created(id=USER) | {"instance_id": odd}))) in ("foreign", "applied", "unchanged")


def test_a_body_of_broken_text_alone_is_not_json(deliver: Deliver, query: Query) -> None:
    for body in (b"\xff", b"\xff\xfe{}", b'{"type": "x", "data": {}, \xff}', encode(created())[:-1] + b"\xe2\x82"):
        assert deliver(body).status_code == 400
    assert query("SELECT count(*) FROM webhook_events") == [(0,)]


NAMES = [*clerk_event("user.created", {}), *clerk_user()]
VALUES = [encode(value) for value in (*clerk_user().values(), clerk_user(), "user.created", "user.deleted", created())]


@given(
    body=texts(NAMES, VALUES)
    | st.builds(lambda data: encode(clerk_event("user.updated", Raw(data))), texts(NAMES, VALUES))
)
def test_no_signed_body_is_answered_500(deliver: Deliver, body: bytes) -> None:
    assert deliver(body).status_code in (200, 400)
