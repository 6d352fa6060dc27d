"""Environments for tests of the settings, their problems, and processes without the rights of root."""

from __future__ import annotations

import os

import pytest

from clerk_sync.settings.settings import ConfigurationError, Settings

PRODUCTION = {
    "CLERK_SYNC_ENV": "production",
    "DATABASE_URL": "postgres://u:p@db.example.com/shop",
    "CLERK_AUTHORIZED_PARTIES": "https://shop.example.com",
}

# The beginning of a command in which file modes apply to root, too.
WITHOUT_RIGHTS_OF_ROOT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


def problems_of(**environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env(environ)
    return caught.value.problems
