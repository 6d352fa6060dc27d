"""``flask sync-clerk sync --dry-run``: it reports what a sync would do, and changes nothing."""

from __future__ import annotations

from clerk_sync.emulator import LocalClerk
from tests.cli.changed_users import change_users
from tests.local_clerk import Command, Query, versions


def test_a_dry_run_writes_nothing_at_all(clerk: LocalClerk, sync: Command, query: Query) -> None:
    change_users(clerk, sync)
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


def test_a_verbose_dry_run_names_users_and_fields_but_no_values(
    clerk: LocalClerk, sync: Command, command: Command
) -> None:
    ids = change_users(clerk, sync)
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
    ids = change_users(clerk, sync)
    rows = sync("--dry-run", "--verbose")["users"]
    assert {"action": "delete", "clerk_id": ids["gone"]} in rows
    assert len(rows) == 3


def test_a_dry_run_reports_what_a_guard_would_refuse(clerk: LocalClerk, sync: Command) -> None:
    change_users(clerk, sync)
    ran = sync("--dry-run", "--max-deletes", "0")
    assert (ran.exit_code, ran["would_delete"]) == (3, 1)


def test_a_dry_run_for_single_users_changes_nothing(clerk: LocalClerk, sync: Command, query: Query) -> None:
    ids = change_users(clerk, sync)
    before = versions(query)
    ran = sync("--dry-run", "--user", ids["gone"], "--user", ids["new"])
    assert (ran["would_insert"], ran["would_delete"]) == (1, 1)
    assert versions(query) == before
