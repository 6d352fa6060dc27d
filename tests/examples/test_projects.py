"""examples/projects: an application that a team already has, with ClerkSync in it, on real servers."""

from __future__ import annotations

import re
import subprocess

import requests

from tests.conftest import ROOT
from tests.examples.conftest import PROJECTS, Host
from tests.stage.wrong_databases import program

TIMEOUT_S = 10


def test_a_user_signs_up_at_clerk_and_uses_a_guarded_route(host: Host) -> None:
    ada = host.sign_up("ada@example.com")
    made = ada.post(f"{host.service.url}/projects/", json={"name": "Apollo"}, timeout=TIMEOUT_S)
    assert (made.status_code, made.json()["name"]) == (201, "Apollo")
    listed = ada.get(f"{host.service.url}/projects/", timeout=TIMEOUT_S)
    assert listed.json() == [made.json()]
    rows = host.query("SELECT email, name FROM clerk.users JOIN public.projects ON created_by = clerk.users.id")
    assert rows == [("ada@example.com", "Apollo")]


def test_refusals_have_the_error_format_of_the_host(host: Host) -> None:
    refused = requests.get(f"{host.service.url}/projects/", timeout=TIMEOUT_S)
    assert refused.status_code == 401
    assert refused.headers["Content-Type"] == "application/json"
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    error = refused.json()["error"]
    assert (error["status"], error["reason"]) == (401, refused.headers["x-clerk-auth-reason"])
    assert error["message"]
    missing = requests.get(f"{host.service.url}/nowhere", timeout=TIMEOUT_S)
    assert missing.json()["error"]["reason"] == "Not Found", "the host's own errors are as before"


def test_a_report_joins_over_the_foreign_key_and_is_for_administrators_only(host: Host) -> None:
    grace = host.sign_up("grace@example.com")
    project = grace.post(f"{host.service.url}/projects/", json={"name": "Hopper"}, timeout=TIMEOUT_S).json()
    tasks = f"{host.service.url}/projects/{project['id']}/tasks"
    assert grace.post(tasks, json={"title": "Compile"}, timeout=TIMEOUT_S).status_code == 201
    refused = grace.get(f"{host.service.url}/reports/tasks", timeout=TIMEOUT_S)
    assert (refused.status_code, refused.json()["error"]["reason"]) == (403, "forbidden")
    host.query("UPDATE clerk.users SET role = 'ADMIN' WHERE email = 'grace@example.com'")
    report = grace.get(f"{host.service.url}/reports/tasks", timeout=TIMEOUT_S)
    assert report.json() == [{"task": "Compile", "project": "Hopper", "by": "grace@example.com"}]


def test_the_limiter_of_the_host_counts_guarded_requests(host: Host) -> None:
    client = host.sign_up("limited@example.com")
    answers = [client.get(f"{host.service.url}/reports/tasks", timeout=TIMEOUT_S) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429], "five a minute for each user"
    assert answers[-1].json()["error"]["status"] == 429
    refused = [requests.get(f"{host.service.url}/projects/", timeout=TIMEOUT_S) for _ in range(3)]
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in refused]
    assert left == [left[0], left[0] - 1, left[0] - 2], "requests without a session count, too"


def test_the_tracer_of_the_host_sees_guarded_requests(host: Host) -> None:
    requests.get(f"{host.service.url}/projects/?traced", timeout=TIMEOUT_S)
    spans = [line for line in host.log.read_text().splitlines() if '"GET /projects/"' in line]
    assert spans
    assert '"http.status_code": 401' in spans[-1]


def test_the_migrations_of_the_host_leave_the_mirror_alone(host: Host) -> None:
    checked = host.flask("db", "check")
    assert (checked.returncode, checked.stdout) == (0, "No new upgrade operations detected.\n"), checked.stderr
    tables = host.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1")
    assert [name for (name,) in tables] == ["alembic_version", "orders", "projects", "tasks", "users"]


def test_the_commands_of_the_mirror_work_in_the_host(host: Host) -> None:
    host.clerk.faults.drop("user.created")
    host.clerk.users.create(first_name="Lost", email="lost@example.com")
    host.clerk.webhook_sender.wait_idle()
    assert host.flask("sync-clerk", "check").returncode == 1
    assert host.flask("sync-clerk", "sync").returncode == 0
    assert host.query("SELECT first_name FROM clerk.users WHERE email = 'lost@example.com'") == [("Lost",)]
    assert host.flask("sync-clerk", "check").returncode == 0
    doctor = host.flask("sync-clerk", "doctor")
    assert doctor.returncode == 0, doctor.stdout


def test_a_deleted_user_changes_nothing_in_the_tables_of_the_host(host: Host) -> None:
    host.query("INSERT INTO public.users (login) VALUES ('staff') ON CONFLICT DO NOTHING")
    host.query("INSERT INTO public.orders (placed_by) SELECT id FROM public.users WHERE login = 'staff'")
    gone = host.sign_up("gone@example.com")
    assert gone.post(f"{host.service.url}/projects/", json={"name": "Stays"}, timeout=TIMEOUT_S).status_code == 201
    before = dump_of_the_tables_of_the_host(host)
    assert "Stays" in before
    ((clerk_id,),) = host.query("SELECT clerk_id FROM clerk.users WHERE email = 'gone@example.com'")
    host.clerk.users.delete(clerk_id)
    host.clerk.webhook_sender.wait_idle()
    assert host.query("SELECT email, deleted_at IS NULL FROM clerk.users WHERE clerk_id = %s", clerk_id) == [
        (None, False)
    ]
    assert dump_of_the_tables_of_the_host(host) == before
    refused = gone.get(f"{host.service.url}/projects/", timeout=TIMEOUT_S)
    assert (refused.status_code, refused.json()["error"]["reason"]) == (403, "user-deleted")


def dump_of_the_tables_of_the_host(host: Host) -> str:
    """Return definitions and rows of everything in the schema ``public``."""
    command = [program("pg_dump"), "--schema", "public", "--inserts", host.environment["DATABASE_URL"]]
    dumped = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # Newer releases of pg_dump write a random word into these lines.
    return re.sub(r"^\\(un)?restrict .*$", "", dumped, flags=re.MULTILINE)


def test_at_most_twenty_lines_of_the_host_are_the_extensions() -> None:
    lines = (PROJECTS / "app.py").read_text().splitlines()
    marked = [line for line in lines if line.endswith("  # clerk_sync")]
    assert len(marked) <= 20
    assert f" {len(marked)} of its lines are the extension's" in (ROOT / "docs" / "embed.md").read_text()
    # What the extension gives, by name. A line that uses it and is not marked would make the number wrong.
    names = r"\b(clerk|clerk_sync|ClerkSync|Settings|current_user|require_admin|claims|users\.c|join\(users)\b"
    code = [line for line in lines if re.search(names, line.partition("  #")[0]) and "``" not in line]
    assert [line for line in code if line not in marked] == []
