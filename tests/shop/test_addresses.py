"""Addresses: trimmed, limited, private to one user, and none for a deleted user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.shop.addresses import (
    MOST_ADDRESSES,
    Address,
    AddressChanges,
    NewAddress,
    add_address,
    change_address,
    get_address,
    list_addresses,
    remove_address,
)
from clerk_sync.shop.errors import AddressBookFullError, AddressUnknownError, OwnerDeletedError
from tests.shop.conftest import GRACE, Overtaken, Work, delete_user

Query = Callable[..., list[tuple[Any, ...]]]


def home() -> NewAddress:
    return NewAddress("1 Harbour Road", "Galway", "IE")


def test_an_address_is_trimmed_and_its_country_upper_cased() -> None:
    new = NewAddress(line1="  1 Harbour Road ", city="\u2003Galway", country=" ie ", name=" Grace ")
    assert (new.line1, new.city, new.country, new.name, new.line2) == ("1 Harbour Road", "Galway", "IE", "Grace", None)


@pytest.mark.parametrize("line1", ["", "   ", "a\0b", "a\nb", "\u0085", "x" * 201])
def test_an_invalid_address_line_is_refused(line1: str) -> None:
    body = msgspec.json.encode({"line1": line1, "city": "Galway", "country": "IE"})
    with pytest.raises(msgspec.ValidationError, match=r"line1"):
        msgspec.json.decode(body, type=NewAddress)


@pytest.mark.parametrize("country", ["", "I", "IRL", "I1", "I\0", "ÍE"])
def test_a_country_has_two_letters(country: str) -> None:
    body = msgspec.json.encode({"line1": "1 Harbour Road", "city": "Galway", "country": country})
    with pytest.raises(msgspec.ValidationError, match=r"country"):
        msgspec.json.decode(body, type=NewAddress)


def test_addresses_are_listed_oldest_first(work: Work, grace: LocalUser) -> None:
    added = [work(add_address, grace.id, home()) for _ in range(3)]
    assert work(list_addresses, grace.id) == added


def test_what_is_not_sent_stays_and_null_clears(work: Work, grace: LocalUser) -> None:
    old = work(add_address, grace.id, NewAddress("1 Harbour Road", "Galway", "IE", name="Grace", phone="1"))
    changed = work(change_address, grace.id, old.id, AddressChanges(city=" Cork ", phone=None))
    assert changed == msgspec.structs.replace(old, city="Cork", phone=None)
    assert work(get_address, grace.id, old.id) == changed


def test_a_change_of_nothing_changes_nothing(work: Work, grace: LocalUser, address: Address) -> None:
    assert work(change_address, grace.id, address.id, AddressChanges()) == address


def test_another_users_address_does_not_exist(work: Work, ada: LocalUser, grace: LocalUser, address: Address) -> None:
    for attempt in (get_address, remove_address):
        with pytest.raises(AddressUnknownError):
            work(attempt, ada.id, address.id)
    for changes in (AddressChanges(), AddressChanges(city="Cork")):
        with pytest.raises(AddressUnknownError):
            work(change_address, ada.id, address.id, changes)
    assert work(list_addresses, ada.id) == []
    assert work(list_addresses, grace.id) == [address]


def test_a_removed_address_is_gone(work: Work, grace: LocalUser, address: Address) -> None:
    work(remove_address, grace.id, address.id)
    with pytest.raises(AddressUnknownError):
        work(remove_address, grace.id, address.id)


def test_two_at_once_do_not_overfill_the_address_book(
    work: Work, grace: LocalUser, query: Query, together: Callable[..., list[Any]]
) -> None:
    query(
        "INSERT INTO addresses (user_id, line1, city, country) SELECT %s, 'x', 'x', 'IE' FROM generate_series(2, %s)",
        grace.id,
        MOST_ADDRESSES,
    )
    results = together(*[lambda: work(add_address, grace.id, home())] * 4)
    assert sorted(type(result).__name__ for result in results) == [
        "Address",
        *[AddressBookFullError.__name__] * 3,
    ]
    assert len(work(list_addresses, grace.id)) == MOST_ADDRESSES


def test_a_deleted_user_gets_no_address(work: Work, grace: LocalUser) -> None:
    work(delete_user, GRACE)
    with pytest.raises(OwnerDeletedError):
        work(add_address, grace.id, home())


def test_an_address_that_waits_for_the_deletion_is_refused(
    work: Work, grace: LocalUser, overtaken: Overtaken, query: Query
) -> None:
    with pytest.raises(OwnerDeletedError):
        overtaken(lambda session: delete_user(session, GRACE), lambda: work(add_address, grace.id, home()))
    assert query("SELECT count(*) FROM addresses") == [(0,)]


def test_an_address_that_was_first_goes_with_its_user(
    work: Work, grace: LocalUser, overtaken: Overtaken, query: Query
) -> None:
    overtaken(lambda session: add_address(session, grace.id, home()), lambda: work(delete_user, GRACE))
    assert query("SELECT count(*) FROM addresses") == [(0,)]
