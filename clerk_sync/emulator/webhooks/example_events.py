"""An example of every event type, with made-up ids, as "Send Example" in Clerk's Dashboard makes them.

Events of users and sessions are built from our own objects. All others come from ``example_events.json``:
``events`` maps a type to objects that are merged into its data, and ``objects`` holds data that several events share.
Four texts are replaced: ``$now``, ``$in_30_days``, ``$id:PREFIX`` (one id for each prefix) and ``$object:NAME``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from clerk_sync.emulator.identity import Ids
from clerk_sync.emulator.sessions.sessions import ABANDONED_AFTER_MS, LIFETIME_MS
from clerk_sync.emulator.users.factories import new_email, new_user
from clerk_sync.emulator.users.schemas import Deleted, Session, User, as_json

MONTH_MS = 30 * 24 * 3600 * 1000

_USER_ACTIONS = ("created", "updated", "deleted")
_SESSION_STATUSES = {
    "created": "active",
    "pending": "active",  # the webhook schema knows no pending status
    "ended": "ended",
    "removed": "removed",
    "revoked": "revoked",
}


@dataclass(frozen=True, slots=True)
class Event:
    """What to send: a type, its data, and when it happened."""

    type: str
    data: Any
    at_ms: int


def example_event(event_type: str, ids: Ids, at_ms: int, user: User) -> Event:
    """Return an example of the type, about ``user`` if it concerns users; raise KeyError if the type is unknown."""
    group, _, action = event_type.partition(".")
    if event_type == "user.deleted":
        data = as_json(Deleted(id=user.id, external_id=user.external_id or UNSET))
    elif group == "user":
        data = as_json(user)
    elif group == "session":
        data = _session_data(action, ids, user, at_ms)
    else:
        data = _Template(ids, at_ms).data_of(event_type)
    return Event(event_type, data, at_ms)


def event_types() -> list[str]:
    """Return every type that has an example."""
    own = [*(f"user.{action}" for action in _USER_ACTIONS), *(f"session.{action}" for action in _SESSION_STATUSES)]
    return sorted([*own, *_templates()["events"]])


def example_user(ids: Ids, at_ms: int, **fields: Any) -> User:
    """Return a made-up user."""
    fields = {"first_name": "Example", "last_name": "User", **fields}
    email = new_email(ids, f"{ids.new('example', at_ms)}@example.com", at_ms)
    return new_user(ids, created_at_ms=at_ms, updated_at_ms=at_ms, emails=[email], **fields)


def _session_data(action: str, ids: Ids, user: User, at_ms: int) -> Any:
    session = Session(
        id=ids.new("sess", at_ms),
        client_id=ids.new("client", at_ms),
        user_id=user.id,
        status=_SESSION_STATUSES[action],
        last_active_at=at_ms,
        expire_at=at_ms + LIFETIME_MS,
        abandon_at=at_ms + ABANDONED_AFTER_MS,
        created_at=at_ms,
        updated_at=at_ms,
    )
    return {**as_json(session), "user": as_json(user)}


@cache
def _templates() -> dict[str, Any]:
    templates: dict[str, Any] = msgspec.json.decode(Path(__file__).with_name("example_events.json").read_bytes())
    return templates


class _Template:
    """Fills in the placeholders of one event."""

    def __init__(self, ids: Ids, at_ms: int) -> None:
        self._ids = ids
        self._at_ms = at_ms
        self._ids_by_prefix: dict[str, str] = {}

    def data_of(self, event_type: str) -> dict[str, Any]:
        """Return the data of the event; later objects override earlier ones."""
        return {
            name: value for part in _templates()["events"][event_type] for name, value in self._filled(part).items()
        }

    def _filled(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: self._filled(inner) for name, inner in value.items()}
            case list():
                return [self._filled(inner) for inner in value]
            case "$now":
                return self._at_ms
            case "$in_30_days":
                return self._at_ms + MONTH_MS
            case str() if value.startswith("$object:"):
                return self._filled(_templates()["objects"][value.removeprefix("$object:")])
            case str() if value.startswith("$id:"):
                prefix = value.removeprefix("$id:")
                return self._ids_by_prefix.setdefault(prefix, self._ids.new(prefix, self._at_ms))
            case _:
                return value
