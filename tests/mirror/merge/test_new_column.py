"""A new mirrored column is one line in the list and one migration: shown in a copy of the code, by its own tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clerk_sync.mirror.migrations import HEAD
from tests.conftest import PACKAGE, ROOT

BEFORE = "    image_url: Annotated["
LINE = '    external_id: Annotated[str | None, Source("external_id", is_personal=True)] = None\n'
VERSION = f"{int(HEAD) + 1:04}"

SYNC_TEST = """
def test_sync_mirrors_the_new_column(clerk, sync, query) -> None:
    first = clerk.users.create(email="a@example.com", external_id="customer-1")
    clerk.users.create(email="b@example.com")
    assert sync()["inserted"] == 2
    query("UPDATE users SET external_id = 'drifted' WHERE external_id IS NOT NULL")
    assert sync()["updated"] == 1
    assert sync()["unchanged"] == 2
    assert query("SELECT external_id FROM users ORDER BY external_id") == [("customer-1",), (None,)]
    clerk.users.delete(first["id"])
    assert sync()["deleted"] == 1
    assert query("SELECT external_id FROM users ORDER BY external_id") == [(None,), (None,)]


def test_an_event_fills_a_placeholder(deliver, query) -> None:
    query("INSERT INTO users (clerk_id) VALUES ('user_1')")
    deliver(clerk_event("user.updated", clerk_user("user_1", external_id="customer-1")))
    assert query("SELECT external_id FROM users") == [("customer-1",)]
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the code with one more column."""
    # With the compiled files: they stay valid for sources that do not change.
    shutil.copytree(PACKAGE, tmp_path / "clerk_sync")
    for folder in ("migrations", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("setup.cfg", "wsgi.py"):
        shutil.copy(ROOT / file, tmp_path)
    columns = tmp_path / "clerk_sync" / "clerk" / "users.py"
    columns.write_text(columns.read_text().replace(BEFORE, LINE + BEFORE))
    function = run(tmp_path, "-m", "clerk_sync.mirror.merge.sql_functions")
    migration = f"ALTER TABLE {{schema}}.users ADD COLUMN external_id text;\n{function}"
    (tmp_path / "clerk_sync" / "mirror" / "migrations" / f"{VERSION}_external_id.sql").write_text(migration)
    sync = tmp_path / "tests" / "mirror" / "test_sync_of_new_column.py"
    sync.write_text(f"from tests.conftest import clerk_event, clerk_user\n{SYNC_TEST}")
    return tmp_path


def run(folder: Path, *arguments: str, **environment: str) -> str:
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_a_new_column_is_one_line_and_one_migration(copy: Path, server_url: str) -> None:
    """Merge, comparison, tombstone, placeholder, sync and the upgrade of the previous release."""
    tests = [
        "tests/mirror/merge/test_columns.py",
        "tests/mirror/test_sync_of_new_column.py",
        "tests/test_migrations.py",
    ]
    chosen = ["-k", "not flask_db and not two_processes"]
    # Plugins of pytest that these tests do not need take longer to load than the tests.
    environment = {"DATABASE_URL": server_url, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    said = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, *chosen, **environment)
    assert "external_id" in run(copy, "-c", "from clerk_sync.clerk.users import COLUMNS; print(COLUMNS)")
    assert " passed" in said
