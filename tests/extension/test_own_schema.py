"""A host whose own tables have the names of ours: the mirror lives in a schema of its own, beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from flask import Flask
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case
from werkzeug.test import TestResponse

from clerk_sync import ClerkSync, Settings
from clerk_sync.mirror.models import MIRROR_TABLES
from clerk_sync.services import get_services
from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.extension.conftest import private_blueprint
from tests.stage.changed_settings import changed

Bearer = Callable[..., dict[str, str]]

GRACE = "user_grace"
# Names of the mirror, of our shop, and of Alembic. The mirror is recognized by the others.
OWN_TABLES = sorted(
    MIRROR_TABLES - {"mirror_binding", "clerk_sync_version"} | {"orders", "addresses", "carts", "alembic_version"}
)


@pytest.fixture
def psql(new_database: Callable[[], str]) -> Iterator[Connection]:
    """An operator's session on a database with the host's own tables, one row in each."""
    with closing(psycopg2.connect(new_database(), application_name="psql")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for table in OWN_TABLES:
                cursor.execute(f"CREATE TABLE public.{table} (version_num text, mine integer)")
                cursor.execute(f"INSERT INTO public.{table} VALUES ('host', 1)")
        yield connection


def rows(psql: Connection, statement: str) -> list[tuple[Any, ...]]:
    with psql.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def host(settings: Settings, psql: Connection) -> Iterator[Flask]:
    """The host, with the mirror in the schema ``clerk``."""
    parameters = psql.get_dsn_parameters()
    url = f"postgresql://{parameters['user']}@/{parameters['dbname']}?host={parameters['host']}"
    url += f"&port={parameters['port']}"
    app = Flask("host")
    clerk = ClerkSync(app, settings=changed(settings, database_url=url, schema="clerk"))
    app.register_blueprint(private_blueprint(clerk))
    yield app
    get_services(app).pool.dispose()


@pytest.fixture
def migrated(host: Flask) -> Flask:
    ran = host.test_cli_runner().invoke(args=["sync-clerk", "migrate"])
    assert ran.exit_code == 0, ran.output
    return host


def deliver(app: Flask, type_: str, data: object, svix_id: str) -> TestResponse:
    body = json.dumps(clerk_event(type_, data)).encode()
    headers = sign_delivery(body, svix_id)
    return app.test_client().post("/api/webhooks/clerk", data=body, headers=headers, content_type="application/json")


def test_before_migrate_the_extension_asks_to_try_again(host: Flask, bearer: Bearer) -> None:
    client = host.test_client()
    assert client.get("/private/user", headers=bearer(GRACE)).status_code == 503
    assert deliver(host, "user.created", clerk_user(GRACE), "msg_1").status_code == 503
    assert "flask sync-clerk migrate" in client.get("/readyz").get_json()["migrations"]["detail"]


def test_the_mirror_works_beside_the_hosts_tables_and_never_touches_them(
    migrated: Flask, psql: Connection, bearer: Bearer
) -> None:
    client = migrated.test_client()
    assert client.get("/readyz").status_code == 200
    rows(psql, "CREATE TABLE tasks (title text, created_by bigint REFERENCES clerk.users)")
    user_id = client.get("/private/user", headers=bearer(GRACE)).get_json()["id"]
    rows(psql, f"INSERT INTO tasks VALUES ('First', {user_id})")
    assert deliver(migrated, "user.created", clerk_user(GRACE), "msg_1").get_json() == {"outcome": "applied"}
    assert client.get("/private/user", headers=bearer(GRACE)).get_json()["email"] == "grace@example.com"
    rows(psql, "UPDATE clerk.users SET role = 'ADMIN'")
    assert client.get("/private/admin", headers=bearer(GRACE)).get_json() == {"role": "ADMIN"}
    deleted = {"object": "user", "id": GRACE, "deleted": True}
    assert deliver(migrated, "user.deleted", deleted, "msg_2").get_json() == {"outcome": "applied"}
    assert client.get("/private/user", headers=bearer(GRACE)).get_json()["code"] == "user-deleted"
    assert rows(psql, "SELECT email FROM tasks JOIN clerk.users ON users.id = created_by") == [(None,)]
    for table in OWN_TABLES:
        assert rows(psql, f"SELECT * FROM public.{table}") == [("host", 1)], table


def test_a_migration_that_is_repeated_changes_nothing(migrated: Flask) -> None:
    runner = migrated.test_cli_runner()
    assert runner.invoke(args=["sync-clerk", "migrate", "--sql"]).output == ""
    assert runner.invoke(args=["sync-clerk", "migrate"]).exit_code == 0


@pytest.mark.parametrize("arguments", [["replay"], ["prune", "--older-than", "1d"]], ids=" ".join)
def test_commands_work_in_the_schema(migrated: Flask, arguments: list[str]) -> None:
    ran = migrated.test_cli_runner().invoke(args=["sync-clerk", *arguments])
    assert ran.exit_code == 0, ran.output
