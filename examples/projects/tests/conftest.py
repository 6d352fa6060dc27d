"""The application for its tests. ``clerk_sync.testing`` brings a local Clerk and the settings for it."""

from __future__ import annotations

import pytest
from flask import Flask

from clerk_sync import Settings

pytest_plugins = ["clerk_sync.testing"]


@pytest.fixture
def app(clerk_settings: Settings) -> Flask:
    # After clerk_settings, because the module reads the settings when it is imported.
    from app import create_app

    return create_app()
