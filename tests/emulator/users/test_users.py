from __future__ import annotations

import itertools

import pytest

from clerk_sync.emulator import ClerkApiError, LocalClerk
from tests.emulator.conftest import Endpoint


def test_a_created_user_has_clerks_shape_and_its_first_address_as_primary(clerk: LocalClerk) -> None:
    user = clerk.users.create(first_name="Ada", emails=["Ada@Example.com", "b@example.com"])
    assert user["object"] == "user"
    assert user["primary_email_address_id"] == user["email_addresses"][0]["id"]
    assert [email["email_address"] for email in user["email_addresses"]] == ["ada@example.com", "b@example.com"]
    assert user["email_addresses"][0]["verification"]["status"] == "verified"
    assert user["created_at"] == user["updated_at"]


def test_the_primary_address_need_not_be_the_first(clerk: LocalClerk) -> None:
    user = clerk.users.create(emails=["a@example.com", "b@example.com"], primary_email=1)
    assert user["primary_email_address_id"] == user["email_addresses"][1]["id"]


def test_an_update_is_a_new_version(clerk: LocalClerk) -> None:
    user = clerk.users.create(email="ada@example.com", at_ms=1000)
    changed = clerk.users.update(user["id"], first_name="Ada", at_ms=2000)
    assert (changed["first_name"], changed["created_at"], changed["updated_at"]) == ("Ada", 1000, 2000)
    assert clerk.users.get(user["id"]) == changed


def test_two_updates_may_carry_one_updated_at(clerk: LocalClerk) -> None:
    user = clerk.users.create(email="ada@example.com", at_ms=1000)
    versions = [clerk.users.update(user["id"], first_name=name, at_ms=2000) for name in ("A", "B")]
    assert [version["updated_at"] for version in versions] == [2000, 2000]
    assert [version["first_name"] for version in versions] == ["A", "B"]


def test_a_clock_given_at_the_start_makes_the_versions() -> None:
    ticks = itertools.count(5000)
    with LocalClerk.start(clock_ms=lambda: next(ticks)) as clerk:
        user = clerk.users.create(email="ada@example.com")
        assert (user["updated_at"], clerk.users.ban(user["id"])["updated_at"]) == (5000, 5001)


def test_a_deleted_user_is_gone_and_the_address_free_for_another(clerk: LocalClerk) -> None:
    user = clerk.users.create(email="ada@example.com", external_id="ext_1")
    assert clerk.users.delete(user["id"]) == {
        "object": "user",
        "id": user["id"],
        "external_id": "ext_1",
        "deleted": True,
    }
    with pytest.raises(ClerkApiError, match="404 resource_not_found"):
        clerk.users.get(user["id"])
    assert clerk.users.create(email="ada@example.com")["id"] != user["id"]


def test_a_verified_address_belongs_to_one_user_an_unverified_one_does_not(clerk: LocalClerk) -> None:
    clerk.users.create(email="ada@example.com")
    with pytest.raises(ClerkApiError, match="422 form_identifier_exists"):
        clerk.users.create(email="ADA@example.com")
    clerk.users.create(email="ada@example.com", email_verified=False)
    assert len(clerk.users) == 2


def test_a_refused_change_leaves_the_user_as_it_was(clerk: LocalClerk) -> None:
    clerk.users.create(email="taken@example.com")
    user = clerk.users.create(email="ada@example.com")
    with pytest.raises(ClerkApiError, match="form_identifier_exists"):
        clerk.users.update(user["id"], email="taken@example.com")
    assert clerk.users.get(user["id"]) == user
    clerk.users.update(user["id"], first_name="Still")


def test_acts_are_announced_in_the_order_of_the_versions(clerk: LocalClerk, endpoint: Endpoint) -> None:
    user = clerk.users.create(email="ada@example.com", at_ms=1000)
    clerk.users.ban(user["id"])
    clerk.users.delete(user["id"], at_ms=9000)
    clerk.webhook_sender.wait_idle()
    events = [message.payload for message in clerk.webhook_sender.messages.values()]
    assert [event["type"] for event in events] == ["user.created", "user.updated", "user.deleted"]
    assert events[1]["data"]["banned"] is True
    assert events[2]["timestamp"] == 9000
    assert len(endpoint.received) == 3


def test_nothing_is_announced_while_the_courier_is_muted(clerk: LocalClerk) -> None:
    with clerk.webhook_sender.muted():
        clerk.users.create(email="ada@example.com")
    assert not clerk.webhook_sender.messages
    clerk.users.create(email="eve@example.com")
    assert len(clerk.webhook_sender.messages) == 1


def test_all_users_come_in_the_order_of_created_at(clerk: LocalClerk) -> None:
    created = [clerk.users.create(username=f"u{ms}", created_at=ms)["created_at"] for ms in (3000, 1000, 2000)]
    assert [user["created_at"] for user in clerk.users.all()] == sorted(created)
