"""``flask sync-clerk sync``: its output, its streams and its exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable

import pytest
from flask import Flask

from clerk_sync.cli.sync.progress import Lines
from clerk_sync.cli.sync.sync_runner import Report
from clerk_sync.emulator import LocalClerk
from clerk_sync.mirror.sync.steps import Counts
from tests.cli.changed_users import change_users
from tests.local_clerk import Command, Query

Process = Callable[..., "subprocess.Popen[str]"]

KEYS = {
    "run_id", "status", "exit_code", "reason", "dry_run", "resumed", "instance_id", "seen", "inserted", "updated",
    "unchanged", "stale", "deleted", "failed", "would_insert", "would_update", "would_delete", "seconds",
}  # fmt: skip


def test_the_result_is_a_json_object_on_stdout(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(3)
    ran = sync()
    assert ran.report.keys() == KEYS
    assert (ran["run_id"], ran["status"], ran["instance_id"]) == (1, "done", clerk.instance_id)
    assert query("SELECT kind, status, instance_id, seen, inserted, cursor FROM sync_runs") == [
        ("all", "done", clerk.instance_id, 3, 3, None)
    ]


def test_the_result_on_a_terminal_is_a_table(clerk: LocalClerk, command: Command) -> None:
    clerk.users.seed(3)
    ran = command("sync")
    assert ran.exit_code == 0
    assert re.search(r"inserted\W+3\b", ran.stdout)
    assert ran.stderr == ""


@pytest.mark.parametrize(("number", "said"), [(1, "1 user"), (2, "2 users")])
def test_the_reason_of_a_failure_is_printed_once(clerk: LocalClerk, command: Command, number: int, said: str) -> None:
    unknown = [argument for index in range(number) for argument in ("--user", f"user_typo{index}")]
    ran = command("sync", *unknown)
    assert ran.exit_code == 1
    assert ran.stderr.endswith(f"\nDone: {said} could not be read.\n")
    assert "nothing could be made" not in ran.stdout
    clerk.faults.add("*", status=401, code="clerk_key_invalid", times=None)
    ran = command("sync")
    assert (ran.stdout + ran.stderr).count("clerk_key_invalid") == 1


def test_off_a_terminal_progress_is_a_plain_line_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = iter([0.0, 4.0, 5.0, 6.0])
    lines = Lines(clock=lambda: next(now))
    report = Report(dry_run=False, expected=20_000, counts=Counts(seen=12_500, inserted=30))
    for _ in range(3):
        lines.show_progress(report)
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
        return b""  # the other end is closed


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


def test_how_a_run_ended_is_in_its_row(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(3)
    sync()
    clerk.faults.add("*", status=401, code="clerk_key_invalid", times=None)
    ran = sync()
    status, reason = query("SELECT status, reason FROM sync_runs ORDER BY id DESC LIMIT 1")[0]
    assert (status, reason) == ("failed", ran["reason"])
    assert "clerk_key_invalid" in ran.stderr
    assert clerk.secret_key not in ran.stdout + ran.stderr + reason


def test_the_users_that_a_run_deleted_are_recorded(clerk: LocalClerk, sync: Command, query: Query) -> None:
    ids = change_users(clerk, sync)
    run_id = sync()["run_id"]
    assert query("SELECT run_id, clerk_id FROM sync_missing") == [(run_id, ids["gone"])]


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
def test_a_wrong_argument_is_reported_before_anything_happens(
    clerk: LocalClerk, command: Command, query: Query, arguments: tuple[str, ...]
) -> None:
    ran = command("sync", *arguments)
    assert ran.exit_code == 2
    assert "Usage" in ran.stderr
    assert len(clerk.requests) == 0
    assert query("SELECT 1 FROM sync_runs") == []


def test_without_a_key_the_error_names_the_fix(sync: Command, app: Flask, query: Query) -> None:
    ran = sync(app=app)
    assert ran.exit_code == 2
    assert "CLERK_SECRET_KEY is not set" in ran.stderr
    assert query("SELECT 1 FROM sync_runs") == []


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
