"""app.json requires what production needs, under the names that the settings read."""

from __future__ import annotations

import json
import re

import pytest

from clerk_sync.settings.settings import ConfigurationError, Settings
from tests.stage.service import ROOT

APP = json.loads((ROOT / "app.json").read_text())


def test_it_names_settings_that_exist() -> None:
    known = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert APP["env"].keys() <= known


def test_settings_that_production_needs_are_required() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Settings.from_env({"DYNO": "web.1"})
    missing = {problem.partition(":")[0] for problem in refused.value.problems}
    required = {name for name, entry in APP["env"].items() if entry.get("required", True)}
    assert missing <= required | {"DATABASE_URL"}
    assert "heroku-postgresql" in APP["addons"]  # which sets DATABASE_URL


def test_its_processes_are_in_the_procfile() -> None:
    procfile = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    assert procfile.keys() == {"release", "web", "sync"}
    assert APP["formation"].keys() <= procfile.keys()


def test_all_files_name_the_same_python() -> None:
    wanted = (ROOT / ".python-version").read_text().strip()
    assert f"python_requires = >={wanted}" in (ROOT / "setup.cfg").read_text()
    assert "python-version-file: .python-version" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()
