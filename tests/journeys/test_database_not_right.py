"""A database that answers but is wrong: routes answer 503, commands print one sentence, and the fault is named."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import psycopg2
import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clerk_sync.app import create_app
from clerk_sync.db.errors import Fault, find_fault
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.emulator import LocalClerk
from clerk_sync.settings.settings import Settings
from clerk_sync.shop.db import db
from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.stage.changed_settings import changed
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.wrong_databases import BOSS, KNOWN, MAKERS, Wrong
from tests.web.console.conftest import Browser, form_tokens

HOME = {"line1": "2 Harbour Road", "city": "Galway", "country": "IE"}
NOT_UTF8, READ_ONLY = {"SQL_ASCII", "LATIN1"}, {"read-only login", "hot standby"}
UNREADABLE = {*NOT_UTF8, "no rights at all", "no USAGE on the schema"}
UNWRITABLE = {*UNREADABLE, *READ_ONLY, "a plan over its limit"}
NAMES = sorted({*UNWRITABLE, "no UPDATE on users", "row-level security"})

Bearer = Callable[..., dict[str, str]]


class Case(NamedTuple):
    """A wrong database, and the application on it."""

    name: str
    found: str
    wrong: Wrong
    app: Flask
    instance_id: str

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def send(self, credentials: dict[str, str], method: str, path: str, **options: Any) -> TestResponse:
        headers = credentials | options.pop("headers", {})
        return self.client.open(path, method=method, headers=headers, **options)

    def deliver(self, type_: str, data: object) -> TestResponse:
        body = json.dumps(clerk_event(type_, data, instance_id=self.instance_id)).encode()
        headers = sign_delivery(body, f"msg_{uuid.uuid4().hex}")
        return self.send(headers, "POST", "/api/webhooks/clerk", data=body, content_type="application/json")

    def flask(self, *arguments: str) -> Result:
        """Run a command, and fail if it prints a traceback or the login."""
        done = self.app.test_cli_runner().invoke(args=arguments)
        assert isinstance(done.exception, SystemExit | None), done.exception
        assert self.wrong.login not in done.output
        return done

    def content(self) -> tuple[Any, ...]:
        (row,) = run_statement(
            self.wrong.superuser_url,
            "SELECT (SELECT count(*) FROM users), (SELECT string_agg(outcome, ',') FROM webhook_events),"
            " (SELECT count(*) FROM mirror_binding), (SELECT count(*) FROM sync_runs)",
        )
        return row


@pytest.fixture(scope="module")
def clerk() -> Iterator[LocalClerk]:
    with LocalClerk.start() as clerk:
        clerk.users.create(first_name="Zoë", last_name="Łuk")
        yield clerk


@pytest.fixture(scope="module", params=NAMES)
def case(
    request: pytest.FixtureRequest, postgres: PostgresServer, settings: Settings, clerk: LocalClerk
) -> Iterator[Case]:
    make, found = MAKERS[request.param]
    with make(postgres) as wrong:
        app = create_app(changed(settings, database_url=wrong.url, api_url=clerk.url, secret_key=clerk.secret_key))
        yield Case(request.param, found, wrong, app, clerk.instance_id)
        with app.app_context():
            db.engine.dispose()


def assert_refused(answer: TestResponse) -> None:
    assert answer.status_code == 503, answer.get_data(as_text=True)
    assert int(answer.headers["Retry-After"]) > 0
    if answer.content_type == "application/problem+json":
        assert answer.get_json()["code"] == "database-unavailable"


def assert_served_or_refused(answer: TestResponse) -> None:
    if answer.status_code >= 500:
        assert_refused(answer)


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("user.created", clerk_user("user_zoe", first_name="Zoë", last_name="Łuk")),
        ("user.deleted", {"id": "user_gone", "object": "user", "deleted": True}),
        ("session.created", {"id": "sess_1"}),
        ("user.updated", {"id": 7}),
    ],
)
def test_a_delivery_that_cannot_be_stored_is_answered_503_and_leaves_no_row(
    case: Case, type_: str, data: object
) -> None:
    before = case.content()
    answer = case.deliver(type_, data)
    assert_served_or_refused(answer)
    if case.name in UNWRITABLE or type_ == "user.created":
        assert_refused(answer)
    if answer.status_code != 200:
        assert case.content() == before


@pytest.mark.parametrize(
    ("user_id", "method", "path", "options"),
    [
        (KNOWN, "PUT", "/api/cart/items/TEA", {"json": {"quantity": 1}}),
        (KNOWN, "POST", "/api/addresses", {"json": HOME}),
        (KNOWN, "PATCH", "/api/addresses/1", {"json": {"city": "Cork"}}),
        (KNOWN, "POST", "/api/cart/checkout", {"json": {"address_id": 1}, "headers": {"Idempotency-Key": "now"}}),
        (BOSS, "PATCH", "/api/admin/orders/A-1", {"json": {"status": "paid"}}),
        ("user_first_seen", "GET", "/api/me", {}),
        ("user_first_seen", "POST", "/api/addresses", {"json": HOME}),
    ],
)
def test_a_request_that_cannot_write_is_answered_503(
    case: Case, bearer: Bearer, user_id: str, method: str, path: str, options: dict[str, Any]
) -> None:
    answer = case.send(bearer(user_id), method, path, **options)
    assert_served_or_refused(answer)
    if case.name in UNWRITABLE:
        assert_refused(answer)


@pytest.mark.parametrize("path", ["/api/cart/items/TEA", "/api/addresses/1"])
def test_a_request_that_cannot_delete_is_answered_503(case: Case, bearer: Bearer, path: str) -> None:
    answer = case.send(bearer(KNOWN), "DELETE", path)
    assert_served_or_refused(answer)
    if case.name in UNREADABLE | READ_ONLY:
        assert_refused(answer)


@pytest.mark.parametrize(
    "path",
    ["/api/me", "/api/cart", "/api/orders", "/api/orders/A-1", "/api/addresses", "/api/admin/users", "/api/admin/sync"],
)
def test_routes_that_only_read_are_served_and_the_others_answered_503(case: Case, bearer: Bearer, path: str) -> None:
    answer = case.send(bearer(BOSS if "admin" in path else KNOWN), "GET", path)
    assert_served_or_refused(answer)
    if case.name in UNREADABLE:
        assert_refused(answer)
    if case.name in READ_ONLY | {"a plan over its limit"}:
        assert answer.status_code in (200, 404)


@pytest.mark.parametrize("action", ["/console/events/msg_parked/replay", "/console/parked/replay"])
def test_an_action_of_the_console_is_answered_503(case: Case, session_token: Callable[..., str], action: str) -> None:
    browser = Browser(case.client, session_token, BOSS)
    page = browser.get(action.removesuffix("/replay"))
    assert_served_or_refused(page)
    answer = browser.post(action, {"form_token": form_tokens(page).get(action, "")})
    assert_served_or_refused(answer)
    if case.name in UNWRITABLE:
        assert_refused(answer)


def test_routes_without_database_are_served(case: Case, bearer: Bearer) -> None:
    assert case.client.get("/healthz").status_code == 200
    assert case.send(bearer(KNOWN), "GET", "/api/session").status_code == 200


def test_readyz_and_a_metric_name_it(case: Case) -> None:
    answer = case.client.get("/readyz")
    assert answer.status_code == 503
    said = answer.get_json()["database"]
    assert not said["ok"]
    assert said["detail"].startswith(case.found)
    assert case.wrong.login not in answer.get_data(as_text=True)
    fault = Fault.NOT_UTF8 if case.name in NOT_UTF8 else Fault.MISSING_PRIVILEGES
    fault = Fault.READ_ONLY if case.name in READ_ONLY else fault
    text = case.client.get("/metrics").get_data(as_text=True)
    for each in Fault:
        assert f'clerk_sync_database_fault{{fault="{each}"}} {float(each is fault)}' in text


def test_the_doctor_names_the_fault_and_the_fix(case: Case) -> None:
    done = case.flask("sync-clerk", "doctor", "--json")
    assert done.exit_code == 1
    findings = json.loads(done.stdout)["findings"]
    (finding,) = [each for each in findings if each["found"].startswith(case.found)]
    assert finding["verdict"] == "wrong"
    fixes = {"not UTF-8": "createdb -E UTF8 -T template0", "read-only: a": "the primary", "read-only: d": "read_only"}
    expected = next((fix for sign, fix in fixes.items() if case.found.startswith(sign)), "as the owner")
    assert expected in finding["mend"]
    assert "GRANT UPDATE ON users TO" in finding["mend"] or case.name != "no UPDATE on users"
    # One cause must give only one finding.
    red = [each["subject"] for each in findings if each["verdict"] == "wrong" and each is not finding]
    assert not set(red) & {"database", "migrations", "role guard", "roles", "binding", "last event", "parked"}, red


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["sync-clerk", "sync", "--no-progress"], None),
        (["sync-clerk", "sync", "--no-progress", "--user", "user_zoe"], None),
        (["sync-clerk", "replay"], 1),
        (["sync-clerk", "prune", "--older-than", "0s"], 1),
        (["sync-clerk", "rebind", "--yes"], None),
        (["shop", "load-products"], 1),
    ],
)
def test_a_command_that_cannot_write_ends_with_one_sentence(
    case: Case, arguments: list[str], exit_code: int | None
) -> None:
    done = case.flask(*arguments)
    if case.name in UNWRITABLE:
        # sync and check exit with 2 if an operator has to change something, and with 1 if it may pass by itself.
        assert done.exit_code == (exit_code or (1 if case.name in READ_ONLY else 2)), done.output
        assert done.stderr.count(f"the database cannot be used: {case.found}") == 1, done.output


@pytest.mark.parametrize("arguments", [["sync-clerk", "check"], ["sync-clerk", "sync", "--dry-run", "--no-progress"]])
def test_a_command_that_reads_works_if_it_can_read(case: Case, arguments: list[str]) -> None:
    done = case.flask(*arguments)
    assert (done.exit_code == 2) == (case.name in UNREADABLE), done.output
    assert (f"the database cannot be used: {case.found}" in done.stderr) == (case.name in UNREADABLE)


@pytest.mark.parametrize("command", [["upgrade"], ["downgrade", "base"], ["current"], ["check"]])
def test_flask_db_does_its_work_or_ends_with_one_sentence(
    case: Case, command: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Flask-Migrate logs its errors, and ``flask`` shows the log on stderr."""
    done = case.flask("db", *command)
    if command[0] == "downgrade" or case.name in NOT_UTF8 | {"no rights at all"}:
        assert done.exit_code == 1
    said = [record.getMessage() for record in caplog.records if record.name == "flask_migrate"]
    assert len(said) == (done.exit_code == 1)
    if said:
        assert said[0].startswith("Error: `flask db` cannot use the database: ")
        assert case.found in said[0] or case.found.startswith("missing privileges")
        assert case.wrong.login not in said[0]


def test_a_refusal_of_the_role_guard_is_our_bug_and_not_a_missing_privilege(
    transactions: TransactionalConnection,
) -> None:
    """Its triggers raise PostgreSQL's SQLSTATE for a missing privilege."""
    with pytest.raises(psycopg2.errors.InsufficientPrivilege) as caught:
        transactions.fetch_all("INSERT INTO users (clerk_id, role) VALUES ('user_mallory', 'ADMIN')")
    assert find_fault(caught.value) is None
