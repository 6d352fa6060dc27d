"""``flask sync-clerk sync --user``: it syncs these users only."""

from __future__ import annotations

from clerk_sync.emulator import LocalClerk
from tests.cli.changed_users import change_users
from tests.local_clerk import Command, Query, rows_of, tombstones


def test_only_the_named_users_are_synced(clerk: LocalClerk, sync: Command, query: Query) -> None:
    ids = change_users(clerk, sync)
    ran = sync("--user", ids["gone"], "--user", ids["changed"])
    assert ran.exit_code == 0
    assert (ran["seen"], ran["updated"], ran["deleted"], ran["inserted"]) == (1, 1, 1, 0)
    assert tombstones(query) == {ids["gone"]}
    assert ids["new"] not in rows_of(query)
    assert query("SELECT kind, status FROM sync_runs ORDER BY id DESC LIMIT 1") == [("users", "done")]


def test_the_delete_limit_applies_to_named_users(clerk: LocalClerk, sync: Command, query: Query) -> None:
    ids = change_users(clerk, sync)
    ran = sync("--user", ids["gone"], "--max-deletes", "0")
    assert (ran.exit_code, ran["would_delete"], ran["deleted"]) == (3, 1, 0)
    assert tombstones(query) == set()


def test_an_id_unknown_to_clerk_and_mirror_is_a_failure_and_leaves_no_row(
    clerk: LocalClerk, sync: Command, command: Command, query: Query
) -> None:
    ran = sync("--user", "user_typo")
    assert (ran.exit_code, ran["failed"], ran["deleted"]) == (1, 1, 0)
    assert "user_typo: neither Clerk nor the mirror knows it" in ran.stderr
    assert query("SELECT 1 FROM users") == []
