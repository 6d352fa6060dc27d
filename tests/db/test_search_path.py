"""The search path of our sessions: any name of a schema, on direct connections and in transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.pool import ConnectionPool
from clerk_sync.db.search_path import SearchPath, quote_identifier
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.sync.targets import READ_ONLY
from tests.stage.postgres import run_statement

NAMES = [
    "clerk",
    "Clerk",
    "select",
    'a "quoted" name',
    "it's",
    "100%",
    "%s %(x)s",
    "back\\slash %",
    "a:b",
    "$$",
    "müller",
]
FIND = "SELECT current_schema(), (SELECT place FROM one_of_ours)"


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    return new_database()


def make_schema(url: str, name: str) -> None:
    run_statement(url, f"CREATE SCHEMA {quote_identifier(name)} CREATE TABLE one_of_ours (place text)")
    run_statement(url, f"INSERT INTO {quote_identifier(name)}.one_of_ours VALUES ('here')")


@pytest.fixture
def pool(url: str, request: pytest.FixtureRequest) -> Iterator[ConnectionPool]:
    pool = ConnectionPool(ConnectionFactory(url, Path(), search_path=SearchPath((request.param,))))
    yield pool
    pool.dispose()


@pytest.mark.parametrize("pool", NAMES, indirect=True)
def test_every_way_to_the_database_finds_the_tables_of_the_schema(
    pool: ConnectionPool, url: str, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["pool"]
    make_schema(url, name)
    assert pool.fetch_all(FIND) == [(name, "here")]
    assert pool.fetch_all(FIND + " WHERE %(yes)s", {"yes": True}) == [(name, "here")]
    with pool.make_engine().connect() as connection:
        assert connection.exec_driver_sql(FIND).all() == [(name, "here")]
    connect = ConnectionFactory(url, Path(), search_path=SearchPath((name,)))
    for transactions in (TransactionalConnection(connect), TransactionalConnection(connect, READ_ONLY)):
        with transactions:
            assert transactions.fetch_all(FIND) == [(name, "here")]
            transactions.rollback()
            assert transactions.fetch_all(FIND + " WHERE %(yes)s", {"yes": True}) == [(name, "here")]


@pytest.mark.parametrize("pool", ["clerk"], indirect=True)
def test_tables_of_other_schemas_are_not_found(pool: ConnectionPool, url: str) -> None:
    make_schema(url, "clerk")
    run_statement(url, "CREATE TABLE of_the_host (id int)")
    assert pool.fetch_all("SELECT to_regclass('of_the_host'), to_regclass('public.of_the_host')") == [
        (None, "public.of_the_host")
    ]


def test_a_search_path_of_the_url_the_login_or_the_database_does_not_matter(url: str) -> None:
    make_schema(url, "clerk")
    make_schema(url, "other")
    own = f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3Dother"
    run_statement(url, f"ALTER DATABASE {url.partition('?')[0].rpartition('/')[2]} SET search_path = other")
    pool = ConnectionPool(ConnectionFactory(own, Path(), search_path=SearchPath(("clerk",))))
    assert pool.fetch_all(FIND) == [("clerk", "here")]
    pool.dispose()


def test_further_schemas_are_found_once_the_mirror_is_in_the_first(url: str) -> None:
    make_schema(url, "public_of_the_shop")
    pool = ConnectionPool(ConnectionFactory(url, Path()), SearchPath(("clerk", "public_of_the_shop")))
    find = "SELECT to_regclass('one_of_ours') IS NOT NULL"
    assert pool.fetch_all(find) == [(False,)]
    run_statement(url, "CREATE SCHEMA clerk CREATE TABLE clerk_sync_version (version_num text)")
    assert pool.fetch_all(find) == [(True,)]
    assert len({pid for _ in range(3) for (pid,) in pool.fetch_all("SELECT pg_backend_pid()")}) == 1
    pool.dispose()
