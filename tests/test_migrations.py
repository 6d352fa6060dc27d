"""The database is what the models say, from nothing and from every earlier revision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy.exc import IntegrityError

from clerk_sync.app import create_app
from clerk_sync.cli.migrations import load_migrations
from clerk_sync.db.connect import SCHEMA_REVISION
from clerk_sync.db.orm import db
from clerk_sync.mirror.merge.sql_functions import RECEIVE_EVENT_BODY, TAKE_EVENT_BODY
from clerk_sync.settings.settings import Environment, Settings
from clerk_sync.shop.sql_functions import ORDERS_PAGE_BODY, OWN_ORDERS_PAGE_BODY
from tests.conftest import ROOT

MIGRATIONS = str(ROOT / "migrations")
REVISIONS = [script.revision for script in ScriptDirectory(MIGRATIONS).walk_revisions()]


@pytest.fixture
def empty_app(new_database: Callable[[], str]) -> Iterator[Flask]:
    app = create_app(Settings(environment=Environment.TEST, database_url=new_database()))
    load_migrations(app)
    with app.app_context():
        yield app
        db.engine.dispose()


def differences() -> list[Any]:
    with db.engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), db.metadata)


def triggers() -> list[tuple[str, str]]:
    with db.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal"
        )
        return sorted((table, name) for table, name in rows)


def test_migrations_and_models_are_equal(empty_app: Flask) -> None:
    upgrade(MIGRATIONS)
    assert differences() == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_earlier_revision_can_be_upgraded(empty_app: Flask, revision: str) -> None:
    upgrade(MIGRATIONS, revision)
    upgrade(MIGRATIONS)
    assert differences() == []


def test_going_down_and_up_again_leaves_the_same_database(empty_app: Flask) -> None:
    upgrade(MIGRATIONS)
    before = triggers()
    assert before
    downgrade(MIGRATIONS, "base")
    assert triggers() == []
    upgrade(MIGRATIONS)
    assert triggers() == before
    assert differences() == []


def test_a_product_that_costs_too_much_stays_and_no_other_gets_in(empty_app: Flask) -> None:
    insert = "INSERT INTO products (sku, name, price_minor, currency) VALUES ('{}', 'x', {}, 'EUR')"
    upgrade(MIGRATIONS, "0009")
    with db.engine.begin() as connection:
        connection.exec_driver_sql(insert.format("OLD", 2**63 - 1))
    upgrade(MIGRATIONS)
    with db.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT price_minor FROM products").scalar() == 2**63 - 1
        with pytest.raises(IntegrityError):
            connection.exec_driver_sql(insert.format("NEW", 10**12 + 1))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("take_event", TAKE_EVENT_BODY),
        ("receive_event", RECEIVE_EVENT_BODY),
        ("orders_page", ORDERS_PAGE_BODY),
        ("own_orders_page", OWN_ORDERS_PAGE_BODY),
    ],
)
def test_a_function_in_the_database_is_the_one_in_the_code(query: Callable[..., Any], name: str, body: str) -> None:
    assert query("SELECT prosrc FROM pg_proc WHERE proname = %s", name) == [(body,)]


@pytest.mark.usefixtures("app")
def test_workers_of_the_release_before_still_get_their_answers(query: Callable[..., Any]) -> None:
    deletion = "SELECT * FROM receive_event('msg_1', 'user.deleted', NULL, 1, 'deleted', 'user_1', NULL, NULL, NULL)"
    assert query(deletion) == [("applied", False)]
    assert query(deletion) == [("stale", True)]


def test_the_code_names_the_newest_revision() -> None:
    assert ScriptDirectory(MIGRATIONS).get_current_head() == SCHEMA_REVISION


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        ("SELECT * FROM orders WHERE user_id = 7 ORDER BY created_at DESC, id DESC LIMIT 20", (), "ix_orders_user_id"),
        ("SELECT * FROM users WHERE lower(email) = %s", ("a@example.com",), "ix_users_email_lower"),
        ("SELECT * FROM users WHERE clerk_created_at BETWEEN %s AND %s", (1, 2), "ix_users_clerk_created_at"),
        ("SELECT * FROM webhook_events WHERE outcome = 'parked' ORDER BY received_at", (), "ix_webhook_events_parked"),
    ],
)
def test_the_queries_of_the_contract_have_their_index(
    database_url: str, statement: str, values: tuple[Any, ...], index: str
) -> None:
    connection = psycopg2.connect(database_url)
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_sort = off")
        cursor.execute(f"EXPLAIN {statement}", values or None)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    connection.close()
    assert index in plan
    assert "Sort" not in plan
