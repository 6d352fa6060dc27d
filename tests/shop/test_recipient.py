"""The name on a parcel: the address's, else the user's, and never an id."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from clerk_sync.db.pool import ConnectionPool
from clerk_sync.mirror import local_users
from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.shop.addresses import Address
from clerk_sync.shop.orders import check_out
from tests.shop.conftest import GRACE, Work

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.mark.parametrize(
    ("known", "on_the_address", "recipient"),
    [
        ("email = NULL", None, None),
        ("first_name = 'Grace', last_name = 'Example'", None, "Grace Example"),
        ("first_name = 'Grace'", "Barbara", "Barbara"),
        ("email = NULL", "Barbara", "Barbara"),
    ],
)
def test_a_parcel_has_a_name_or_none_and_never_the_users_id(
    work: Work,
    statements: ConnectionPool,
    grace: LocalUser,
    address: Address,
    full_cart: None,
    query: Query,
    known: str,
    on_the_address: str | None,
    recipient: str | None,
) -> None:
    query(f"UPDATE users SET {known} WHERE clerk_id = %s", GRACE)
    query("UPDATE addresses SET name = %s", on_the_address)
    user = local_users.find(statements, GRACE)
    assert user is not None
    order = work(check_out, user, address.id, "key").order
    assert json.loads(bytes(order.shipping_address))["name"] == recipient
