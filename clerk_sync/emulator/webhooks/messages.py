"""Webhook messages and their envelope, and the record of each attempt to deliver one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
from svix.webhooks import Webhook


class State(StrEnum):
    """The state of a message."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    MISSING = "missing"
    """Never attempted: dropped, or there was no endpoint."""


@dataclass(slots=True)
class Message:
    """One event to deliver. Its id and its bytes are the same at every attempt."""

    svix_id: str
    type: str
    body: bytes = field(repr=False)
    created_at_ms: int
    attempts: int = 0
    state: State = State.WAITING

    @property
    def payload(self) -> dict[str, Any]:
        """The envelope, decoded."""
        decoded: dict[str, Any] = msgspec.json.decode(self.body)
        return decoded


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt. If there was no response, ``status`` is None and ``error`` says why."""

    svix_id: str
    type: str
    attempt: int
    url: str
    status: int | None
    error: str | None
    sent_at_ms: int
    took_ms: float
    answer: str
    body: bytes = field(repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether the endpoint accepted it with a status from 200 to 299."""
        return self.status is not None and 200 <= self.status <= 299


def envelope(event_type: str, data: object, *, instance_id: str, at_ms: int, attributes: dict[str, Any]) -> bytes:
    """Return the body of a webhook. Keys are in alphabetical order, as in recorded webhooks of Clerk."""
    return msgspec.json.encode(
        {
            "data": data,
            "event_attributes": attributes,
            "instance_id": instance_id,
            "object": "event",
            "timestamp": at_ms,
            "type": event_type,
        }
    )


def signed_headers(secrets: list[str], svix_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign ``body``: one signature for each live secret, the newest first."""
    moment = datetime.fromtimestamp(at_s, UTC)
    signatures = [Webhook(secret).sign(svix_id, moment, body.decode()) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "Svix-Webhooks/local",
        "Svix-Id": svix_id,
        "Svix-Timestamp": str(at_s),
        "Svix-Signature": " ".join(signatures),
    }
