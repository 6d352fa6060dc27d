"""What setup.cfg declares, and an environment with just the base and chosen extras."""

from __future__ import annotations

import re
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.conftest import PACKAGE, ROOT

SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg")
EXTRAS = list(SETUP["options.extras_require"])


def declared(option: str, *, whole: bool = False) -> set[str]:
    """Return the names that ``install_requires`` or an extra lists; the ``whole`` lines if wanted."""
    section = "options" if option == "install_requires" else "options.extras_require"
    lines = [line.strip() for line in SETUP[section].get(option, "").splitlines() if not line.startswith("#")]
    return {line if whole else plain(Requirement(line).name) for line in lines if line}


def plain(name: str) -> str:
    """Return the name of a distribution in its normal form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def make_environment(folder: Path, *extras: str) -> Path:
    """Make a virtual environment with the package, its base and ``extras``, as pip would; return its Python.

    It links to the distributions of the test environment, so it needs no network. A library that no requirement
    names is not in it.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    (site / "clerk_sync").symlink_to(PACKAGE)
    if not (PACKAGE / "migrations").exists():  # in a checkout they are beside the package
        (site / "migrations").symlink_to(ROOT / "migrations")
    lines = set().union(*(declared(option, whole=True) for option in ("install_requires", *extras)))
    for found in closure(lines):
        for entry in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            target = site / entry
            if not target.exists():
                target.symlink_to(Path(str(found.locate_file(entry))))
    return folder / "bin" / "python"


def closure(lines: set[str]) -> list[Distribution]:
    """Return the distributions that pip installs for the requirements in ``lines``."""
    waiting, done = [Requirement(line) for line in lines], {}
    while waiting:
        requirement = waiting.pop()
        key = (plain(requirement.name), *sorted(requirement.extras))
        if key in done:
            continue
        done[key] = distribution(requirement.name)
        for line in done[key].requires or ():
            needed = Requirement(line)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return list(done.values())
