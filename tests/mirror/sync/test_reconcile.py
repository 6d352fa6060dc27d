"""Sync makes the mirror equal to Clerk, whatever both hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from clerk_sync.emulator import LocalClerk
from tests.conftest import clerk_event, clerk_user
from tests.local_clerk import Command, Query, rows_at, rows_of, tombstones, versions

LATE_MS = 1_900_000_000_000

Deliver = Callable[..., TestResponse]


@pytest.mark.parametrize("users", [0, 1, 499, 500, 501, 1000])
def test_all_users_are_mirrored_whatever_their_number(
    clerk: LocalClerk, sync: Command, query: Query, users: int
) -> None:
    """S1"""
    clerk.users.seed(users)
    ran = sync()
    assert ran.exit_code == 0
    assert (ran["seen"], ran["inserted"], ran["failed"]) == (users, users, 0)
    assert rows_of(query) == rows_at(clerk)


def test_a_last_page_that_is_full_is_followed_by_one_empty_page(clerk: LocalClerk, sync: Command) -> None:
    """S1"""
    clerk.users.seed(1000)
    sync()
    assert len(clerk.requests.matching("/v1/users")) == 3


@pytest.mark.parametrize("users", [20, 3000])
def test_a_second_run_writes_no_user_row(clerk: LocalClerk, sync: Command, query: Query, users: int) -> None:
    """S9"""
    clerk.users.seed(users)
    sync()
    before = versions(query)
    ran = sync()
    assert (ran.exit_code, ran["unchanged"]) == (0, users)
    assert versions(query) == before


def test_a_sync_repairs_a_row_that_differs_at_the_same_version(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(10)
    sync()
    query("UPDATE users SET first_name = 'Drifted' WHERE id = 4")
    assert sync()["updated"] == 1
    assert rows_of(query) == rows_at(clerk)


def test_a_page_older_than_a_webhook_does_not_undo_it(
    clerk: LocalClerk, sync: Command, query: Query, deliver: Deliver
) -> None:
    """S7"""
    user = clerk.users.create(email="a@example.com", first_name="Page")
    newer = clerk_user(user["id"], first_name="Webhook", updated_at=LATE_MS)
    deliver(clerk_event("user.updated", newer, instance_id=clerk.instance_id))
    ran = sync()
    assert (ran.exit_code, ran["stale"]) == (0, 1)
    assert rows_of(query)[user["id"]][1] == "Webhook"


def test_a_row_made_at_first_sight_is_filled(clerk: LocalClerk, clerk_app: Flask, sync: Command, query: Query) -> None:
    clerk.users.seed(5)
    query("INSERT INTO users (clerk_id) VALUES (%s)", clerk.users.snapshot()[3].id)
    ran = sync()
    assert (ran["inserted"], ran["updated"], ran["deleted"]) == (4, 1, 0)
    assert rows_of(query) == rows_at(clerk)


def test_a_user_who_cannot_be_read_is_counted_and_never_deleted(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(5)
    sync()
    users: list[dict[str, Any]] = clerk.users.all()
    users[2]["updated_at"] = "yesterday"
    clerk.faults.add("/v1/users", body=users, times=None)
    ran = sync()
    assert (ran.exit_code, ran["status"], ran["failed"], ran["unchanged"]) == (1, "done", 1, 4)
    assert users[2]["id"] in rows_of(query)


def test_a_user_whose_id_cannot_be_read_costs_nobody_else(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(5)
    sync()
    users: list[dict[str, Any]] = clerk.users.all()
    users[4]["id"] = None
    clerk.faults.add("/v1/users", body=users, times=1)
    ran = sync()
    assert (ran.exit_code, ran["failed"], ran["deleted"]) == (1, 1, 0)
    assert rows_of(query) == rows_at(clerk)


def test_nobody_returns_from_the_dead(clerk: LocalClerk, sync: Command, query: Query, deliver: Deliver) -> None:
    user = clerk.users.create(email="a@example.com")
    gone = {"object": "user", "id": user["id"], "deleted": True}
    deliver(clerk_event("user.deleted", gone, instance_id=clerk.instance_id))
    ran = sync()
    assert (ran.exit_code, ran["stale"]) == (0, 1)
    assert tombstones(query) == {user["id"]}


def test_roles_survive_a_sync(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(3)
    sync()
    query("UPDATE users SET role = 'ADMIN' WHERE id = 2")
    clerk.users.update(clerk.users.snapshot()[1].id, first_name="Other")
    sync()
    assert query("SELECT count(*) FROM users WHERE role = 'ADMIN'") == [(1,)]
