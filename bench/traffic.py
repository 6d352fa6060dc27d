"""The bytes of requests, made before the measurement."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import count

from msgspec.json import Encoder
from msgspec.structs import replace

from bench.credentials import sign_delivery
from bench.stand_in import INSTANCE_ID
from clerk_sync.emulator.users.schemas import User
from clerk_sync.emulator.users.seeding import seeded_users

WEBHOOK_PATH = "/api/webhooks/clerk"
_REMOTE = {"client_ip": "203.0.113.7", "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"}


def user_id(number: int) -> str:
    """Return the Clerk id of the seeded user with the local id ``number``. floors.py has the same in SQL."""
    return f"user_{number:027}"


def get(path: str, token: str | None = None) -> bytes:
    """Return a GET request as a browser's fetch sends it."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return _request("GET", path, {"Accept": "application/json", **headers})


def get_each(path: str, tokens: Iterable[str]) -> list[bytes]:
    """Return one GET request for each token."""
    return [get(path, token) for token in tokens]


class Deliveries:
    """Different signed webhooks: half are of new users, half are of seeded users who have changed.

    A batch may hold at most twice the number of ``seeded`` users, so that no user changes twice in one millisecond.
    """

    def __init__(self, seeded: int) -> None:
        self._seeded = seeded
        self._batches = count(1)
        self.taken = 0
        self._encode = Encoder().encode

    def take(self, number: int) -> list[bytes]:
        """Return the next ``number`` requests, signed now. They are valid for five minutes."""
        if number > 2 * self._seeded:
            raise ValueError(f"{self._seeded} users are too few for {number} deliveries")
        batch = next(self._batches)
        now_ms = time.time_ns() // 1_000_000
        self.taken += number
        users = seeded_users(number, seed=batch)
        return [self._delivery(f"msg_{batch:06}{place:021}", place, user, now_ms) for place, user in enumerate(users)]

    def _delivery(self, delivery_id: str, place: int, user: User, now_ms: int) -> bytes:
        is_new = place % 2 == 0
        event = {
            "data": user if is_new else replace(user, id=user_id(place // 2 + 1), updated_at=now_ms),
            "event_attributes": {"http_request": _REMOTE},
            "instance_id": INSTANCE_ID,
            "object": "event",
            "timestamp": now_ms,
            "type": "user.created" if is_new else "user.updated",
        }
        body = self._encode(event)
        headers = {"Content-Type": "application/json", **sign_delivery(body, delivery_id, now_ms // 1000)}
        return _request("POST", WEBHOOK_PATH, headers, body)


def _request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    all_headers = {"Host": "127.0.0.1", "User-Agent": "bench", **headers}
    if body:
        all_headers["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in all_headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body
