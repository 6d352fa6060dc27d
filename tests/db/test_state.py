"""Obstacles are found in the catalog and named with their fix."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.pool import ConnectionPool
from clerk_sync.db.state import Obstacle, find_obstacles, find_obstacles_to_migrations, obstacle_of
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.models import Base as MirrorBase
from clerk_sync.mirror.sync.targets import READ_ONLY
from clerk_sync.shop.db import Base as ShopBase
from tests.stage.histories import HISTORIES, NEEDED
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.wrong_databases import MAKERS, login


def look(url: str) -> list[Obstacle]:
    with TransactionalConnection(ConnectionFactory(url, Path())) as transactions:
        return find_obstacles(transactions.fetch_all, HISTORIES)


@pytest.mark.parametrize("name", MAKERS)
def test_each_wrong_database_is_named_and_its_login_is_not(postgres: PostgresServer, name: str) -> None:
    make, found = MAKERS[name]
    with make(postgres) as wrong:
        try:
            (obstacle,) = look(wrong.url)
        except psycopg2.OperationalError as error:
            told = obstacle_of(error)
            assert told is not None
            obstacle = told
        assert obstacle.found.startswith(found)
        assert obstacle.fix
        names = {wrong.login, urlsplit(wrong.url).path.strip("/")}
        assert not names & set(re.findall(r"\w+", str(obstacle)))


def test_the_owner_has_no_obstacle_before_and_after_the_migrations(
    database_url: str, new_database: Callable[[], str]
) -> None:
    assert look(database_url) == []
    assert look(new_database()) == []


def test_needed_privileges_are_listed_for_every_table() -> None:
    assert set(NEEDED) == {
        *MirrorBase.metadata.tables,
        *ShopBase.metadata.tables,
        "clerk_sync_version",
        "alembic_version",
    }


def test_each_privilege_that_is_needed_is_missed(postgres: PostgresServer) -> None:
    with login(postgres) as fine:
        assert look(fine.url) == []
        for table, privileges in NEEDED.items():
            for privilege in privileges:
                run_statement(fine.superuser_url, f"REVOKE {privilege} ON {table} FROM {fine.login}")
                (obstacle,) = look(fine.url)
                assert obstacle.found == f"missing privileges: {privilege} on {table}"
                assert f"GRANT {privilege} ON {table} TO the login" in obstacle.fix
                run_statement(fine.superuser_url, f"GRANT {privilege} ON {table} TO {fine.login}")


def test_tables_of_another_application_are_no_obstacle(postgres: PostgresServer) -> None:
    with login(postgres) as fine:
        run_statement(fine.superuser_url, "DROP TABLE webhook_events")
        run_statement(fine.superuser_url, "CREATE SCHEMA another CREATE TABLE webhook_events (id int)")
        assert look(fine.url) == []


def test_a_transaction_that_is_read_only_on_purpose_is_no_obstacle(database_url: str) -> None:
    with TransactionalConnection(ConnectionFactory(database_url, Path()), READ_ONLY) as transactions:
        assert find_obstacles(transactions.fetch_all, HISTORIES) == []


def test_a_policy_that_lets_rows_through_is_no_obstacle(postgres: PostgresServer) -> None:
    with login(postgres) as fine:
        run_statement(fine.superuser_url, "ALTER TABLE users ENABLE ROW LEVEL SECURITY")
        assert "row-level security" in look(fine.url)[0].found
        run_statement(fine.superuser_url, "CREATE POLICY everything ON users USING (true)")
        assert look(fine.url) == []


def test_a_login_that_may_write_again_is_served_by_the_pool_that_was_refused(postgres: PostgresServer) -> None:
    """What ALTER ROLE sets is read when a session begins, so sessions from before have to go."""
    with login(postgres) as wrong:
        statements = ConnectionPool(ConnectionFactory(wrong.url, Path()))
        write = "UPDATE users SET synced_at = now() RETURNING id"
        run_statement(postgres.url(), f"ALTER ROLE {wrong.login} SET default_transaction_read_only = on")
        assert statements.fetch_all("SELECT 1", {}) == [(1,)]
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            statements.fetch_all(write, {})
        run_statement(postgres.url(), f"ALTER ROLE {wrong.login} RESET default_transaction_read_only")
        assert statements.fetch_all(write, {})
        statements.dispose()


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        ((), "missing privileges: another login owns addresses, alembic_version, cart_items"),
        (("ALTER TABLE users OWNER TO {login}",), "missing privileges: another login owns addresses"),
        (("DROP OWNED BY {login}", "DROP SCHEMA public CASCADE"), "missing privileges: CREATE on schema public"),
        (
            ("DROP OWNED BY {login}", "DROP SCHEMA public CASCADE", "CREATE SCHEMA public"),
            "missing privileges: CREATE on schema public",
        ),
        (
            ("DROP OWNED BY {login}", "DROP SCHEMA public CASCADE", "CREATE SCHEMA public AUTHORIZATION {login}"),
            None,
        ),
    ],
)
def test_an_obstacle_to_migrations_is_named(
    postgres: PostgresServer, statements: tuple[str, ...], found: str | None
) -> None:
    with login(postgres) as wrong:
        for statement in statements:
            run_statement(wrong.superuser_url, statement.format(login=wrong.login))
        with TransactionalConnection(ConnectionFactory(wrong.url, Path())) as transactions:
            obstacles = find_obstacles_to_migrations(transactions.fetch_all, HISTORIES)
    assert [each.found.startswith(found or "") for each in obstacles] == ([True] if found else [])
