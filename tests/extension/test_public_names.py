"""What ``from clerk_sync import …`` offers, and what it costs."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
import textwrap
from importlib import resources
from pathlib import Path

import pytest
from flask import Blueprint, Flask
from prometheus_client import CollectorRegistry, generate_latest

import clerk_sync
from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.services import get_services

NAMES = ["ClerkSync", "Problem", "Settings", "claims", "collector", "current_user", "require_admin"]
HEAVY = {
    *("sqlalchemy", "alembic", "flask_sqlalchemy", "flask_migrate", "granian", "rich", "svix", "dotenv"),
    *("prometheus_client", "pythonjsonlogger", "requests", "jose", "cryptography"),
}
CPU_LIMIT_S = 0.15
# Other processes make caches cold: on a busy machine Flask alone has taken 0.2 s.
ON_A_BUSY_MACHINE = 2
WITH_ORM = ("ClerkSync.table", "ClerkSync.include_object")


def run_python(code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return ran.stdout


def test_the_package_exports_the_public_names_and_no_others() -> None:
    assert sorted(clerk_sync.__all__) == NAMES
    assert all(getattr(clerk_sync, name).__name__ == name for name in NAMES)
    assert set(NAMES) <= set(dir(clerk_sync))


def test_another_name_is_an_import_error() -> None:
    with pytest.raises(AttributeError, match="create_app"):
        _ = clerk_sync.create_app  # type: ignore[attr-defined]
    with pytest.raises(ImportError):
        exec("from clerk_sync import nothing")


def test_importing_the_names_loads_nothing_that_a_host_may_not_have() -> None:
    loaded = run_python(
        f"import json, sys; from clerk_sync import {', '.join(NAMES)}; print(json.dumps([*sys.modules]))"
    )
    assert not HEAVY & set(json.loads(loaded))


def test_importing_the_names_with_flask_takes_little_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    timed = f"""from time import process_time as t; a = t()
import flask; b = t()
from clerk_sync import {", ".join(NAMES)}
print(b - a, t() - b)"""
    # The first run compiles every module, as pip does.
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    runs = [[float(each) for each in run_python(timed).split()] for _ in range(6)]
    assert min(flask + ours for flask, ours in runs) < CPU_LIMIT_S * ON_A_BUSY_MACHINE
    assert min(ours for _, ours in runs) < CPU_LIMIT_S / 3


def test_the_package_itself_loads_neither_flask_nor_werkzeug() -> None:
    loaded = run_python("import json, sys, clerk_sync; print(json.dumps([*sys.modules]))")
    assert not {"flask", "werkzeug", "msgspec"} & set(json.loads(loaded))


def test_the_package_is_typed() -> None:
    assert resources.files("clerk_sync").joinpath("py.typed").is_file()


def documented() -> list[tuple[str, str]]:
    """Return the docstrings of the package, of its names, and of the methods of ClerkSync."""
    objects = {"clerk_sync": clerk_sync} | {name: getattr(clerk_sync, name) for name in NAMES}
    methods = ("init_app", "guard", "table", "include_object", "readiness")
    objects |= {f"ClerkSync.{name}": getattr(clerk_sync.ClerkSync, name) for name in methods}
    return [(name, inspect.getdoc(each) or "") for name, each in objects.items()]


def examples_in(docstring: str) -> list[str]:
    """Return the indented blocks of a docstring."""
    blocks: list[list[str]] = [[]]
    for line in docstring.splitlines():
        if line.startswith("    ") or (not line and blocks[-1]):
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return [textwrap.dedent("\n".join(block)) for block in blocks if block]


@pytest.mark.parametrize(("name", "docstring"), documented(), ids=lambda value: value.split("\n")[0][:40])
def test_each_public_name_has_an_example_that_compiles(name: str, docstring: str) -> None:
    examples = examples_in(docstring)
    assert examples, f"{name} has no example"
    for example in examples:
        ast.parse(example)


def test_the_examples_run_in_an_application(settings: clerk_sync.Settings) -> None:
    app = Flask("host")
    clerk = clerk_sync.ClerkSync(settings=settings)
    known = {name: getattr(clerk_sync, name) for name in NAMES} | {"Blueprint": Blueprint, "Flask": Flask}
    known |= {"__name__": "example", "app": app, "clerk": clerk, "registry": CollectorRegistry()}
    known |= {name: Blueprint(name, name) for name in ("tasks", "reports")}
    # Those of tables are in test_tables; they need an ORM.
    examples = {name: examples_in(text) for name, text in documented() if name not in ("clerk_sync", *WITH_ORM)}
    exec(examples.pop("ClerkSync.init_app")[0], known | {"app": app})
    exec(examples.pop("ClerkSync.guard")[0], known)
    (problem,) = examples.pop("Problem")
    with pytest.raises(clerk_sync.Problem, match="This project is archived"):
        exec(problem, known)
    for blocks in examples.values():
        for block in blocks:
            exec(block, known)
    for name in ("tasks", "reports"):
        app.register_blueprint(known[name])
    client = app.test_client()
    assert [client.get(path).status_code for path in ("/whoami", "/ready")] == [401, 200]
    assert b"clerk_sync_database_up" in generate_latest(known["registry"])
    get_services(app).pool.dispose()


def test_the_example_of_the_package_serves_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k")
    (example,) = examples_in(inspect.getdoc(clerk_sync) or "")
    names: dict[str, object] = {"__name__": "example"}
    exec(example, names)
    app = names["create_app"]()  # type: ignore[operator]
    client = app.test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/tasks").get_json()["code"] == TokenRejection.MISSING
