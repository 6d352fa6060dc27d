from __future__ import annotations

from collections import Counter
from typing import Any

from clerk_sync.emulator import LocalClerk


def lived(seed: int) -> tuple[list[str], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the acts of a history, its events and the users who are left."""
    with LocalClerk.start(seed=seed, clock_ms=iter(range(1_700_000_000_000, 1_800_000_000_000)).__next__) as clerk:
        acts = list(clerk.random_history(seed).acts(600))
        return acts, [message.payload for message in clerk.webhook_sender.messages.values()], clerk.users.all()


def test_the_same_seed_lives_the_same_lives() -> None:
    first, again, other = lived(1), lived(1), lived(2)
    assert first[0] == again[0] != other[0]
    assert [event["data"] for event in first[1]] != [event["data"] for event in other[1]]

    def without_ids(user: dict[str, Any]) -> tuple[object, ...]:
        return user["first_name"], user["banned"], user["updated_at"]

    assert list(map(without_ids, first[2])) == list(map(without_ids, again[2]))


def test_lives_hold_what_mirrors_get_wrong() -> None:
    _, events, users = lived(3)
    versions = Counter((event["data"]["id"], event["data"].get("updated_at")) for event in events)
    assert any(count > 1 for (_, updated_at), count in versions.items() if updated_at)
    owners: dict[str, set[str]] = {}
    for event in events:
        for email in event["data"].get("email_addresses", []):
            owners.setdefault(email["email_address"], set()).add(event["data"]["id"])
    assert any(len(ids) > 1 for ids in owners.values())
    deleted = {event["data"]["id"] for event in events if event["type"] == "user.deleted"}
    assert deleted
    assert deleted.isdisjoint(user["id"] for user in users)


def test_whoever_is_left_is_as_the_last_event_said() -> None:
    _, events, users = lived(4)
    last = {event["data"]["id"]: event for event in events}
    assert {user_id for user_id, event in last.items() if event["type"] != "user.deleted"} == {u["id"] for u in users}
    assert all(last[user["id"]]["data"] == user for user in users)
