"""Environments for tests of the settings, and what is said of those that are wrong."""

from __future__ import annotations

import pytest

from clerk_sync.config import ConfigurationError, Settings

PRODUCTION = {
    "CLERK_SYNC_ENV": "production",
    "DATABASE_URL": "postgres://u:p@db.example.com/shop",
    "CLERK_AUTHORIZED_PARTIES": "https://shop.example.com",
}


def problems_of(**environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env(environ)
    return caught.value.problems
