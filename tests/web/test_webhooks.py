"""Deliveries become rows: every outcome of the contract, and the edge cases W1 to W22 of Clerk and Svix."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from svix.webhooks import Webhook
from werkzeug.test import TestResponse

from clerk_sync.clerk.signature import WebhookVerifier
from clerk_sync.extensions import db, services
from tests.conftest import INSTANCE_ID, WEBHOOK_SECRET, clerk_event, clerk_user, sign_delivery

Deliver = Callable[..., TestResponse]
Query = Callable[..., list[tuple[Any, ...]]]

USER = "user_2aaaaaaaaaaaaaaaaaaaaaaaaaa"


def outcome(response: TestResponse) -> str:
    assert response.status_code == 200, response.get_data(as_text=True)
    body = response.get_json()
    assert set(body) == {"outcome"}
    return str(body["outcome"])


def created(**changes: Any) -> dict[str, Any]:
    return clerk_event("user.created", clerk_user(**changes))


def updated(updated_at: int, **changes: Any) -> dict[str, Any]:
    envelope = {key: changes.pop(key) for key in ("timestamp", "instance_id") if key in changes}
    return clerk_event("user.updated", clerk_user(updated_at=updated_at, **changes), **envelope)


def deleted(**data: Any) -> dict[str, Any]:
    return clerk_event("user.deleted", {"object": "user", "deleted": True, "id": USER} | data)


def test_a_created_user_is_in_the_mirror(deliver: Deliver, query: Query) -> None:
    assert outcome(deliver(created())) == "applied"
    assert query(
        "SELECT clerk_id, email, email_verified, first_name, last_name, image_url, role, banned, clerk_created_at,"
        " clerk_updated_at, deleted_at FROM users"
    ) == [
        (
            USER, "grace@example.com", True, "Grace", "Example", "https://img.clerk.com/example",
            "CLIENT", False, 1_700_000_000_000, 1_700_000_000_000, None,
        )
    ]  # fmt: skip


def test_every_delivery_leaves_a_row_in_the_inbox(deliver: Deliver, query: Query) -> None:
    deliver(created(), "msg_1")
    deliver(clerk_event("organization.created", {"id": "org_1"}), "msg_2")
    rows = query("SELECT svix_id, type, clerk_id, outcome, reason, payload FROM webhook_events ORDER BY svix_id")
    assert rows == [
        ("msg_1", "user.created", USER, "applied", None, None),
        ("msg_2", "organization.created", None, "ignored", None, None),
    ]


def test_the_published_deletion_vector_leaves_a_tombstone(app: Flask, query: Query) -> None:
    """W1"""
    body = b'{"data":{"deleted":true,"id":"user_a","object":"user"},"object":"event","type":"user.deleted"}'
    headers = {
        "svix-id": "msg_test_1",
        "svix-timestamp": "1700000000",
        "svix-signature": "v1,yfx+IOmBKrk82EwTubF40KEr3VzYQ+RnMTb4u49aIS4=",
    }
    with app.app_context():
        ours = services().webhooks
        services().__dict__["webhooks"] = WebhookVerifier(
            ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"], clock=lambda: 1_700_000_000
        )
    response = app.test_client().post(
        "/api/webhooks/clerk", data=body, headers=headers, content_type="application/json"
    )
    with app.app_context():
        services().__dict__["webhooks"] = ours
    assert outcome(response) == "applied"
    assert query("SELECT clerk_id, deleted_at IS NOT NULL FROM users") == [("user_a", True)]


def test_a_tampered_body_is_refused_and_writes_nothing(client: FlaskClient, query: Query) -> None:
    """W3"""
    body = json.dumps(created()).encode()
    headers = sign_delivery(body, "msg_1")
    pretty = json.dumps(json.loads(body), indent=2).encode()
    for forged in (body.replace(b"Grace", b"Mallory"), pretty):
        response = client.post("/api/webhooks/clerk", data=forged, headers=headers, content_type="application/json")
        assert response.status_code == 400
        assert response.content_type == "application/problem+json"
    assert query("SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM webhook_events)") == [(0, 0)]


def test_a_second_delivery_under_one_id_is_a_duplicate(deliver: Deliver, query: Query) -> None:
    """W9"""
    assert outcome(deliver(created(), "msg_1")) == "applied"
    assert outcome(deliver(created(), "msg_1")) == "duplicate"
    assert query("SELECT count(*) FROM users") == [(1,)]
    assert query("SELECT outcome, deliveries FROM webhook_events") == [("applied", 2)]


def test_the_same_content_under_a_new_id_writes_no_new_row_version(deliver: Deliver, query: Query) -> None:
    """W9"""
    deliver(created())
    before = query("SELECT xmin, ctid, synced_at FROM users")
    assert outcome(deliver(created())) == "unchanged"
    assert query("SELECT xmin, ctid, synced_at FROM users") == before


def test_a_repeated_delivery_repairs_a_row_that_has_drifted(deliver: Deliver, query: Query) -> None:
    deliver(created(), "msg_1")
    query("UPDATE users SET first_name = 'Mallory', email = NULL")
    assert outcome(deliver(created(), "msg_1")) == "applied"
    assert query("SELECT first_name, email FROM users") == [("Grace", "grace@example.com")]


def test_a_late_creation_does_not_undo_an_update(deliver: Deliver, query: Query) -> None:
    """W10"""
    assert outcome(deliver(updated(2000, first_name="New"))) == "applied"
    assert outcome(deliver(created(updated_at=1000, first_name="Old"))) == "stale"
    assert query("SELECT first_name, clerk_updated_at FROM users") == [("New", 2000)]


def test_a_late_update_does_not_resurrect_a_deleted_user(deliver: Deliver, query: Query) -> None:
    """W11"""
    deliver(created())
    assert outcome(deliver(deleted())) == "applied"
    assert outcome(deliver(updated(9_999_999_999_999))) == "stale"
    assert query("SELECT email, first_name, last_name, username, image_url, deleted_at IS NOT NULL FROM users") == [
        (None, None, None, None, None, True)
    ]


def test_the_deletion_of_an_unknown_user_leaves_a_tombstone(deliver: Deliver, query: Query) -> None:
    """W12"""
    assert outcome(deliver(deleted())) == "applied"
    assert outcome(deliver(created())) == "stale"
    assert outcome(deliver(deleted())) == "stale"
    assert query("SELECT clerk_id, email, deleted_at IS NOT NULL FROM users") == [(USER, None, True)]


def test_a_deletion_without_an_id_is_parked(deliver: Deliver, query: Query) -> None:
    """W12"""
    event = clerk_event("user.deleted", {"object": "user", "deleted": True})
    assert outcome(deliver(event, "msg_1")) == "parked"
    assert query("SELECT count(*) FROM users") == [(0,)]
    ((stored, reason),) = query("SELECT payload, reason FROM webhook_events WHERE outcome = 'parked'")
    assert json.loads(stored) == event
    assert "id" in reason


ADDRESSES = [
    {"id": "idn_1", "email_address": "first@example.com", "verification": {"status": "verified"}},
    {"id": "idn_2", "email_address": "second@example.com", "verification": {"status": "unverified"}},
]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"email_addresses": [], "primary_email_address_id": "idn_1"}, (None, False)),
        ({"email_addresses": ADDRESSES, "primary_email_address_id": None}, (None, False)),
        ({"email_addresses": ADDRESSES, "primary_email_address_id": "idn_2"}, ("second@example.com", False)),
        ({"email_addresses": ADDRESSES, "primary_email_address_id": "idn_1"}, ("first@example.com", True)),
    ],
)
def test_the_primary_address_is_the_one_the_user_names(
    deliver: Deliver, query: Query, changes: dict[str, Any], expected: tuple[str | None, bool]
) -> None:
    """W13"""
    assert outcome(deliver(created(**changes))) == "applied"
    assert query("SELECT email, email_verified FROM users") == [expected]


def test_null_and_missing_and_unknown_fields_are_no_obstacle(deliver: Deliver, query: Query) -> None:
    """W14"""
    user = clerk_user(
        private_metadata=None,
        public_metadata=None,
        brand_new_field={"a": [1]},
        email_addresses=[{"id": "idn_1", "email_address": "grace@example.com", "verification": None}],
    )
    assert outcome(deliver(clerk_event("user.created", user))) == "applied"
    assert query("SELECT email, email_verified FROM users") == [("grace@example.com", False)]


def test_a_user_with_a_phone_only_is_mirrored(deliver: Deliver, query: Query) -> None:
    """W15"""
    user = clerk_user(first_name=None, last_name=None, username=None, email_addresses=[], primary_email_address_id=None)
    assert outcome(deliver(clerk_event("user.created", user))) == "applied"
    assert query("SELECT email, first_name, last_name, username FROM users") == [(None, None, None, None)]


@pytest.mark.parametrize("type_", ["organization.created", "session.created", "user.teleported", "ünknown"])
def test_events_that_are_not_mirrored_are_ignored(deliver: Deliver, query: Query, type_: str) -> None:
    """W16"""
    assert outcome(deliver(clerk_event(type_, {"id": "x"}))) == "ignored"
    assert query("SELECT count(*) FROM users") == [(0,)]


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


def test_parallel_updates_leave_the_newest_version(app: Flask, query: Query) -> None:
    """W19"""
    versions = list(range(2000, 2012))
    barrier = threading.Barrier(len(versions))
    statuses: list[int] = []

    def send(version: int) -> None:
        body = json.dumps(updated(version, first_name=f"v{version}")).encode()
        headers = sign_delivery(body, f"msg_{version}")
        barrier.wait()
        response = app.test_client().post(
            "/api/webhooks/clerk", data=body, headers=headers, content_type="application/json"
        )
        statuses.append(response.status_code)

    threads = [threading.Thread(target=send, args=(version,)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * len(versions)
    assert query("SELECT first_name, clerk_updated_at FROM users") == [("v2011", 2011)]


def test_emoji_and_right_to_left_text_are_kept_and_nul_is_removed(deliver: Deliver, query: Query) -> None:
    """W20"""
    event = created(first_name="Zoë 🙂\0", last_name="\0مرحبا\u202e", username="a\0b")
    assert outcome(deliver(event)) == "applied"
    assert query("SELECT first_name, last_name, username FROM users") == [("Zoë 🙂", "مرحبا\u202e", "ab")]


def test_half_a_surrogate_pair_does_not_block_the_endpoint(deliver: Deliver, query: Query) -> None:
    """W20"""
    body = json.dumps(created(first_name="x\ud83dy")).encode()
    assert outcome(deliver(body)) == "applied"
    assert query("SELECT first_name FROM users") == [("x\ufffdy",)]


def test_envelope_timestamps_in_seconds_and_milliseconds_are_one_clock(deliver: Deliver, query: Query) -> None:
    """W21"""
    assert outcome(deliver(updated(1000, first_name="late", timestamp=1_716_883_200))) == "applied"
    assert outcome(deliver(updated(1000, first_name="early", timestamp=1_716_883_199_999))) == "stale"
    assert outcome(deliver(updated(1000, first_name="later", timestamp=1_716_883_200_001))) == "applied"
    assert query("SELECT first_name, event_at FROM users") == [("later", 1_716_883_200_001)]


@pytest.mark.parametrize("timestamp", [None, "soon", True, -5, 1e300, [1]])
def test_an_odd_envelope_timestamp_does_not_cost_the_event(deliver: Deliver, timestamp: object) -> None:
    """W21"""
    assert outcome(deliver(updated(1000, timestamp=timestamp))) == "applied"


@pytest.mark.parametrize(
    ("flags", "banned"),
    [({"deprovisioned": True}, True), ({"banned": True}, True), ({"locked": True}, False), ({"banned": None}, False)],
)
def test_banned_and_deprovisioned_users_are_kept_and_marked(
    deliver: Deliver, query: Query, flags: dict[str, Any], banned: bool
) -> None:
    """W22"""
    assert outcome(deliver(created(**flags))) == "applied"
    assert query("SELECT banned, deleted_at FROM users") == [(banned, None)]


def test_at_equal_versions_and_times_every_order_of_arrival_ends_the_same(deliver: Deliver, query: Query) -> None:
    for user_id, order in (("user_forth", "abc"), ("user_back", "cba"), ("user_twice", "bcabca")):
        for name in order:
            outcome(deliver(updated(1000, id=user_id, first_name=name)))
    assert query("SELECT count(DISTINCT first_name), count(*) FROM users") == [(1, 3)]


def test_two_ids_may_have_one_address(deliver: Deliver, query: Query) -> None:
    deliver(created())
    assert outcome(deliver(created(id="user_2bbbbbbbbbbbbbbbbbbbbbbbbbb"))) == "applied"
    assert query("SELECT count(*), count(DISTINCT email) FROM users") == [(2, 1)]


def test_an_event_of_another_instance_is_counted_but_not_applied(deliver: Deliver, query: Query) -> None:
    deliver(created(), "msg_1")
    foreign = clerk_event("user.deleted", {"id": USER, "deleted": True}, instance_id="ins_2other")
    assert outcome(deliver(foreign, "msg_2")) == "foreign"
    assert outcome(deliver(foreign, "msg_2")) == "foreign"
    assert query("SELECT deleted_at FROM users") == [(None,)]
    assert query("SELECT outcome, payload FROM webhook_events WHERE svix_id = 'msg_2'") == [("foreign", None)]


def test_the_first_signed_event_binds_the_mirror(deliver: Deliver, query: Query) -> None:
    deliver(clerk_event("organization.created", {"id": "org_1"}))
    assert query("SELECT instance_id, bound_by FROM mirror_binding") == [(INSTANCE_ID, "webhook")]


def test_an_event_that_names_no_instance_is_accepted(deliver: Deliver) -> None:
    deliver(created())
    event = updated(1_700_000_000_001)
    del event["instance_id"]
    assert outcome(deliver(event)) == "applied"


def test_a_role_in_a_payload_changes_nothing(deliver: Deliver, query: Query) -> None:
    user = clerk_user(role="ADMIN", public_metadata={"role": "ADMIN"}, unsafe_metadata={"role": "ADMIN"})
    assert outcome(deliver(clerk_event("user.created", user))) == "applied"
    assert query("SELECT role FROM users") == [("CLIENT",)]


def test_other_methods_are_refused(client: FlaskClient) -> None:
    for method in ("get", "put", "patch", "delete"):
        assert getattr(client, method)("/api/webhooks/clerk").status_code == 405


def test_a_slash_too_many_is_no_redirect(client: FlaskClient) -> None:
    body = json.dumps(created()).encode()
    response = client.post(
        "/api/webhooks/clerk/", data=body, headers=sign_delivery(body, "msg_1"), content_type="application/json"
    )
    assert response.status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_is_not_sent_as_json_is_refused(client: FlaskClient, content_type: str) -> None:
    body = json.dumps(created()).encode()
    headers = sign_delivery(body, "msg_1")
    assert client.post("/api/webhooks/clerk", data=body, headers=headers, content_type=content_type).status_code == 415


@pytest.mark.parametrize(("excess", "status"), [(0, 200), (1, 413)])
def test_one_mebibyte_is_accepted_and_one_byte_more_is_not(deliver: Deliver, excess: int, status: int) -> None:
    event = created()
    event["padding"] = ""
    event["padding"] = "x" * (1024 * 1024 - len(json.dumps(event)) + excess)
    assert deliver(event).status_code == status


@pytest.mark.parametrize(("excess", "status"), [(0, 200), (1, 413), (4_000_000, 413)])
def test_a_body_without_a_length_is_measured(client: FlaskClient, excess: int, status: int) -> None:
    event = created()
    event["padding"] = ""
    event["padding"] = "x" * (1024 * 1024 - len(json.dumps(event)) + excess)
    body = json.dumps(event).encode()
    response = client.post(
        "/api/webhooks/clerk",
        input_stream=BytesIO(body),
        headers={**sign_delivery(body, "msg_1"), "Transfer-Encoding": "chunked"},
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == status


def test_what_is_parked_of_a_user_goes_with_them(deliver: Deliver, query: Query) -> None:
    odd = clerk_event("user.updated", clerk_user(email_addresses="odd"))
    assert outcome(deliver(odd, "msg_1")) == "parked"
    assert outcome(deliver(deleted(), "msg_2")) == "applied"
    assert outcome(deliver(odd, "msg_3")) == "stale"
    assert query("SELECT svix_id, outcome, payload FROM webhook_events ORDER BY 1") == [
        ("msg_1", "stale", None),
        ("msg_2", "applied", None),
        ("msg_3", "stale", None),
    ]


def test_without_a_signing_secret_the_route_says_so(make_app: Callable[..., Flask]) -> None:
    body = json.dumps(created()).encode()
    client = make_app(webhook_signing_secrets=()).test_client()
    response = client.post(
        "/api/webhooks/clerk", data=body, headers=sign_delivery(body, "msg_1"), content_type="application/json"
    )
    assert response.status_code == 503
    assert response.get_json()["code"] == "webhook-secret-missing"


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
    """W18: the inbox cannot be written, so nothing is."""
    query("ALTER TABLE webhook_events ADD CONSTRAINT no_room CHECK (false) NOT VALID")
    try:
        assert deliver(created(), "msg_1").status_code == 500
        assert query("SELECT count(*) FROM users") == [(0,)]
    finally:
        query("ALTER TABLE webhook_events DROP CONSTRAINT no_room")
    assert outcome(deliver(created(), "msg_1")) == "applied"


def test_old_signatures_of_a_rotation_still_open_the_route(make_app: Callable[..., Flask]) -> None:
    """W5"""
    other = "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7"
    body = json.dumps(created()).encode()
    now = int(datetime.now(UTC).timestamp())
    at = datetime.fromtimestamp(now, UTC)
    both = " ".join(Webhook(secret).sign("msg_1", at, body.decode()) for secret in (other, WEBHOOK_SECRET))
    headers = {"svix-id": "msg_1", "svix-timestamp": str(now), "svix-signature": both}
    client = make_app(webhook_signing_secrets=(WEBHOOK_SECRET,)).test_client()
    response = client.post("/api/webhooks/clerk", data=body, headers=headers, content_type="application/json")
    assert outcome(response) == "applied"
    with client.application.app_context():
        db.session.remove()
