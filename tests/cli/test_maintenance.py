"""``flask sync-clerk replay`` and ``prune``: replay applies parked events, and prune clears old payloads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from clerk_sync.emulator import LocalClerk
from clerk_sync.mirror.inbox.apply import replay
from clerk_sync.mirror.inbox.parked import find_parked
from tests.conftest import clerk_event, clerk_user
from tests.local_clerk import Command, Query, rows_at, rows_of, services_of

Deliver = Callable[..., TestResponse]


def parked_event(clerk: LocalClerk, **changes: Any) -> dict[str, Any]:
    return clerk_event("user.updated", clerk_user("user_later", **changes), instance_id=clerk.instance_id)


def make_readable(query: Query, svix_id: str) -> None:
    """Change the stored payload so that the code can read it, as if the code had been fixed."""
    query(
        "UPDATE webhook_events SET payload = replace(payload, '\"later\"', '1700000000001') WHERE svix_id = %s", svix_id
    )


def test_replay_applies_events_that_can_be_mapped_now(
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


def test_replay_keeps_nothing_of_a_user_who_was_deleted_meanwhile(
    clerk: LocalClerk, command: Command, deliver: Deliver, query: Query
) -> None:
    odd = clerk_event("user.updated", clerk_user("usr_gone", updated_at=[]), instance_id=clerk.instance_id)
    deliver(odd, "msg_1")  # its user id is not readable yet, so the deletion does not remove it
    deliver(clerk_event("user.deleted", {"id": "user_gone"}, instance_id=clerk.instance_id))
    query("UPDATE webhook_events SET payload = replace(payload, 'usr_', 'user_') WHERE svix_id = 'msg_1'")
    ran = command("replay")
    assert (ran.exit_code, ran.stdout.split(":")[0]) == (0, "msg_1 stale")
    assert query("SELECT outcome, clerk_id, payload FROM webhook_events WHERE svix_id = 'msg_1'") == [
        ("stale", "user_gone", None)
    ]


def test_of_two_replays_of_one_delivery_the_first_reports_the_outcome(
    clerk: LocalClerk, clerk_app: Flask, deliver: Deliver, query: Query
) -> None:
    deliver(parked_event(clerk, updated_at="later"), "msg_1")
    make_readable(query, "msg_1")
    statements = services_of(clerk_app).pool
    (parked,) = find_parked(statements)
    assert [replay(statements, parked).outcome for _ in range(2)] == ["applied", "unchanged"]
    assert query("SELECT outcome, deliveries FROM webhook_events") == [("applied", 1)]


def test_prune_clears_old_payloads_only(clerk: LocalClerk, command: Command, deliver: Deliver, query: Query) -> None:
    deliver(parked_event(clerk, updated_at=[]), "msg_old")
    deliver(parked_event(clerk, updated_at=[]), "msg_new")
    query("UPDATE webhook_events SET received_at = now() - interval '91 days' WHERE svix_id = 'msg_old'")
    ran = command("prune", "--older-than", "90d")
    assert (ran.exit_code, ran.stdout) == (0, "1 payloads emptied\n")
    assert query("SELECT svix_id FROM webhook_events WHERE payload IS NULL") == [("msg_old",)]
    assert command("prune", "--older-than", "soon").exit_code == 2


def test_a_pruned_event_no_longer_waits_for_a_replay(clerk: LocalClerk, command: Command, deliver: Deliver) -> None:
    deliver(parked_event(clerk, updated_at=[]), "msg_1")
    assert json.loads(command("check", "--json").stdout)["parked"] == 1
    command("prune", "--older-than", "0d")
    assert json.loads(command("check", "--json").stdout)["parked"] == 0
