"""Listings with odd JSON in them, and users whose creation time is no time: everybody is mirrored, and in step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from clerk_sync.emulator import LocalClerk
from tests.hostile_json import ODD_VALUES, UNREADABLE_VALUES
from tests.local_clerk import SEQUENTIAL, Command, Query, Ran, rows_of, tombstones, versions
from tests.mirror.sync.odd_clerk import rewritten

ZERO_TIME_MS = -62_135_596_800_000  # January of the year 1: what an import writes for "unknown"
START_MS = 1_700_000_000_000

Check = Callable[..., Ran]
each_plan = pytest.mark.parametrize("arguments", [SEQUENTIAL, ()], ids=["one worker", "windows"])


@pytest.fixture
def check(command: Command) -> Check:
    return lambda *arguments, **options: command("check", "--json", *arguments, **options)


def create(clerk: LocalClerk, number: int, *, start_ms: int, every_ms: int = 1000, **fields: Any) -> list[str]:
    """Create users without a word to the mirror; return their ids."""
    with clerk.webhook_sender.muted():
        times = range(start_ms, start_ms + number * every_ms, every_ms) if every_ms else [start_ms] * number
        return [clerk.users.create(created_at=at_ms, at_ms=START_MS, **fields)["id"] for at_ms in times]


def assert_in_step(ran: Ran, users: int) -> None:
    assert (ran.exit_code, ran["in_step"], ran["mirror_users"], ran["unreadable"]) == (0, True, users, 0)


@each_plan
def test_users_created_before_1970_are_mirrored_once_and_their_deletion_is_found(
    clerk: LocalClerk, sync: Command, check: Check, query: Query, fake_time: object, arguments: tuple[str, ...]
) -> None:
    imported = create(clerk, 1200, start_ms=ZERO_TIME_MS, every_ms=0)
    create(clerk, 2600, start_ms=START_MS)
    ran = sync(*arguments)
    assert (ran.exit_code, ran["inserted"], ran["failed"]) == (0, 3800, 0)
    before = versions(query)
    assert (sync(*arguments).exit_code, versions(query)) == (0, before)
    assert_in_step(check(*arguments), 3800)
    assert_in_step(check("--quick"), 3800)

    with clerk.webhook_sender.muted():
        clerk.users.delete(imported[700])
    assert check(*arguments)["orphaned"] == 1
    ran = sync(*arguments)
    assert (ran.exit_code, ran["deleted"]) == (0, 1)
    assert tombstones(query) == {imported[700]}


@each_plan
@pytest.mark.parametrize("created_at", [b"null", b'"2024-01-01"', b"1.5", b"-1", b"1e400", b"[]"])
def test_creation_times_that_are_none_stop_no_walk(
    clerk: LocalClerk, make_app: Callable[..., Flask], sync: Command, query: Query,
    arguments: tuple[str, ...], created_at: bytes,
) -> None:  # fmt: skip
    ids = create(clerk, 2700, start_ms=START_MS)
    # Among others: first and last of pages, and several in a row.
    places = [0, 499, 500, 501, 900, 1499, 2000, 2001, 2698, 2699]
    odd = {f'"created_at":{START_MS + place * 1000},'.encode(): b'"created_at":%b,' % created_at for place in places}
    with rewritten(clerk, odd) as url:
        app = make_app(secret_key=clerk.secret_key, api_url=url)
        ran = sync(*arguments, app=app)
        assert (ran.exit_code, ran["inserted"], ran["failed"]) == (0, 2700, 0)
        undated = query("SELECT clerk_id FROM users WHERE clerk_created_at = 0 ORDER BY clerk_id")
        assert undated == [(clerk_id,) for clerk_id in sorted(ids[place] for place in places)]
        before = versions(query)
        assert (sync(*arguments, app=app).exit_code, versions(query)) == (0, before)

        with clerk.webhook_sender.muted():
            clerk.users.delete(ids[900])
        assert (sync(*arguments, app=app)["deleted"], tombstones(query)) == (1, {ids[900]})


def test_odd_values_that_are_not_read_cost_neither_sync_nor_check(
    clerk: LocalClerk, make_app: Callable[..., Flask], sync: Command, check: Check, query: Query
) -> None:
    odd = {b'"odd %d"' % number: value for number, value in enumerate(ODD_VALUES.values())}
    for number in range(len(odd)):
        create(
            clerk, 1, start_ms=START_MS + number, unsafe_metadata={"a": f"odd {number}"}, external_id=f"odd {number}"
        )
    with rewritten(clerk, odd) as url:
        app = make_app(secret_key=clerk.secret_key, api_url=url)
        ran = sync(app=app)
        assert (ran.exit_code, ran["inserted"], ran["failed"]) == (0, len(odd), 0)
        assert_in_step(check(app=app), len(odd))
        assert_in_step(check("--quick", app=app), len(odd))
        assert sync("--user", next(iter(rows_of(query))), app=app).exit_code == 0


def test_an_unreadable_value_that_is_read_costs_its_user_only(
    clerk: LocalClerk, make_app: Callable[..., Flask], sync: Command, query: Query
) -> None:
    odd = {b'"odd %d"' % number: value for number, value in enumerate(UNREADABLE_VALUES.values())}
    for number in range(len(odd)):
        create(clerk, 1, start_ms=START_MS + number, first_name=f"odd {number}")
    whole = create(clerk, 3, start_ms=START_MS + 1000, first_name="Grace")
    with rewritten(clerk, odd) as url:
        ran = sync(app=make_app(secret_key=clerk.secret_key, api_url=url))
    assert (ran.exit_code, ran["inserted"], ran["failed"]) == (1, len(whole), len(odd))
    assert rows_of(query).keys() == set(whole)
