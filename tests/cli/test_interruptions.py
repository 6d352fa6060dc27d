"""A run can be stopped, killed or started twice at any time: no user is lost or deleted, and the next run resumes."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import threading
from collections.abc import Callable

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from clerk_sync.cli.sync.lease import heartbeat
from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.emulator import LocalClerk
from clerk_sync.mirror.sync import runs
from clerk_sync.mirror.sync.runs import Kind
from tests.local_clerk import SEQUENTIAL, Command, Query, meanwhile, rows_at, rows_of, tombstones, wait_until

Process = Callable[..., "subprocess.Popen[str]"]


def stop_in_the_middle(clerk: LocalClerk, query: Query, process: Process, how: signal.Signals) -> str:
    """Start a sync, stop it while Clerk delays its third page, and return its output."""
    held = clerk.faults.add("/v1/users", after=2, delay_s=30, times=None)
    run = process("sync", *SEQUENTIAL)
    wait_until(lambda: query("SELECT 1 FROM sync_runs WHERE seen = 1000"))
    run.send_signal(how)
    _, stderr = run.communicate(timeout=10)
    assert run.returncode == (-signal.SIGKILL if how == signal.SIGKILL else 130)
    clerk.faults.remove(held)
    return stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_resume_and_the_next_run_resumes(
    clerk: LocalClerk, sync: Command, query: Query, process: Process, how: signal.Signals
) -> None:
    clerk.users.seed(1700)
    stderr = stop_in_the_middle(clerk, query, process, how)
    assert "sync --resume" in stderr
    assert "Traceback" not in stderr
    assert query("SELECT status, reason FROM sync_runs") == [("interrupted", "interrupted")]
    assert len(rows_of(query)) == 1000

    clerk.requests.clear()
    ran = sync("--resume", *SEQUENTIAL)
    assert (ran.exit_code, ran["resumed"], ran["run_id"], ran["inserted"]) == (0, True, 1, 700)
    assert len(clerk.requests.matching("/v1/users")) == 2
    assert rows_of(query) == rows_at(clerk)
    assert query("SELECT status, seen, inserted FROM sync_runs") == [("done", 1700, 1700)]


def test_a_resumed_run_deletes_users_that_its_first_half_found_missing(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    clerk.users.seed(1700)
    sync()
    users = clerk.users.snapshot()
    gone = {users[3].id, users[1600].id}
    for clerk_id in gone:
        clerk.users.delete(clerk_id)
    broken = clerk.faults.add("/v1/users", when_param="starting_after", after=1, status=400, times=None)
    assert sync(*SEQUENTIAL)["status"] == "failed"
    clerk.faults.remove(broken)
    ran = sync("--resume")
    assert (ran.exit_code, ran["deleted"]) == (0, 2)
    assert tombstones(query) == gone


def test_the_delete_limit_counts_both_halves_of_a_resumed_run(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(1700)
    sync()
    users = clerk.users.snapshot()
    for user in [*users[:150], *users[1550:]]:
        clerk.users.delete(user.id)
    broken = clerk.faults.add("/v1/users", when_param="starting_after", after=1, status=400, times=None)
    assert sync("--max-deletes", "200", *SEQUENTIAL)["status"] == "failed"
    clerk.faults.remove(broken)
    assert sync("--resume", "--max-deletes", "200").exit_code == 3
    assert tombstones(query) == set()


def test_resume_without_an_earlier_run_is_a_new_run(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(3)
    ran = sync("--resume")
    assert (ran.exit_code, ran["resumed"], ran["inserted"]) == (0, False, 3)
    assert "from the beginning" in ran.stderr


@pytest.mark.parametrize("arguments", [(), ("--resume",)])
def test_the_lease_of_a_killed_run_is_taken_over(
    clerk: LocalClerk, sync: Command, query: Query, process: Process, arguments: tuple[str, ...]
) -> None:
    clerk.users.seed(1700)
    stop_in_the_middle(clerk, query, process, signal.SIGKILL)
    assert query("SELECT status FROM sync_runs") == [("running",)]
    query("UPDATE sync_runs SET heartbeat_at = heartbeat_at - interval '9 seconds'")
    ran = sync(*arguments)
    assert ran.exit_code == 0
    assert rows_of(query) == rows_at(clerk)
    assert query("SELECT status FROM sync_runs ORDER BY id")[-1] == ("done",)
    assert (ran["resumed"], ran["run_id"]) == ((True, 1) if arguments else (False, 2))
    if not arguments:
        assert query("SELECT status, reason FROM sync_runs WHERE id = 1") == [
            ("lost", "its process ended without an entry")
        ]


def test_a_second_run_refuses_while_the_first_one_is_running(
    clerk: LocalClerk, sync: Command, query: Query, process: Process
) -> None:
    clerk.users.seed(700)
    held = clerk.faults.add("/v1/users", after=1, delay_s=30, times=None)
    first = process("sync", *SEQUENTIAL)
    wait_until(lambda: query("SELECT 1 FROM sync_runs WHERE seen = 500"))
    ran = sync()
    assert ran.exit_code == 3
    assert "run 1 has been in progress since" in ran["reason"]
    assert ran["run_id"] is None
    assert ran["seconds"] < 10
    assert first.poll() is None
    clerk.faults.remove(held)
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=10)


def test_a_run_whose_lease_was_taken_commits_nothing_more(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(1700)

    def take_over() -> None:
        query("UPDATE sync_runs SET status = 'lost' WHERE status = 'running'")

    with meanwhile(clerk, take_over, after=2):
        ran = sync(*SEQUENTIAL)
    assert (ran.exit_code, ran["status"]) == (3, "lost")
    assert len(rows_of(query)) <= 1000
    assert query("SELECT status FROM sync_runs") == [("lost",)]


def test_a_run_whose_lease_was_taken_deletes_no_user(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(30)
    sync()
    clerk.users.delete(clerk.users.snapshot()[0].id)
    held = clerk.faults.add("/v1/users", when_param="user_id", delay_s=0.3)

    def take_over() -> None:
        wait_until(lambda: held.struck)
        query("UPDATE sync_runs SET status = 'lost' WHERE status = 'running'")

    thread = threading.Thread(target=take_over)
    thread.start()
    assert sync().exit_code == 3
    thread.join()
    assert tombstones(query) == set()


def test_the_heartbeat_continues_while_clerk_is_slow(
    connect: ConnectionFactory, transactions: TransactionalConnection, query: Query
) -> None:
    run = runs.begin_run(transactions, Kind.ALL)
    transactions.commit()
    assert run is not None
    beats = "SELECT heartbeat_at FROM sync_runs"
    with heartbeat(connect, run.id, every_s=0.02):
        first = query(beats)
        wait_until(lambda: query(beats) != first)


def test_clerk_going_away_ends_the_run_and_keeps_what_was_merged(
    clerk: LocalClerk, sync: Command, query: Query, fake_time: object
) -> None:
    clerk.users.seed(1700)
    clerk.faults.add("/v1/users", after=2, status=500, times=None)
    ran = sync(*SEQUENTIAL)
    assert (ran.exit_code, ran["status"], ran["deleted"]) == (1, "failed", 0)
    assert len(rows_of(query)) == 1000
    assert "--resume" in ran.stderr


@pytest.mark.parametrize("seed", range(2))
def test_a_run_killed_at_any_moment_loses_nothing(
    clerk: LocalClerk, sync: Command, query: Query, process: Process, seed: int
) -> None:
    chance = random.Random(seed)
    clerk.users.seed(6000)
    sync()
    users = clerk.users.snapshot()
    gone = chance.sample(users, 50)
    for user in gone:
        clerk.users.delete(user.id)
    query("UPDATE users SET first_name = 'Drifted'; DELETE FROM users WHERE id % 3 = 0")
    kept = query("SELECT clerk_id FROM users")

    run = process("sync", "--workers", chance.choice("18"))
    wait_until(lambda: query("SELECT 1 FROM sync_runs WHERE status = 'running' AND seen > 0") or run.poll() is not None)
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.wait(timeout=chance.uniform(0, 0.5))
    run.kill()
    run.wait()
    assert tombstones(query) <= {user.id for user in gone}

    query("UPDATE sync_runs SET heartbeat_at = heartbeat_at - interval '1 minute'")
    assert sync(*chance.choice([(), ("--resume",)])).exit_code == 0
    assert rows_of(query) == rows_at(clerk)
    assert tombstones(query) == {user.id for user in gone} & {clerk_id for (clerk_id,) in kept}


def test_the_heartbeat_continues_after_a_failed_update(
    connect: ConnectionFactory, transactions: TransactionalConnection, query: Query, operator: Connection
) -> None:
    run = runs.begin_run(transactions, Kind.ALL)
    transactions.commit()
    assert run is not None
    beats = "SELECT heartbeat_at FROM sync_runs"
    with heartbeat(connect, run.id, every_s=0.02), operator.cursor() as cursor:
        cursor.execute("ALTER TABLE sync_runs RENAME COLUMN heartbeat_at TO away")
        assert not threading.Event().wait(0.2)
        cursor.execute("ALTER TABLE sync_runs RENAME COLUMN away TO heartbeat_at")
        first = query(beats)
        wait_until(lambda: query(beats) != first)
