"""Every line of the Procfile as Heroku runs it: on a read-only file system, with a dyno's variables."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from clerk_sync.emulator import LocalClerk
from tests.deploy.load import REFUSED, Load, mixed_traffic
from tests.stage.dyno import Dyno
from tests.stage.namespace import can_mount
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.service import environment_for

pytestmark = [
    pytest.mark.skipif(not can_mount(), reason="this machine allows no read-only file system (unshare --mount)"),
]


# Honcho's exit status after SIGTERM. It passes the signal on to each process of the line, as Heroku does.
ENDED_BECAUSE_TOLD = 128 + 15


@pytest.fixture
def database_url(postgres: PostgresServer) -> str:
    """The URL of an empty database in Heroku's spelling."""
    return urlsplit(postgres.create_database(f"dyno_{uuid.uuid4().hex[:12]}"))._replace(scheme="postgres").geturl()


@pytest.fixture
def environment(clerk: LocalClerk, database_url: str) -> dict[str, str]:
    found = environment_for(clerk, database_url)
    del found["CLERK_SYNC_ENV"]  # DYNO says it
    return found


@pytest.fixture
def dyno(environment: dict[str, str], tmp_path: Path) -> Dyno:
    return Dyno(environment, tmp_path / "tmp")


def test_every_line_works_on_a_read_only_file_system(dyno: Dyno, clerk: LocalClerk, database_url: str) -> None:
    clerk.users.create(first_name="Grace")
    for line in ("release", "release", "sync"):
        done = dyno.run(line)
        assert done.returncode == 0, done.stdout + done.stderr
    assert run_statement(database_url, "SELECT first_name FROM users") == [("Grace",)]
    with dyno.web() as process:
        with Load(dyno.url, mixed_traffic(clerk)) as load:
            load.wait_for_more(100)
            process.terminate()
            assert process.wait(10) == ENDED_BECAUSE_TOLD
        assert set(load.outcomes) == {200, REFUSED}
    lines = [json.loads(line) for line in dyno.log.splitlines() if line.startswith("{")]
    assert {"GET /healthz", "POST /api/webhooks/clerk"} <= {
        f"{line['method']} {line['route']}" for line in lines if line["event"] == "request"
    }


def test_a_dyno_is_production(environment: dict[str, str], tmp_path: Path) -> None:
    del environment["CLERK_AUTHORIZED_PARTIES"]
    done = Dyno(environment, tmp_path / "tmp").run("release")
    assert done.returncode != 0
    assert "CLERK_AUTHORIZED_PARTIES: found nothing" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("WEB_CONCURRENCY", "300"), ("WEB_CONCURRENCY", "two"), ("DATABASE_URL", "mysql://shop")]
)
def test_a_wrong_setting_stops_web_with_one_sentence_before_any_worker_starts(
    environment: dict[str, str], tmp_path: Path, name: str, value: str
) -> None:
    done = Dyno(environment | {name: value}, tmp_path / "tmp").run("web")
    said = done.stdout + done.stderr
    assert (done.returncode, said.count(f"{name}: found")) == (2, 1), said
    assert "granian" not in said


def test_older_code_refuses_a_database_that_newer_code_has_migrated(dyno: Dyno, database_url: str) -> None:
    assert dyno.run("release").returncode == 0
    run_statement(database_url, "UPDATE alembic_version SET version_num = '9999'")
    done = dyno.run("release")
    assert done.returncode == 1
    assert "Can't locate revision identified by '9999'" in done.stdout + done.stderr
