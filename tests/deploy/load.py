"""Continuous requests by several clients, and the outcome of each request."""

from __future__ import annotations

import http.client
import json
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread
from urllib.parse import urlsplit

from clerk_sync.emulator import LocalClerk
from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.stage.servers import wait_for

TIMEOUT_S = 20
PAUSE_WHEN_REFUSED_S = 0.02
PAUSE_S = 0.004  # leaves the machine time to start servers

REFUSED = "refused"
"""The server did not accept the connection. A router would send the request to another server."""


@dataclass(frozen=True)
class Request:
    """A request of a client."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


def mixed_traffic(clerk: LocalClerk) -> Callable[[], Request]:
    """Return a function that makes a delivery, a request that reads the database, or one that needs no database."""
    signed_in = {"Authorization": f"Bearer {clerk.session_token('user_shopper')}"}
    secret = clerk.environment["CLERK_WEBHOOK_SIGNING_SECRET"]

    def delivery() -> Request:
        event = clerk_event("user.updated", clerk_user("user_shopper"))
        del event["instance_id"]  # it may be missing, and this event is not of the local Clerk
        body = json.dumps(event).encode()
        headers = sign_delivery(body, f"msg_{uuid.uuid4().hex}", secret) | {"Content-Type": "application/json"}
        return Request("POST", "/api/webhooks/clerk", headers, body)

    kinds = (delivery, lambda: Request("GET", "/api/me", signed_in), lambda: Request("GET", "/healthz"))
    return lambda: kinds[uuid.uuid4().int % len(kinds)]()


class Load:
    """Clients of ``url``, each of which sends one request after another until the block ends.

    Half of them open a new connection for each request, half keep theirs.
    """

    def __init__(self, url: str, compose: Callable[[], Request], clients: int = 6) -> None:
        self._netloc = urlsplit(url).netloc
        self._compose = compose
        self._over = Event()
        self._clients = [Thread(target=self._send_until_over, args=(number % 2 == 0,)) for number in range(clients)]
        self.outcomes: Counter[str | int] = Counter()

    def __enter__(self) -> Load:
        for client in self._clients:
            client.start()
        self.wait_for_more(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for client in self._clients:
            client.join()

    def wait_for_more(self, count: int) -> None:
        """Wait until that many more requests were answered."""
        goal = self.answered + count
        wait_for(lambda: self.answered >= goal, f"{count} more answers; so far {dict(self.outcomes)}", TIMEOUT_S)

    @property
    def answered(self) -> int:
        """The number of requests that got a response."""
        return sum(count for outcome, count in list(self.outcomes.items()) if isinstance(outcome, int))

    def _send_until_over(self, keeps_connection: bool) -> None:
        connection = http.client.HTTPConnection(self._netloc, timeout=TIMEOUT_S)
        while not self._over.is_set():
            outcome = _send(connection, self._compose())
            self.outcomes[outcome] += 1
            self._over.wait(PAUSE_WHEN_REFUSED_S if outcome == REFUSED else PAUSE_S)
            if not keeps_connection or not isinstance(outcome, int):
                connection.close()
        connection.close()


def _send(connection: http.client.HTTPConnection, request: Request) -> str | int:
    try:
        if connection.sock is None:
            connection.connect()
    except ConnectionRefusedError:
        return REFUSED
    try:
        connection.request(request.method, request.path, request.body, request.headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    return answer.status
