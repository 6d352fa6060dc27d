"""Each dependency is used and pinned, and each part of the package imports only what its extra declares."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import PACKAGE, ROOT
from tests.deploy.declared import EXTRAS, declared, plain

# Declared but not imported, each with the reason.
NOT_IMPORTED = {
    "granian": "the Procfile names it",
    "psycopg2-binary": "it is imported as psycopg2, and psycopg2 may be installed instead",
}
# Parts of the package that need an extra, by the paths of their modules. All other modules need no extra.
PARTS = {
    "app": (
        "app.py",
        "flask_db.py",
        "migrations/",
        "settings/env_file.py",
        "shop/",
        "telemetry/logs.py",
        "wsgi.py",
    ),
    "cli": ("cli/sync/progress.py", "cli/sync/reports.py"),
    "emulator": ("emulator/", "cli/emulator/"),
    "testing": ("testing.py",),
    "dev": ("demo/", "db/connect.py"),  # the demo, and the embedded PostgreSQL
}
BASE = "install_requires"
DRIVER = "psycopg2"
EVERYTHING = [BASE, *EXTRAS]


def imported_by_part() -> dict[str, set[str]]:
    """Return the distributions that each part of the package imports, at module level or later."""
    distributions = packages_distributions()
    parts: dict[str, set[str]] = {}
    for path, name in sources():
        foreign = {each.partition(".")[0] for each in imports_of(path)} - set(sys.stdlib_module_names)
        foreign -= {"clerk_sync", "_typeshed", DRIVER}
        part = next((part for part, starts in PARTS.items() if name.startswith(starts)), BASE)
        parts.setdefault(part, set()).update(plain(each) for root in foreign for each in distributions[root])
    return parts


def sources() -> Iterator[tuple[Path, str]]:
    for path in PACKAGE.rglob("*.py"):
        yield path, path.relative_to(PACKAGE).as_posix()
    for path in (ROOT / "migrations").rglob("*.py"):
        yield path, f"migrations/{path.name}"


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def test_every_declared_dependency_is_used() -> None:
    used = set().union(*imported_by_part().values())
    for_the_package = set().union(*(declared(option) for option in EVERYTHING if option != "dev"))
    assert for_the_package - used == NOT_IMPORTED.keys()


def test_every_import_is_declared_in_the_extra_of_its_part() -> None:
    for part, imported in imported_by_part().items():
        allowed = declared(BASE) | declared(part)
        if part == "dev":
            allowed = set().union(*(declared(option) for option in EVERYTHING))
        assert imported - allowed == set(), part


def test_the_base_has_no_upper_bound_and_no_driver() -> None:
    lines = declared(BASE, whole=True)
    assert [line for line in lines if re.search("[<~]|==|!=", line)] == []
    assert not declared(BASE) & {"psycopg2", "psycopg2-binary"}


@pytest.mark.parametrize(
    ("file", "options"),
    [("requirements.txt", [BASE, "app", "binary", "cli", "server"]), ("tests/requirements.txt", EVERYTHING)],
)
def test_every_dependency_is_pinned_with_hashes(file: str, options: list[str]) -> None:
    entries = re.findall(r"^(\S.*?)(?=^\S|\Z)", (ROOT / file).read_text(), re.MULTILINE | re.DOTALL)
    pinned = {plain(entry.partition("==")[0]): entry for entry in entries}
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []
    assert set().union(*(declared(option) for option in options)) - pinned.keys() == set()


def test_what_production_installs_is_what_tests_installed() -> None:
    assert versions("requirements.txt").items() <= versions("tests/requirements.txt").items()


def versions(file: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / file).read_text(), re.MULTILINE))
