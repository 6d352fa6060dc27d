"""Every column of ``users`` is in the one list or is ours, and a deletion clears what is personal."""

from __future__ import annotations

from typing import Any

import pytest

from clerk_sync.clerk.users import COLUMNS, UserSnapshot
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.local_users import ensure_placeholder
from clerk_sync.mirror.merge.merge import READ_FROM_API, MergeResult, write_tombstones
from tests.mirror.factory import USER
from tests.mirror.merge.merging import Query, merge_one

OUR_COLUMNS = {
    "id": "bigint",
    "role": "text",
    "event_at": "bigint",
    "content_digest": "text",
    "deleted_at": "timestamp with time zone",
    "synced_at": "timestamp with time zone",
    "created_at": "timestamp with time zone",
}
"""Columns that do not come from Clerk's User object."""

TEXTS_OF_A_TOMBSTONE = {"clerk_id": USER, "role": "CLIENT", "content_digest": ""}
"""The columns of text that a deletion leaves, with what they hold then. They say nothing about a person."""

CLEARED = {"addresses", "carts", "cart_items"}
KEPT = {"orders", "order_items", "role_changes"}
"""The tables that refer to ``users``: a deletion removes the user's rows in the first ones."""

_VALUES = {"text": "filled", "boolean": True, "bigint": 1000}
FILLED = UserSnapshot(USER, *(_VALUES[column.sql_type] for column in COLUMNS[1:]))


def columns_of(transactions: TransactionalConnection) -> dict[str, str]:
    return dict(
        transactions.fetch_all("""
            SELECT column_name, data_type FROM information_schema.columns
            WHERE table_name = 'users' AND table_schema = 'public'
        """)
    )


def row_of(transactions: TransactionalConnection, names: list[str]) -> dict[str, Any]:
    (row,) = transactions.fetch_all(f"SELECT {', '.join(names)} FROM users")
    return dict(zip(names, row, strict=True))


def test_every_column_of_users_is_in_the_list_or_is_ours(transactions: TransactionalConnection) -> None:
    assert columns_of(transactions) == {column.name: column.sql_type for column in COLUMNS} | OUR_COLUMNS


def test_a_merge_writes_every_column_of_the_list(transactions: TransactionalConnection) -> None:
    merge_one(transactions, FILLED)
    names = [column.name for column in COLUMNS]
    assert UserSnapshot(**row_of(transactions, names)) == FILLED


@pytest.mark.parametrize(
    "column", [column for column in COLUMNS if column.name not in ("clerk_id", "clerk_updated_at")]
)
def test_a_merge_compares_every_column_of_the_list(transactions: TransactionalConnection, column: Any) -> None:
    merge_one(transactions, FILLED)
    transactions.fetch_all(f"UPDATE users SET {column.name} = {column.default}")
    assert merge_one(transactions, FILLED, at=READ_FROM_API) is MergeResult.UPDATED


def test_a_deletion_leaves_no_text(transactions: TransactionalConnection) -> None:
    merge_one(transactions, FILLED)
    write_tombstones(transactions, [USER])
    texts = [
        name
        for name, type_ in columns_of(transactions).items()
        if type_ not in ("bigint", "boolean") and "_at" not in name
    ]
    assert row_of(transactions, texts) == dict.fromkeys(texts) | TEXTS_OF_A_TOMBSTONE


def test_a_deletion_clears_all_that_is_personal(transactions: TransactionalConnection) -> None:
    merge_one(transactions, FILLED)
    write_tombstones(transactions, [USER])
    personal = [column.name for column in COLUMNS if column.source.is_personal]
    blank = UserSnapshot(USER)
    assert row_of(transactions, personal) == {name: getattr(blank, name) for name in personal}


def test_a_placeholder_is_a_user_of_whom_only_the_id_is_known(transactions: TransactionalConnection) -> None:
    ensure_placeholder(transactions, USER)
    names = [column.name for column in COLUMNS]
    assert UserSnapshot(**row_of(transactions, names)) == UserSnapshot(USER)


@pytest.mark.usefixtures("app")
def test_every_table_that_refers_to_users_is_kept_or_cleared(query: Query) -> None:
    tables = query(
        "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confrelid = 'users'::regclass"
    )
    assert {table for (table,) in tables} == CLEARED | KEPT


@pytest.mark.usefixtures("app")
def test_a_deletion_clears_what_the_list_says(query: Query, transactions: TransactionalConnection) -> None:
    query(f"""
        INSERT INTO users (clerk_id) VALUES ('{USER}');
        INSERT INTO products (sku, name, price_minor, currency) VALUES ('TEA', 'Tea', 1290, 'EUR');
        INSERT INTO addresses (user_id, line1, city, country) SELECT id, '1 Harbour Road', 'Galway', 'IE' FROM users;
        INSERT INTO carts (user_id) SELECT id FROM users;
        INSERT INTO cart_items (cart_id, product_id, user_id, quantity)
        SELECT carts.id, products.id, user_id, 1 FROM carts, products;
        INSERT INTO orders (number, user_id, currency, total_minor, shipping_address, idempotency_key)
        SELECT 'A-1', id, 'EUR', 1290, '{{}}', 'once' FROM users;
        INSERT INTO order_items (order_id, line, user_id, sku, name, quantity, unit_price_minor)
        SELECT id, 1, user_id, 'TEA', 'Tea', 1, 1290 FROM orders;
        UPDATE users SET role = 'ADMIN'
    """)
    write_tombstones(transactions, [USER])
    left = {table: transactions.fetch_all(f"SELECT count(*) FROM {table}")[0][0] for table in CLEARED | KEPT}
    assert left == dict.fromkeys(CLEARED, 0) | dict.fromkeys(KEPT, 1)
