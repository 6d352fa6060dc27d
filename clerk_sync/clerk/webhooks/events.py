"""Parses a verified delivery into one of four events: changed, deleted, unhandled, unusable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import UnusableUserError
from clerk_sync.clerk.users import LAST_MS, UserSnapshot, parse_user_id, snapshot_of, user_decoder
from clerk_sync.clerk.webhooks.signature import VerifiedDelivery

MIRRORED_TYPES = ("user.created", "user.updated", "user.deleted")

_SECONDS_END_BELOW = 10**11


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The members that every event has."""

    type: str | None
    instance_id: str | None = None
    # Milliseconds; 0 if the event has none. It breaks ties between snapshots of one version.
    occurred_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class UserChanged:
    """``user.created`` or ``user.updated``: the user as it is now."""

    envelope: Envelope
    snapshot: UserSnapshot


@dataclass(frozen=True, slots=True)
class UserDeleted:
    """``user.deleted``: the user is gone for good."""

    envelope: Envelope
    clerk_id: str


@dataclass(frozen=True, slots=True)
class Unhandled:
    """An event of a type that is not mirrored."""

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class UnusableEvent:
    """A signed event that cannot be mapped; ``reason`` says why and quotes no value."""

    envelope: Envelope
    clerk_id: str | None
    reason: str


Event = UserChanged | UserDeleted | Unhandled | UnusableEvent


class _Wire(msgspec.Struct):
    type: str
    data: msgspec.Raw
    timestamp: Any = None
    instance_id: str | None = None


class _WireId(msgspec.Struct):
    id: Any = None


_wire = JsonDecoder(_Wire)
_wire_id = JsonDecoder(_WireId)


def parse_event(delivery: VerifiedDelivery) -> Event:
    """Return the event of ``delivery``; raise NotJsonError if its body is not JSON."""
    try:
        wire = _wire.decode(delivery.body)
    except msgspec.ValidationError:
        return UnusableEvent(Envelope(type=None), None, "the body is not an event with a type and data")
    envelope = Envelope(
        type=wire.type.replace("\0", "")[:100],
        instance_id=wire.instance_id.replace("\0", "")[:100] if wire.instance_id else None,
        occurred_at_ms=_milliseconds(wire.timestamp),
    )
    return _parse_data(envelope, wire.data)


def _parse_data(envelope: Envelope, data: msgspec.Raw) -> Event:
    if not bytes(data).lstrip().startswith(b"{"):
        return UnusableEvent(envelope, None, "data is not an object")
    try:
        if envelope.type in ("user.created", "user.updated"):
            return UserChanged(envelope, snapshot_of(user_decoder.decode(data)))
        if envelope.type == "user.deleted":
            return UserDeleted(envelope, _parse_id(data))
    except (UnusableUserError, msgspec.ValidationError) as error:
        return UnusableEvent(envelope, _find_id(data), str(error))
    return Unhandled(envelope)


def _milliseconds(timestamp: object) -> int:
    """Return ``timestamp`` in milliseconds. Clerk's guide says milliseconds, its OpenAPI description shows seconds."""
    if not isinstance(timestamp, int | float) or isinstance(timestamp, bool) or not 0 <= timestamp <= LAST_MS:
        return 0
    return int(timestamp * 1000) if timestamp < _SECONDS_END_BELOW else int(timestamp)


def _parse_id(data: msgspec.Raw) -> str:
    return parse_user_id(_wire_id.decode(data).id)


def _find_id(data: msgspec.Raw) -> str | None:
    try:
        return _parse_id(data)
    except UnusableUserError:
        return None
