"""Both histories of migrations end with the tables of the models, from an empty database and from the last release."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from clerk_sync.app import create_app
from clerk_sync.flask_db import SHOP_HEAD, load_migrations
from clerk_sync.mirror import migrations as mirror_migrations
from clerk_sync.mirror.merge.sql_functions import TAKE_EVENT_BODY
from clerk_sync.mirror.models import MIRROR_TABLES
from clerk_sync.mirror.models import Base as MirrorBase
from clerk_sync.settings.settings import Settings
from clerk_sync.shop.db import clerk, db
from tests.conftest import ROOT, clerk_event, clerk_user, sign_delivery
from tests.stage.migrations import load_previous_release, migrate
from tests.stage.postgres import run_statement
from tests.stage.service import run_flask

MIGRATIONS = str(ROOT / "migrations")

# What the schema public consists of: kind, table or object, definition.
CATALOG = """
WITH ours AS (SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r')
SELECT 'table', relname, reloptions::text FROM ours
UNION ALL
SELECT 'column', relname, concat_ws(
    ' ', attname, format_type(atttypid, atttypmod), attnotnull, attidentity, pg_get_expr(adbin, adrelid))
FROM ours JOIN pg_attribute ON attrelid = ours.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = ours.oid AND adnum = attnum
UNION ALL
SELECT 'constraint', relname, concat_ws(' ', conname, pg_get_constraintdef(pg_constraint.oid), convalidated)
FROM ours JOIN pg_constraint ON conrelid = ours.oid
UNION ALL
SELECT 'index', relname, pg_get_indexdef(indexrelid) FROM ours JOIN pg_index ON indrelid = ours.oid
UNION ALL
SELECT 'trigger', relname, concat_ws(' ', pg_get_triggerdef(pg_trigger.oid), tgenabled)
FROM ours JOIN pg_trigger ON tgrelid = ours.oid AND NOT tgisinternal
UNION ALL
SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT 'type', typname, typtype::text FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typelem = 0
"""


def catalog(url: str) -> set[tuple[Any, ...]]:
    return set(run_statement(url, CATALOG))


@pytest.fixture
def empty_app(new_database: Callable[[], str]) -> Iterator[Flask]:
    app = create_app(Settings(env="test", database_url=new_database()))
    load_migrations(app)
    with app.app_context():
        yield app
        db.engine.dispose()


def flask(url: str, *arguments: str) -> str:
    environment = {**os.environ, "CLERK_SYNC_ENV": "test", "DATABASE_URL": url, "FLASK_SKIP_DOTENV": "1"}
    ran = run_flask(environment, *arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_migrations_and_models_are_equal(empty_app: Flask) -> None:
    upgrade(MIGRATIONS)
    with db.engine.connect() as connection:
        only_the_shop = MigrationContext.configure(connection, opts={"include_object": clerk.include_object})
        assert compare_metadata(only_the_shop, db.metadata) == []
        compared = compare_metadata(MigrationContext.configure(connection), MirrorBase.metadata)
    others = {"clerk_sync_version", *(table.name for table in db.metadata.tables.values())} - {"users"}
    indexes = {index for name in others & db.metadata.tables.keys() for index in db.metadata.tables[name].indexes}
    assert {(what, each.name) for what, each in compared} == {
        *(("remove_table", name) for name in others),
        *(("remove_index", index.name) for index in indexes),
    }


def test_flask_db_check_finds_nothing_to_migrate(new_database: Callable[[], str]) -> None:
    url = migrate(new_database())
    assert "No new upgrade operations" in flask(url, "db", "check")
    assert f"mirror: {mirror_migrations.HEAD}\n0011 (head)" in flask(url, "db", "current")


def test_flask_db_check_refuses_a_mirror_that_is_not_up_to_date(new_database: Callable[[], str]) -> None:
    url = migrate(new_database())
    run_statement(url, "UPDATE clerk_sync_version SET version_num = '0001'")
    app = create_app(Settings(env="test", database_url=url))
    assert app.test_cli_runner().invoke(args=["db", "check"]).exit_code == 1


def test_a_downgrade_removes_the_shop_and_keeps_the_mirror(empty_app: Flask) -> None:
    upgrade(MIGRATIONS)
    url = str(empty_app.extensions["clerk_sync"].settings.database_url)
    before = catalog(url)
    run_statement(url, "INSERT INTO users (clerk_id) VALUES ('user_1')")
    downgrade(MIGRATIONS, "base")
    assert "orders" not in {name for _, name, *_ in catalog(url)}
    upgrade(MIGRATIONS)
    assert catalog(url) == before
    assert run_statement(url, "SELECT clerk_id FROM users") == [("user_1",)]


def test_two_processes_that_upgrade_at_once_both_succeed(new_database: Callable[[], str]) -> None:
    url = new_database()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: flask(url, "db", "upgrade"), range(2)))
    assert run_statement(url, "SELECT version_num FROM clerk_sync_version") == [(mirror_migrations.HEAD,)]


def test_the_previous_release_is_upgraded_and_loses_nothing(new_database: Callable[[], str]) -> None:
    url = load_previous_release(new_database())
    before = contents(url)
    assert [table for table, rows in before.items() if not rows] == []
    migrate(url)
    after = contents(url)
    for table, rows in before.items():
        kept = [{column: row[column] for column in rows[0]} for row in after[table]]
        assert kept == rows
    assert catalog(url) == catalog(migrate(new_database()))


def contents(url: str) -> dict[str, list[dict[str, Any]]]:
    tables = run_statement(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return {
        table: [row for (row,) in run_statement(url, f"SELECT to_jsonb({table}) FROM {table} ORDER BY {table}::text")]
        for (table,) in tables
        if "version" not in table
    }


def test_an_upgraded_database_takes_deliveries(new_database: Callable[[], str], make_app: Callable[..., Flask]) -> None:
    url = migrate(load_previous_release(new_database()))
    client = make_app(database_url=url).test_client()

    def deliver(type_: str, data: object) -> str:
        body = json.dumps(clerk_event(type_, data)).encode()
        headers = sign_delivery(body, f"msg_{type_}_{len(body)}")
        answer = client.post("/api/webhooks/clerk", data=body, headers=headers, content_type="application/json")
        return str(answer.get_json()["outcome"])

    newer = 1_700_000_001_000
    assert deliver("user.updated", clerk_user("user_grace", first_name="Newer", updated_at=newer)) == "applied"
    assert deliver("user.updated", clerk_user("user_placeholder")) == "applied"
    assert deliver("user.updated", clerk_user("user_gone", updated_at=newer)) == "stale"
    assert deliver("user.created", clerk_user("user_new")) == "applied"
    assert deliver("user.deleted", {"id": "user_grace", "deleted": True}) == "applied"
    assert deliver("user.deleted", {"id": "user_parked", "deleted": True}) == "applied"
    assert run_statement(url, "SELECT first_name, deleted_at IS NULL FROM users WHERE clerk_id = 'user_grace'") == [
        (None, False)
    ]
    # Her address and cart are gone, and so is what was parked of another user. The orders and the ADMIN stay.
    assert run_statement(url, "SELECT count(*) FROM addresses UNION ALL SELECT count(*) FROM carts") == [(0,), (0,)]
    assert run_statement(url, "SELECT count(*) FROM webhook_events WHERE payload IS NOT NULL") == [(0,)]
    assert run_statement(url, "SELECT count(*) FROM orders") == [(2,)]
    assert run_statement(url, "SELECT clerk_id FROM users WHERE role = 'ADMIN'") == [("user_boss",)]


@pytest.fixture
def elsewhere(new_database: Callable[[], str]) -> Iterator[Connection]:
    """A session whose search_path has nothing of the mirror, which is in the schema "Clerk's"."""
    with (
        closing(psycopg2.connect(new_database(), application_name="psql")) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute('CREATE SCHEMA "Clerk\'s"')
        mirror_migrations.upgrade(connection, "Clerk's")
        cursor.execute("CREATE SCHEMA host; CREATE TABLE host.users (id int); SET search_path = host")
        yield connection


def test_the_mirror_works_in_any_schema(elsewhere: Connection) -> None:
    event = {
        "delivery_id": "msg_1",
        "event_type": "user.updated",
        "instance": "ins_1",
        "occurred_at": 1,
        "effect": "changed",
        "subject": "user_1",
        "snapshot": {"clerk_id": "user_1", "email_verified": False, "banned": False, "clerk_created_at": 1}
        | {"clerk_updated_at": 2, "first_name": "Grace"},
    }
    parked = event | {"delivery_id": "msg_2", "effect": "parked", "why": "odd", "body": "{}"}
    deleted = event | {"delivery_id": "msg_3", "effect": "deleted"}
    with elsewhere.cursor() as cursor:
        for each, outcome in ((event, "applied"), (parked, "parked"), (event, "unchanged"), (deleted, "applied")):
            cursor.execute('SELECT outcome FROM "Clerk\'s".take_event(%s)', (json.dumps(each),))
            assert cursor.fetchall() == [(outcome,)]
        cursor.execute('SELECT outcome, payload FROM "Clerk\'s".webhook_events ORDER BY svix_id')
        assert cursor.fetchall() == [("applied", None), ("stale", None), ("applied", None)]
        cursor.execute("UPDATE \"Clerk's\".users SET role = 'ADMIN'")
        cursor.execute('SELECT clerk_id, new_role FROM "Clerk\'s".role_changes')
        assert cursor.fetchall() == [("user_1", "ADMIN")]
        cursor.execute("SELECT count(*) FROM host.users")
        assert cursor.fetchall() == [(0,)]


def test_the_role_guard_works_in_any_schema(elsewhere: Connection) -> None:
    with elsewhere.cursor() as cursor:
        cursor.execute("SET application_name = 'clerk_sync'")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("INSERT INTO \"Clerk's\".users (clerk_id, role) VALUES ('user_1', 'ADMIN')")


def test_a_second_upgrade_has_nothing_to_do(elsewhere: Connection) -> None:
    assert list(mirror_migrations.find_pending(elsewhere, "Clerk's")) == []
    assert mirror_migrations.find_version(elsewhere, "Clerk's") == mirror_migrations.HEAD


def test_the_mirrors_tables_are_the_ones_its_migrations_create(elsewhere: Connection) -> None:
    with elsewhere.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'Clerk''s'")
        assert {name for (name,) in cursor.fetchall()} == MIRROR_TABLES


def test_the_installed_take_event_is_the_one_in_the_code(query: Callable[..., Any]) -> None:
    body = TAKE_EVENT_BODY.replace("{schema}", "public")
    assert query("SELECT prosrc FROM pg_proc WHERE proname = 'take_event'") == [(body,)]


def test_the_code_names_the_newest_revision_of_the_shop() -> None:
    assert ScriptDirectory(MIGRATIONS).get_current_head() == SHOP_HEAD


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
