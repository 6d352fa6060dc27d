"""User events and their rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import clerk_event, clerk_user
from tests.web.deliveries import USER, Deliver, Query, created, outcome


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


def test_null_missing_and_unknown_fields_are_accepted(deliver: Deliver, query: Query) -> None:
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


def test_two_ids_may_have_one_address(deliver: Deliver, query: Query) -> None:
    deliver(created())
    assert outcome(deliver(created(id="user_2bbbbbbbbbbbbbbbbbbbbbbbbbb"))) == "applied"
    assert query("SELECT count(*), count(DISTINCT email) FROM users") == [(2, 1)]


def test_a_role_in_a_payload_changes_nothing(deliver: Deliver, query: Query) -> None:
    user = clerk_user(role="ADMIN", public_metadata={"role": "ADMIN"}, unsafe_metadata={"role": "ADMIN"})
    assert outcome(deliver(clerk_event("user.created", user))) == "applied"
    assert query("SELECT role FROM users") == [("CLIENT",)]
