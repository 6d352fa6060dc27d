"""Databases at a revision of our migrations, or with the tables of the previous release."""

from __future__ import annotations

from flask_migrate import upgrade

from clerk_sync.app import create_app
from clerk_sync.flask_db import load_migrations
from clerk_sync.settings.settings import Settings
from clerk_sync.shop.db import db
from tests.stage.postgres import run_statement
from tests.stage.service import ROOT


def migrate(url: str, revision: str = "head") -> str:
    """Apply the migrations up to ``revision`` to the database at ``url`` and return it."""
    app = create_app(Settings(env="test", database_url=url))
    load_migrations(app)
    with app.app_context():
        upgrade(str(ROOT / "migrations"), revision)
        db.engine.dispose()
    return url


def load_previous_release(url: str) -> str:
    """Fill the empty database at ``url`` with the dump of the release before the two histories, and return it."""
    dump = (ROOT / "tests" / "releases" / "0010.sql").read_text()
    run_statement(url, dump)
    return url
