"""One population, once as the stand-in holds it and once in the local Clerk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.population import Population
from clerk_sync.emulator import LocalClerk

USERS = 700


@pytest.fixture(scope="session")
def population() -> Population:
    return Population(USERS)


@pytest.fixture(scope="module")
def clerk() -> Iterator[LocalClerk]:
    with LocalClerk.start() as clerk:
        clerk.users.seed(USERS)
        yield clerk
