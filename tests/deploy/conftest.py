"""Fixtures of deployments: a migrated database, and a local Clerk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clerk_sync.emulator import LocalClerk
from tests.stage.postgres import PostgresServer


@pytest.fixture(scope="module")
def migrated(postgres: PostgresServer, request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database, shared by the module's tests."""
    return postgres.create_database(request.module.__name__.rpartition(".")[2], template="migrated")


@pytest.fixture(scope="module")
def clerk() -> Iterator[LocalClerk]:
    """A local Clerk that sends no webhooks by itself."""
    with LocalClerk.start() as started:
        yield started
