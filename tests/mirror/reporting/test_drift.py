"""``check`` reports how the mirror differs from Clerk, by content and by id, and says so if it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from clerk_sync.emulator import LocalClerk
from tests.conftest import clerk_event, clerk_user
from tests.local_clerk import Command, Query, Ran, versions

BOTH = pytest.mark.parametrize("quick", [(), ("--quick",)], ids=["full", "quick"])
Quick = tuple[str, ...]


@pytest.fixture
def check(command: Command) -> Command:
    return lambda *arguments, **options: command("check", "--json", *arguments, **options)


def drift(ran: Ran) -> dict[str, int]:
    kinds = ("missing", "stale", "orphaned", "buried", "unreadable")
    return {kind: ran[kind] for kind in kinds if ran[kind]}


@BOTH
@pytest.mark.parametrize("users", [0, 1, 700])
def test_a_mirror_that_has_just_been_synced_is_in_step(
    clerk: LocalClerk, sync: Command, check: Command, quick: Quick, users: int
) -> None:
    clerk.users.seed(users)
    sync()
    ran = check(*quick)
    assert (ran.exit_code, ran["in_step"], ran["clerk_users"], ran["mirror_users"]) == (0, True, users, users)
    assert drift(ran) == {}


@BOTH
def test_missing_stale_and_orphaned_users_are_told_apart(
    clerk: LocalClerk, sync: Command, check: Command, query: Query, quick: Quick
) -> None:
    clerk.users.seed(40)
    sync()
    users = clerk.users.snapshot()
    clerk.users.create(email="new@example.com")
    clerk.users.update(users[3].id, first_name="Newer")
    query("UPDATE users SET last_name = 'Drifted' WHERE clerk_id = %s", users[5].id)
    clerk.users.delete(users[8].id)
    before = versions(query)
    ran = check(*quick)
    assert (ran.exit_code, ran["in_step"]) == (1, False)
    assert drift(ran) == {"missing": 1, "stale": 2, "orphaned": 1}
    assert versions(query) == before


@BOTH
def test_a_tombstone_of_somebody_alive_is_drift(
    clerk: LocalClerk, sync: Command, check: Command, query: Query, quick: Quick
) -> None:
    clerk.users.seed(3)
    sync()
    query("UPDATE users SET deleted_at = now() WHERE id = 2")
    ran = check(*quick)
    assert ran.exit_code == 1
    assert ran["buried"] == 1


@BOTH
def test_a_row_known_by_a_session_only_is_stale(
    clerk: LocalClerk, sync: Command, check: Command, query: Query, quick: Quick
) -> None:
    clerk.users.seed(3)
    sync()
    newcomer = clerk.users.create(email="new@example.com")
    query("INSERT INTO users (clerk_id) VALUES (%s)", newcomer["id"])
    assert drift(check(*quick)) == {"stale": 1}


def test_a_quick_check_costs_three_requests_and_sees_what_counts_show(
    clerk: LocalClerk, sync: Command, check: Command
) -> None:
    clerk.users.seed(1200)
    sync()
    for user in clerk.users.snapshot()[:4]:
        clerk.users.delete(user.id)
    clerk.requests.clear()
    ran = check("--quick")
    assert drift(ran) == {"orphaned": 4}
    assert len(clerk.requests) == 3


@BOTH
def test_parked_events_are_shown_and_are_no_drift(
    clerk: LocalClerk, sync: Command, check: Command, deliver: Callable[..., TestResponse], quick: Quick
) -> None:
    sync()
    deliver(clerk_event("user.updated", clerk_user(updated_at="now"), instance_id=clerk.instance_id))
    ran = check(*quick)
    assert (ran.exit_code, ran["parked"]) == (0, 1)
    assert 0 <= ran["last_event_age_seconds"] < 60
    assert ran["last_run"]["status"] == "done"


@BOTH
@pytest.mark.parametrize(
    "fault",
    [
        {"path": "*", "status": 401, "code": "clerk_key_invalid"},
        {"path": "/v1/users/count", "body": {"object": "total_count", "total_count": 0}},
        {"path": "/v1/users*", "body": {"nonsense": True}},
        {"path": "/v1/instance", "body": {"id": "ins_other", "environment_type": "development"}},
    ],
)
def test_what_cannot_be_told_is_not_called_drift(
    clerk: LocalClerk, sync: Command, check: Command, quick: Quick, fault: dict[str, Any]
) -> None:
    clerk.users.seed(3)
    sync()
    clerk.users.create(email="new@example.com")
    if "count" in fault["path"]:
        clerk.faults.add("/v1/users", body=[], times=None)
    clerk.faults.add(**fault, times=None)
    ran = check(*quick)
    assert (ran.exit_code, ran["in_step"]) == (2, None)
    assert ran["reason"]
    assert "The check failed" in ran.stderr


@BOTH
def test_a_user_who_cannot_be_read_leaves_it_open(
    clerk: LocalClerk, sync: Command, check: Command, command: Command, quick: Quick
) -> None:
    clerk.users.seed(3)
    sync()
    users = clerk.users.all()
    users[1]["updated_at"] = None
    clerk.faults.add("/v1/users", body=users, times=None)
    assert check(*quick).exit_code == 2
    ran = command("check", *quick)
    assert "unreadable: 1\n" in ran.stdout
    assert ran.stderr == "The check failed: 1 user could not be read.\n"


def test_without_a_key_the_drift_cannot_be_told(command: Command, app: Flask) -> None:
    ran = command("check", app=app)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr.startswith("The check failed: CLERK_SECRET_KEY")


def test_the_report_is_a_table_for_people(clerk: LocalClerk, sync: Command, command: Command) -> None:
    clerk.users.seed(3)
    sync()
    ran = command("check")
    assert ran.exit_code == 0
    assert "in step" in ran.stdout
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(ran.stdout)
