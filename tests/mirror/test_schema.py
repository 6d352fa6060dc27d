"""The mirror in a schema of its own, beside tables of the same names that belong to another application."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from flask import Flask
from prometheus_client import CollectorRegistry, generate_latest

from clerk_sync import ClerkSync, collector
from clerk_sync.app import create_app
from clerk_sync.db.search_path import quote_identifier
from clerk_sync.emulator import LocalClerk
from clerk_sync.mirror.migrations import HEAD
from clerk_sync.services import get_services
from clerk_sync.settings.settings import Environment, Settings
from clerk_sync.shop.db import db
from tests.conftest import ORIGIN, clerk_event, clerk_user, sign_delivery
from tests.extension.conftest import private_blueprint
from tests.stage.changed_settings import changed
from tests.stage.pgbouncer import PROGRAM, PgBouncer
from tests.stage.postgres import PostgresServer, run_statement
from tests.web.console.conftest import Browser

LOGIN = "host_login"
ODD = 'Team "A" müller\'s, 100% $$ :x {y} \\z'
FOREIGN = (
    "users", "orders", "addresses", "webhook_events", "sync_runs", "sync_missing", "role_changes", "alembic_version",
    "clerk_sync_version",
)  # fmt: skip
MARK = "of the host"

_numbers = count()


@pytest.fixture
def owner_url(postgres: PostgresServer) -> Iterator[str]:
    """A superuser's URL of a database whose ``public`` has tables of a host. The mirror's login may not read them."""
    name = f"host_{next(_numbers)}"
    url = postgres.create_database(name)
    for table in FOREIGN:
        run_statement(url, f"CREATE TABLE {table} (id int, version_num text)")
        run_statement(url, f"INSERT INTO {table} VALUES (1, '{MARK}')")
    run_statement(url, f"CREATE ROLE {LOGIN} LOGIN")
    run_statement(url, f"GRANT CREATE ON DATABASE {name} TO {LOGIN}")
    before = contents_of_public(url)
    yield url
    assert contents_of_public(url) == before
    run_statement(postgres.url(), f"DROP DATABASE {name} WITH (FORCE)")
    run_statement(postgres.url(), f"DROP ROLE {LOGIN}")


def contents_of_public(url: str) -> list[Any]:
    """Return every row, trigger, function and relation of the schema ``public``."""
    rows = [(table, *run_statement(url, f"SELECT * FROM public.{table}")) for table in FOREIGN]
    catalog = run_statement(
        url,
        """
        SELECT oid::int, relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT oid::int, proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT pg_trigger.oid::int, tgname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE relnamespace = 'public'::regnamespace
        ORDER BY 1
        """,
    )
    return [rows, catalog]


@pytest.fixture
def direct_url(owner_url: str) -> str:
    return urlsplit(owner_url)._replace(netloc=f"{LOGIN}@").geturl()


@pytest.fixture
def pooled_url(postgres: PostgresServer, owner_url: str) -> Iterator[str]:
    """The database through PgBouncer in transaction mode, with one server session for all clients."""
    if PROGRAM is None:
        pytest.skip("PgBouncer is not installed (Debian: apt-get install pgbouncer)")
    with (
        tempfile.TemporaryDirectory(prefix="clerk_sync_bouncer_") as directory,
        PgBouncer(postgres.socket_directory, Path(directory), pool_size=1, roles=(LOGIN, "postgres")) as bouncer,
    ):
        yield bouncer.url(urlsplit(owner_url).path.strip("/"), LOGIN)


@pytest.fixture
def clerk() -> Iterator[LocalClerk]:
    with LocalClerk.start() as started:
        yield started


class Mirror:
    """A host application with the extension, and our application, on one database."""

    def __init__(self, settings: Settings, clerk: LocalClerk, url: str, owner_url: str, schema: str) -> None:
        self.schema = quote_identifier(schema)
        self.clerk = clerk
        self.owner_url = owner_url
        self.settings = changed(
            settings, database_url=url, schema=schema, secret_key=clerk.secret_key, api_url=clerk.url
        )
        self.host = Flask("host")
        extension = ClerkSync(settings=self.settings)
        extension.init_app(self.host)
        self.host.register_blueprint(private_blueprint(extension))

    def command(self, *arguments: str, **options: Any) -> tuple[int, str]:
        """Run ``flask sync-clerk`` and return its exit status and what it printed."""
        result = self.host.test_cli_runner().invoke(args=["sync-clerk", *arguments], **options)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result.exit_code, result.output

    def deliver(self, type_: str, data: object) -> tuple[int, str]:
        """Send a signed event and return the status and the outcome, or the problem's code."""
        body = json.dumps(clerk_event(type_, data, instance_id=self.clerk.instance_id)).encode()
        headers = sign_delivery(body, f"msg_{uuid.uuid4().hex}")
        answer = self.host.test_client().post(
            "/api/webhooks/clerk", data=body, headers=headers, content_type="application/json"
        )
        return answer.status_code, answer.get_json().get("outcome")

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        return run_statement(self.owner_url, statement.format(schema=self.schema))

    def close(self) -> None:
        get_services(self.host).pool.dispose()


MakeMirror = Callable[[str, str], Mirror]


@pytest.fixture
def make_mirror(settings: Settings, clerk: LocalClerk, owner_url: str) -> Iterator[MakeMirror]:
    made: list[Mirror] = []

    def make(url: str, schema: str) -> Mirror:
        made.append(Mirror(settings, clerk, url, owner_url, schema))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("schema", ["clerk", ODD], ids=["clerk", "odd"])
@pytest.mark.parametrize("way", ["direct_url", "pooled_url"])
def test_everything_works_in_the_schema_and_nothing_else_is_touched(
    make_mirror: MakeMirror, request: pytest.FixtureRequest, way: str, schema: str, bearer: Any, session_token: Any
) -> None:
    mirror = make_mirror(request.getfixturevalue(way), schema)
    refuse_before_migration(mirror, bearer)
    assert mirror.command("migrate")[0] == 0
    assert mirror.command("migrate") == (0, f"The mirror's tables in schema {schema} were already at {HEAD}.\n")
    run_commands(mirror)
    serve_requests(mirror, bearer)
    show_state(mirror, session_token)


def refuse_before_migration(mirror: Mirror, bearer: Any) -> None:
    assert mirror.deliver("user.created", clerk_user())[0] == 503
    client = mirror.host.test_client()
    assert client.get("/private/claims", headers=bearer()).status_code == 200
    assert client.get("/private/user", headers=bearer()).status_code == 503
    ready = client.get("/readyz")
    expected = (
        f"never run in schema {mirror.settings.schema}, expected mirror {HEAD} in schema {mirror.settings.schema}"
    )
    assert ready.get_json()["migrations"]["detail"] == f"{expected}: run `flask sync-clerk migrate`"
    exit_code, said = mirror.command("sync")
    assert (exit_code, "run `flask sync-clerk migrate`" in said) == (2, True)


def run_commands(mirror: Mirror) -> None:
    mirror.clerk.users.seed(30)
    assert mirror.command("sync", "--no-progress")[0] == 0
    assert mirror.query("SELECT count(*) FROM {schema}.users") == [(30,)]
    assert mirror.command("check")[0] == 0
    mirror.clerk.users.delete(mirror.clerk.users.snapshot()[0].id)
    mirror.clerk.users.create(email="new@example.com")
    assert mirror.command("check")[0] == 1
    assert mirror.command("sync", "--dry-run", "--no-progress")[0] == 0
    assert mirror.command("sync", "--no-progress")[0] == 0
    assert mirror.query("SELECT count(*), count(deleted_at) FROM {schema}.users") == [(31, 1)]
    assert mirror.deliver("user.updated", clerk_user(first_name=7)) == (200, "parked")
    assert mirror.command("replay", "--parked")[0] == 1
    assert mirror.command("prune", "--older-than", "90d")[0] == 0
    assert mirror.command("rebind") == (0, f"The mirror is bound to {mirror.clerk.instance_id} already.\n")
    found = {each["subject"]: each for each in json.loads(mirror.command("doctor", "--json")[1])["findings"]}
    for subject in ("database", "database privileges", "migrations", "role guard", "connection name", "roles"):
        assert found[subject]["verdict"] == "ok", found[subject]
    assert found["migrations"]["found"] == f"at mirror {HEAD} in schema {mirror.settings.schema}, as this code expects"
    assert found["CLERK_SYNC_SCHEMA"]["found"] == mirror.settings.schema


def serve_requests(mirror: Mirror, bearer: Any) -> None:
    client = mirror.host.test_client()
    assert mirror.deliver("user.created", clerk_user("user_grace")) == (200, "applied")
    assert client.get("/private/user", headers=bearer("user_grace")).get_json()["email"] == "grace@example.com"
    assert client.get("/private/user", headers=bearer("user_new")).status_code == 200
    assert client.get("/private/admin", headers=bearer("user_grace")).status_code == 403
    mirror.query("UPDATE {schema}.users SET role = 'ADMIN' WHERE clerk_id = 'user_grace'")
    assert client.get("/private/admin", headers=bearer("user_grace")).get_json() == {"role": "ADMIN"}
    assert mirror.deliver("user.deleted", {"id": "user_new", "deleted": True}) == (200, "applied")
    ready = client.get("/readyz").get_json()
    assert ready["database"] == {"ok": True, "detail": "reachable"}
    assert ready["migrations"] == {"ok": True, "detail": f"at mirror {HEAD} in schema {mirror.settings.schema}"}


def show_state(mirror: Mirror, session_token: Any) -> None:
    registry = CollectorRegistry()
    with mirror.host.app_context():
        registry.register(collector())
    assert b"clerk_sync_database_up 1.0" in generate_latest(registry)
    # Our application's own pages. Its shop has no tables here.
    app = create_app(changed(mirror.settings, environment=Environment.DEVELOPMENT))
    boss = Browser(app.test_client(), session_token, "user_grace")
    for page in ("", "/users?query=grace", "/events", "/parked", "/runs", "/runs/1"):
        assert boss.get(f"/console{page}").status_code == 200, page
    headers = {"Authorization": f"Bearer {session_token('user_grace')}"}
    assert app.test_client().get("/api/me", headers=headers).get_json()["role"] == "ADMIN"
    for path in ("/api/admin/users", "/api/admin/sync"):
        assert app.test_client().get(path, headers=headers, base_url=ORIGIN).status_code == 200, path
    assert "clerk_sync_database_up 1.0" in app.test_client().get("/metrics").get_data(as_text=True)
    missing = app.test_client().get("/readyz").get_json()["database"]["detail"]
    assert missing.startswith("missing privileges: SELECT on alembic_version")  # the shop's, which the host has
    with app.app_context():
        db.engine.dispose()


def test_our_application_does_not_take_foreign_tables_for_the_mirror_before_it_is_migrated(
    make_mirror: MakeMirror, owner_url: str, direct_url: str, bearer: Any
) -> None:
    run_statement(owner_url, "CREATE TABLE shown (id int)")  # so that the schema public itself can be used
    run_statement(owner_url, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {LOGIN}")
    mirror = make_mirror(direct_url, "clerk")
    app = create_app(mirror.settings)
    client = app.test_client()
    pool = get_services(app).pool
    with pytest.raises(psycopg2.errors.UndefinedTable):
        pool.fetch_all("SELECT id FROM users")
    assert client.get("/api/me", headers=bearer()).status_code == 503
    # The connections of before are replaced.
    assert mirror.command("migrate")[0] == 0
    assert client.get("/api/me", headers=bearer()).status_code == 200
    assert pool.fetch_all("SELECT id FROM orders") == [(1,)]
    run_statement(owner_url, "DROP TABLE shown")
    pool.dispose()


def test_the_search_path_stays_with_our_transactions_behind_a_pooler(make_mirror: MakeMirror, pooled_url: str) -> None:
    mirror = make_mirror(pooled_url, "clerk")
    assert mirror.command("migrate")[0] == 0

    def path_of_others() -> str:
        return str(run_statement(pooled_url, "SHOW search_path")[0][0])

    assert mirror.deliver("user.created", clerk_user("user_grace")) == (200, "applied")
    assert path_of_others() == '"$user", public'
    with get_services(mirror.host).pool.make_engine().begin() as session:
        assert session.exec_driver_sql("SELECT clerk_id FROM users").all() == [("user_grace",)]
    assert path_of_others() == '"$user", public'
    mirror.clerk.users.seed(3)
    assert mirror.command("sync", "--no-progress", "--max-deletes", "1")[0] == 0
    assert path_of_others() == '"$user", public'


def test_a_schema_with_the_name_of_the_login_is_not_taken_for_public(
    make_mirror: MakeMirror, owner_url: str, direct_url: str, bearer: Any
) -> None:
    """PostgreSQL's default search path begins with it."""
    run_statement(owner_url, f"CREATE SCHEMA {LOGIN} AUTHORIZATION {LOGIN} CREATE TABLE users (id int)")
    mirror = make_mirror(direct_url, "clerk")
    assert mirror.command("migrate")[0] == 0
    assert mirror.host.test_client().get("/private/user", headers=bearer()).status_code == 200
    assert run_statement(owner_url, f"SELECT count(*) FROM {LOGIN}.users") == [(0,)]
