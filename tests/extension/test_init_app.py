"""``init_app`` adds what it promises, and takes nothing over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from clerk_sync import ClerkSync, Settings
from clerk_sync.db.connect import EMBEDDED
from clerk_sync.settings.settings import ConfigurationError
from tests.conftest import ROOT
from tests.extension.conftest import MakeHost

OURS = {"clerk_sync"}


def snapshot(app: Flask) -> dict[str, Any]:
    """Return what ``init_app`` must not change."""
    return {
        "before_request": {name: list(hooks) for name, hooks in app.before_request_funcs.items() if hooks},
        "after_request": {name: list(hooks) for name, hooks in app.after_request_funcs.items() if hooks},
        "teardown_request": {name: list(hooks) for name, hooks in app.teardown_request_funcs.items() if hooks},
        "teardown_appcontext": list(app.teardown_appcontext_funcs),
        "errors": {
            name: {code: dict(kinds) for code, kinds in codes.items() if kinds}
            for name, codes in app.error_handler_spec.items()
            if any(codes.values())
        },
        "url_values": {name: list(hooks) for name, hooks in app.url_value_preprocessors.items() if hooks},
        "context_processors": {
            name: list(hooks)
            for name, hooks in app.template_context_processors.items()
            if not (name or "").startswith("clerk_sync_")  # each blueprint has Flask's own
        },
        "converters": dict(app.url_map.converters),
        "url_map": (app.url_map.strict_slashes, app.url_map.merge_slashes),
        "config": dict(app.config),
        "wsgi_app": app.wsgi_app,
        "json": app.json,
        "logger": (app.logger.level, list(app.logger.handlers), app.logger.propagate),
        "extensions": {name: value for name, value in app.extensions.items() if name not in OURS},
        "jinja": (dict(app.jinja_env.globals), dict(app.jinja_env.filters)),
        "session": app.session_interface,
        "commands": {name: command for name, command in app.cli.commands.items() if name != "sync-clerk"},
        "blueprints": {name for name in app.blueprints if not name.startswith("clerk_sync")},
        "routes": {rule.rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith("clerk_sync")},
        "shell": list(app.shell_context_processors),
    }


def test_an_application_keeps_everything_that_is_its_own(settings: Settings) -> None:
    app = Flask("host")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    before = snapshot(app)
    ClerkSync(settings=settings).init_app(app)
    assert snapshot(app) == before


def test_only_the_webhook_the_health_routes_and_the_commands_are_added(settings: Settings) -> None:
    app = Flask("host", static_folder=None)
    ClerkSync(settings=settings).init_app(app)
    routes = {(rule.rule, *sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})) for rule in app.url_map.iter_rules()}
    assert routes == {("/api/webhooks/clerk", "POST"), ("/healthz", "GET"), ("/readyz", "GET")}
    assert set(app.blueprints) == {"clerk_sync_webhooks", "clerk_sync_health"}
    assert set(app.cli.commands) == {"sync-clerk"}


GLOBAL_STATE = """
import json, logging, os, signal, sys, warnings
from flask import Flask
import prometheus_client
from clerk_sync import ClerkSync, Settings

def state():
    loggers = [logging.getLogger(name) for name in ("", "clerk_sync", "werkzeug", "sqlalchemy")]
    return repr((
        [(each.name, each.level, each.handlers, each.propagate, each.disabled) for each in loggers],
        sorted(prometheus_client.REGISTRY._names_to_collectors),
        prometheus_client.values.ValueClass, prometheus_client.values.MmapedDict,
        {name: value for name, value in os.environ.items()},
        [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)],
        sys.excepthook, sys.stderr, sys.stdout, warnings.filters[:3],
    ))

from clerk_sync.web import auth, webhooks, health, metrics  # what init_app imports: modules of libraries add loggers
from prometheus_client import values
before = state()
app = Flask("host")
clerk = ClerkSync(app, settings=Settings(
    database_url="postgresql://nobody@127.0.0.1:1/none", env="test", publishable_key="pk_test_Y2xlcmsuZXhhbXBsZS5jb20k"
))
blueprint_guard = app.before_request(clerk.guard)
client = app.test_client()
assert client.get("/nothing").status_code == 401
assert client.get("/readyz").status_code == 503
assert client.post("/api/webhooks/clerk", json={}).status_code == 503
assert state() == before, (before, state())
"""


def test_the_process_keeps_its_logging_metrics_signals_and_environment() -> None:
    ran = subprocess.run([sys.executable, "-c", GLOBAL_STATE], check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, ran.stderr), ran.stderr


def test_a_second_call_for_one_application_is_an_error(host: Flask, settings: Settings) -> None:
    with pytest.raises(RuntimeError, match="called twice"):
        ClerkSync(host, settings=settings)


def test_one_extension_serves_several_applications(settings: Settings) -> None:
    clerk = ClerkSync(settings=settings)
    apps = [Flask("one"), Flask("two")]
    for app in apps:
        clerk.init_app(app)
    assert [app.test_client().get("/healthz").status_code for app in apps] == [200, 200]


def test_applications_in_one_process_have_their_own_settings_and_paths(make_host: MakeHost) -> None:
    one = make_host({"webhook_signing_secrets": ()}, webhook_path="/hooks/one", health=False, cli=False)
    two = make_host(webhook_path="/hooks/two")
    assert one.test_client().post("/hooks/one", json={}).get_json()["code"] == "webhook-secret-missing"
    assert two.test_client().post("/hooks/two", json={}).get_json()["code"] == "signature-invalid"
    assert one.test_client().post("/hooks/two", json={}).status_code == 404
    assert one.test_client().get("/readyz").status_code == 404
    assert two.test_client().get("/readyz").status_code == 200
    assert set(one.cli.commands) == set()


def test_wrong_settings_are_named_when_the_extension_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_JWT_KEY", "not a key")
    monkeypatch.setenv("CLERK_SYNC_ENV", "test")
    app = Flask("host")
    with pytest.raises(ConfigurationError, match="CLERK_JWT_KEY"):
        ClerkSync(app)
    assert not app.blueprints
    assert not app.extensions


def test_a_missing_database_is_named_when_the_extension_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    # As if the embedded PostgreSQL, a development dependency, were not installed.
    monkeypatch.setitem(sys.modules, EMBEDDED, None)
    app = Flask("host")
    with pytest.raises(ConfigurationError, match="DATABASE_URL: found nothing"):
        ClerkSync(app, settings=Settings(env="development"))
    assert not app.blueprints
    assert not app.extensions


def test_a_guard_without_the_extension_says_what_to_call() -> None:
    app = Flask("host", static_folder=None)
    app.testing = True
    app.before_request(ClerkSync().guard)
    with pytest.raises(RuntimeError, match="init_app"):
        app.test_client().get("/")


def test_a_host_can_ask_whether_everything_is_ready(host: Flask, settings: Settings) -> None:
    with host.app_context():
        checks = ClerkSync(settings=settings).readiness()
    assert checks == host.test_client().get("/readyz").get_json()
    assert set(checks) == {"database", "migrations", "keys", "webhook_secret"}
    assert json.dumps(checks)


def test_an_application_with_host_matching_is_refused(settings: Settings) -> None:
    with pytest.raises(RuntimeError, match="host_matching"):
        ClerkSync(Flask("host", host_matching=True, static_host="example.com"), settings=settings)


@pytest.mark.parametrize(("command", "status"), [("sync", 2), ("check", 2), ("doctor", 1)])
def test_commands_of_a_host_name_a_wrong_setting_in_a_sentence(tmp_path: Path, command: str, status: int) -> None:
    (tmp_path / "app.py").write_text(HOST)
    environment = {**os.environ, "CLERK_JWT_KEY": "bad", "FLASK_APP": "app", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "sync-clerk", command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert "CLERK_JWT_KEY" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


HOST = """
from flask import Flask
from clerk_sync import ClerkSync

def create_app():
    app = Flask("host")
    ClerkSync(app)
    return app
"""
