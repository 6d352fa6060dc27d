"""Servers for end-to-end tests: real servers, real sockets, a database for each module."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.stage.migrations import migrate
from tests.stage.postgres import PostgresServer
from tests.stage.servers import Servers, start_servers


@pytest.fixture(scope="module")
def servers(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One server with two workers and the local Clerk, on a database shared by the module's tests."""
    with start_servers(migrate(new_database()), tmp_path_factory.mktemp("logs")) as opened:
        yield opened


@pytest.fixture
def killable_database(postgres: PostgresServer, request: pytest.FixtureRequest) -> str:
    """A migrated database for one test, on the server that may be killed."""
    _databases.append(f"journey_{len(_databases)}")
    return postgres.create_database(_databases[-1], template="migrated")


_databases: list[str] = []
