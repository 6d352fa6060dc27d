"""``flask sync-clerk``: what it says, where it says it, and how it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from clerk_sync.cli.progress import Lines
from clerk_sync.cli.syncing import Report
from clerk_sync.emulator import LocalClerk
from clerk_sync.mirror.steps import Counts
from tests.conftest import clerk_event, clerk_user
from tests.local_clerk import Command, Query, rows_at, rows_of, tombstones, versions

Deliver = Callable[..., TestResponse]
Process = Callable[..., "subprocess.Popen[str]"]

KEYS = {
    "run_id", "status", "exit_code", "reason", "dry_run", "resumed", "instance_id", "seen", "inserted", "updated",
    "unchanged", "stale", "deleted", "failed", "would_insert", "would_update", "would_delete", "seconds",
}  # fmt: skip


def changed_world(clerk: LocalClerk, sync: Command) -> dict[str, str]:
    """Fill the mirror, then let one user come, one change and one go at Clerk."""
    clerk.users.seed(12)
    sync()
    first, second, *_ = clerk.users.snapshot()
    clerk.users.delete(first.id)
    clerk.users.update(second.id, first_name="Confidential", email="secret@example.com")
    return {"gone": first.id, "changed": second.id, "new": clerk.users.create(first_name="Confidential")["id"]}


def test_the_result_is_a_json_object_on_stdout(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(3)
    ran = sync()
    assert ran.report.keys() == KEYS
    assert (ran["run_id"], ran["status"], ran["instance_id"]) == (1, "done", clerk.instance_id)
    assert query("SELECT kind, status, instance_id, seen, inserted, cursor FROM sync_runs") == [
        ("all", "done", clerk.instance_id, 3, 3, None)
    ]


def test_the_result_is_a_table_for_people(clerk: LocalClerk, command: Command) -> None:
    clerk.users.seed(3)
    ran = command("sync")
    assert ran.exit_code == 0
    assert re.search(r"inserted\W+3\b", ran.stdout)
    assert ran.stderr == ""


def test_off_a_terminal_progress_is_a_plain_line_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = iter([0.0, 4.0, 5.0, 6.0])
    lines = Lines(clock=lambda: next(now))
    report = Report(dry_run=False, expected=20_000, counts=Counts(seen=12_500, inserted=30))
    for _ in range(3):
        lines.show(report)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "12,500 of 20,000 users, 2,500/s, 30 new\n")


def test_on_a_terminal_progress_is_a_bar_on_stderr(clerk: LocalClerk, process: Process) -> None:
    clerk.users.seed(700)
    ours, theirs = os.openpty()
    run = process("sync", "--json", stderr=theirs, TERM="xterm", COLUMNS="120")
    os.close(theirs)
    shown = b"".join(iter(lambda: read_terminal(ours), b"")).decode()
    stdout, _ = run.communicate(timeout=20)
    os.close(ours)
    assert json.loads(stdout)["inserted"] == 700
    assert "of 700 users" in shown
    assert "700 new" in shown


def read_terminal(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""  # the other end was closed


def test_a_dry_run_writes_nothing_at_all(clerk: LocalClerk, sync: Command, query: Query) -> None:
    changed_world(clerk, sync)
    query("DELETE FROM sync_runs; DELETE FROM mirror_binding")
    before = versions(query)
    ran = sync("--dry-run")
    assert ran.exit_code == 0
    assert (ran["inserted"], ran["updated"], ran["deleted"]) == (0, 0, 0)
    assert (ran["would_insert"], ran["would_update"], ran["would_delete"]) == (1, 1, 1)
    assert (ran["dry_run"], ran["run_id"]) == (True, None)
    assert versions(query) == before
    assert (
        query("SELECT 1 FROM sync_runs UNION ALL SELECT 1 FROM mirror_binding UNION ALL SELECT 1 FROM sync_missing")
        == []
    )


def test_a_verbose_dry_run_names_users_and_fields_and_nobodys_data(
    clerk: LocalClerk, sync: Command, command: Command
) -> None:
    ids = changed_world(clerk, sync)
    ran = command("sync", "--dry-run", "--verbose")
    assert set(ran.stdout.splitlines()[:3]) == {
        f"insert {ids['new']}",
        f"update {ids['changed']}: email, email_verified, first_name, clerk_updated_at",
        f"delete {ids['gone']}",
    }
    assert "Dry run: nothing was changed" in ran.stdout
    assert "Confidential" not in ran.stdout + ran.stderr
    assert "@" not in ran.stdout + ran.stderr


def test_a_verbose_dry_run_as_json_holds_the_rows(clerk: LocalClerk, sync: Command) -> None:
    ids = changed_world(clerk, sync)
    rows = sync("--dry-run", "--verbose")["users"]
    assert {"action": "delete", "clerk_id": ids["gone"]} in rows
    assert len(rows) == 3


def test_a_dry_run_says_what_a_guard_would_refuse(clerk: LocalClerk, sync: Command) -> None:
    changed_world(clerk, sync)
    ran = sync("--dry-run", "--max-deletes", "0")
    assert (ran.exit_code, ran["would_delete"]) == (3, 1)


def test_single_users_are_put_right_and_nobody_else(clerk: LocalClerk, sync: Command, query: Query) -> None:
    ids = changed_world(clerk, sync)
    ran = sync("--user", ids["gone"], "--user", ids["changed"])
    assert ran.exit_code == 0
    assert (ran["seen"], ran["updated"], ran["deleted"], ran["inserted"]) == (1, 1, 1, 0)
    assert tombstones(query) == {ids["gone"]}
    assert ids["new"] not in rows_of(query)
    assert query("SELECT kind, status FROM sync_runs ORDER BY id DESC LIMIT 1") == [("users", "done")]


def test_single_users_are_under_the_cap_too(clerk: LocalClerk, sync: Command, query: Query) -> None:
    ids = changed_world(clerk, sync)
    ran = sync("--user", ids["gone"], "--max-deletes", "0")
    assert (ran.exit_code, ran["would_delete"], ran["deleted"]) == (3, 1, 0)
    assert tombstones(query) == set()


def test_a_dry_run_for_single_users_changes_nothing(clerk: LocalClerk, sync: Command, query: Query) -> None:
    ids = changed_world(clerk, sync)
    before = versions(query)
    ran = sync("--dry-run", "--user", ids["gone"], "--user", ids["new"])
    assert (ran["would_insert"], ran["would_delete"]) == (1, 1)
    assert versions(query) == before


def test_an_id_that_nobody_knows_is_a_failure_and_leaves_no_row(
    clerk: LocalClerk, sync: Command, command: Command, query: Query
) -> None:
    ran = sync("--user", "user_typo")
    assert (ran.exit_code, ran["failed"], ran["deleted"]) == (1, 1, 0)
    assert "user_typo: neither Clerk nor the mirror knows it" in ran.stderr
    assert query("SELECT 1 FROM users") == []


def test_users_who_failed_are_named_and_not_quoted(clerk: LocalClerk, sync: Command) -> None:
    clerk.users.seed(30)
    users = clerk.users.all()
    for user in users:
        user["updated_at"] = "Confidential"
    clerk.faults.add("/v1/users", body=users, times=None)
    ran = sync()
    assert (ran.exit_code, ran["failed"]) == (1, 30)
    assert f"{users[0]['id']}: " in ran.stderr
    assert ran.stderr.count("updated_at") == 20
    assert "Confidential" not in ran.stderr + ran.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--user", "grace@example.com"),
        ("--max-deletes", "all"),
        ("--max-deletes", "101%"),
        ("--workers", "0"),
        ("--verbose",),
        ("--resume", "--dry-run"),
        ("--resume", "--user", "user_a"),
    ],
)
def test_a_wrong_argument_is_said_before_anything_happens(
    clerk: LocalClerk, command: Command, query: Query, arguments: tuple[str, ...]
) -> None:
    ran = command("sync", *arguments)
    assert ran.exit_code == 2
    assert "Usage" in ran.stderr
    assert len(clerk.requests) == 0
    assert query("SELECT 1 FROM sync_runs") == []


def test_without_a_key_the_mend_is_said(sync: Command, app: Flask, query: Query) -> None:
    ran = sync(app=app)
    assert ran.exit_code == 2
    assert "CLERK_SECRET_KEY is not set" in ran.stderr
    assert query("SELECT 1 FROM sync_runs") == []


def test_how_a_run_ended_is_in_its_row(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(3)
    sync()
    clerk.faults.add("*", status=401, code="clerk_key_invalid", times=None)
    ran = sync()
    status, reason = query("SELECT status, reason FROM sync_runs ORDER BY id DESC LIMIT 1")[0]
    assert (status, reason) == ("failed", ran["reason"])
    assert "clerk_key_invalid" in ran.stderr
    assert clerk.secret_key not in ran.stdout + ran.stderr + reason


def test_the_users_that_a_run_deleted_are_on_record(clerk: LocalClerk, sync: Command, query: Query) -> None:
    ids = changed_world(clerk, sync)
    run_id = sync()["run_id"]
    assert query("SELECT run_id, clerk_id FROM sync_missing") == [(run_id, ids["gone"])]


@pytest.mark.parametrize(
    ("exit_code", "arguments", "environment"),
    [
        (0, ("sync", "--json"), {}),
        (1, ("sync", "--user", "user_typo"), {}),
        (2, ("sync",), {"CLERK_SECRET_KEY": ""}),
        (3, ("sync", "--max-deletes", "0"), {}),
        (0, ("check",), {}),
    ],
)
def test_exit_codes_leave_the_process(
    clerk: LocalClerk,
    sync: Command,
    query: Query,
    process: Process,
    exit_code: int,
    arguments: tuple[str, ...],
    environment: dict[str, str],
) -> None:
    clerk.users.seed(3)
    if exit_code == 3 or arguments == ("check",):
        sync()
    if exit_code == 3:
        clerk.users.delete(clerk.users.snapshot()[0].id)
    run = process(*arguments, **environment)
    stdout, stderr = run.communicate(timeout=20)
    assert run.returncode == exit_code, stderr
    assert "Traceback" not in stdout + stderr


def parked_event(clerk: LocalClerk, **changes: Any) -> dict[str, Any]:
    return clerk_event("user.updated", clerk_user("user_later", **changes), instance_id=clerk.instance_id)


def make_readable(query: Query, svix_id: str) -> None:
    """Let the stored payload be one that today's code understands, as if the code had learned."""
    query(
        "UPDATE webhook_events SET payload = replace(payload, '\"later\"', '1700000000001') WHERE svix_id = %s", svix_id
    )


def test_replay_applies_what_can_be_mapped_by_now(
    clerk: LocalClerk, command: Command, deliver: Deliver, query: Query
) -> None:
    deliver(parked_event(clerk, updated_at="later"), "msg_1")
    deliver(parked_event(clerk, updated_at=[]), "msg_2")
    before = query("SELECT deliveries, last_received_at FROM webhook_events ORDER BY svix_id")
    make_readable(query, "msg_1")
    ran = command("replay", "--parked")
    assert ran.exit_code == 1
    assert ran.stdout.splitlines()[0] == "msg_1 applied"
    assert ran.stdout.splitlines()[1].startswith("msg_2 parked: ")
    assert rows_of(query).keys() == {"user_later"}
    assert query("SELECT svix_id, outcome, payload IS NULL FROM webhook_events ORDER BY svix_id") == [
        ("msg_1", "applied", True),
        ("msg_2", "parked", False),
    ]
    assert query("SELECT deliveries, last_received_at FROM webhook_events ORDER BY svix_id") == before


def test_replay_of_one_delivery_leaves_the_others(
    clerk: LocalClerk, command: Command, deliver: Deliver, query: Query
) -> None:
    deliver(parked_event(clerk, updated_at="later"), "msg_1")
    deliver(parked_event(clerk, updated_at=[]), "msg_2")
    make_readable(query, "msg_1")
    assert command("replay", "--id", "msg_1").exit_code == 0
    ran = command("replay", "--id", "msg_1")
    assert ran.exit_code == 1
    assert "msg_1 is not parked" in ran.stderr


def test_a_replayed_event_goes_through_the_merge_like_any_other(
    clerk: LocalClerk, command: Command, sync: Command, deliver: Deliver, query: Query
) -> None:
    user = clerk.users.create(first_name="Newer")
    sync()
    late = clerk_event("user.updated", clerk_user(user["id"], updated_at="later"), instance_id=clerk.instance_id)
    deliver(late, "msg_1")
    make_readable(query, "msg_1")
    assert command("replay").stdout == "msg_1 stale\n"
    assert rows_of(query) == rows_at(clerk)


def test_prune_empties_old_payloads_only(clerk: LocalClerk, command: Command, deliver: Deliver, query: Query) -> None:
    deliver(parked_event(clerk, updated_at=[]), "msg_old")
    deliver(parked_event(clerk, updated_at=[]), "msg_new")
    query("UPDATE webhook_events SET received_at = now() - interval '91 days' WHERE svix_id = 'msg_old'")
    ran = command("prune", "--older-than", "90d")
    assert (ran.exit_code, ran.stdout) == (0, "1 payloads emptied\n")
    assert query("SELECT svix_id FROM webhook_events WHERE payload IS NULL") == [("msg_old",)]
    assert command("prune", "--older-than", "soon").exit_code == 2


def test_what_was_pruned_does_not_wait_any_more(clerk: LocalClerk, command: Command, deliver: Deliver) -> None:
    deliver(parked_event(clerk, updated_at=[]), "msg_1")
    assert json.loads(command("check", "--json").stdout)["parked"] == 1
    command("prune", "--older-than", "0d")
    assert json.loads(command("check", "--json").stdout)["parked"] == 0


@pytest.fixture
def foreign(make_app: Callable[..., Flask]) -> Any:
    with LocalClerk.start(instance=2) as clerk:
        yield make_app(secret_key=clerk.secret_key, api_url=clerk.url), clerk.instance_id


def test_rebind_asks_first(
    clerk: LocalClerk, command: Command, sync: Command, foreign: tuple[Flask, str], query: Query
) -> None:
    sync()
    for answer in ("n\n", ""):
        assert command("rebind", app=foreign[0], input=answer).exit_code == 3
    assert query("SELECT instance_id FROM mirror_binding") == [(clerk.instance_id,)]
    assert command("rebind", app=foreign[0], input="y\n").exit_code == 0
    assert query("SELECT instance_id, bound_by FROM mirror_binding") == [(foreign[1], "rebind")]
    assert sync(app=foreign[0]).exit_code == 0
    assert sync().exit_code == 3


def test_rebind_to_the_same_instance_changes_nothing(clerk: LocalClerk, command: Command, sync: Command) -> None:
    sync()
    ran = command("rebind")
    assert ran.exit_code == 0
    assert "already" in ran.stdout


def test_rebind_without_a_key_is_a_configuration_problem(command: Command, app: Flask) -> None:
    ran = command("rebind", "--yes", app=app)
    assert ran.exit_code == 2
    assert "CLERK_SECRET_KEY" in ran.stderr
