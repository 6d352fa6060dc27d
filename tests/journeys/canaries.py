"""Users, secrets and requests that contain one marker word, so that a leak of any of them is found."""

from __future__ import annotations

import html
import http.client
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

from werkzeug.routing import Map

MARK = f"c4n4ry{uuid.uuid4().hex[:8]}"
EMAIL = f"{MARK}@example.com"
CLIENT_ADDRESS = "203.0.113.77"


def person(number: int) -> dict[str, Any]:
    """Return the fields of a marked user at Clerk."""
    metadata = {f"{kind}_metadata": {"note": MARK} for kind in ("public", "private", "unsafe")}
    names = {"first_name": f"First{MARK}", "last_name": f"Last{MARK}", "username": f"user{number}_{MARK}"}
    return {**names, "email": f"{number}{EMAIL}", **metadata}


# Every field name of our request bodies, and others, with values of the right and of a wrong type.
_NAMES = (
    "name",
    "line1",
    "line2",
    "city",
    "region",
    "postal_code",
    "country",
    "phone",
    "email",
    "role",
    "status",
    "type",
)
_TEXTS = {name: f"{name} {MARK}" for name in _NAMES}
_BODIES: tuple[bytes | None, ...] = (
    None,
    json.dumps(_TEXTS | {"country": "IE", "quantity": 1, "address_id": 1}).encode(),
    json.dumps(_TEXTS | {"quantity": MARK, "address_id": MARK, "line1": 7}).encode(),
    json.dumps([MARK]).encode(),
    f'{{"line1": "{MARK}'.encode(),
    f"{MARK}\xff".encode("latin-1"),
)
_FORM = f"query={EMAIL}&action={MARK}&csrf={MARK}&token={MARK}".encode()


@dataclass
class RouteRequests:
    """Sends requests to every route and keeps the responses by request id."""

    url: str
    sent: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        # Not requests: it would take longer than the server.
        self._http = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def every_route(self, url_map: Map, tokens: list[str]) -> None:
        """Send valid and invalid requests to each rule of ``url_map``, with each of ``tokens`` and without a token."""
        for rule in url_map.iter_rules():
            for method in sorted(rule.methods or ()):
                for path in {_fill(rule.rule, MARK), _fill(rule.rule, "1")}:
                    self._all_kinds(method, path, tokens)
        for path in (f"/{MARK}", f"/api/{MARK}", f"/api/orders/{EMAIL}/{MARK}"):
            self._all_kinds("GET", path, tokens)

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> None:
        """Send one request with its own id. An error response that contains the marker is a leak."""
        id_ = f"route-{next(self._numbers):08d}"
        sent = {"X-Request-ID": id_, "X-Forwarded-For": CLIENT_ADDRESS, "User-Agent": MARK, **headers}
        try:
            self._http.request(method, path, body, sent)
            answer = self._http.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            # The server closes a connection with an unread request body. A client cannot know that, and retries.
            self._http.close()
            self.send(method, path, headers, body)
            return
        self.sent.append(id_)
        self.statuses.add(answer.status)
        assert answer.headers["X-Request-ID"] == id_
        said = _without_own_address(content, path)
        if answer.status >= 400 and holds_mark(said):
            where = said.lower().find(MARK)
            self.leaks.append(f"{method} {path} {answer.status}: …{said[max(where - 80, 0) : where + 80]}")

    def _all_kinds(self, method: str, path: str, tokens: list[str]) -> None:
        query = f"?query={EMAIL}&limit={MARK}&cursor={MARK}&token={MARK}"
        for token in tokens:
            session = {"Authorization": f"Bearer {token}", "Idempotency-Key": MARK, "Referer": f"https://{MARK}/"}
            self.send(method, path + query, session)
            if method in ("GET", "HEAD", "OPTIONS"):
                continue
            for body in _BODIES:
                self.send(method, path, {**session, "Content-Type": "application/json"}, body)
            self.send(method, path, {**session, "Content-Type": "application/x-www-form-urlencoded"}, _FORM)
        cookie = f"__session={MARK}.{MARK}.{MARK}; __client={MARK}; __client_uat=1"
        self.send(method, path + query, {"Cookie": cookie, "Origin": f"https://{MARK}.example.com"})
        self.send(method, path, {"Authorization": f"Bearer {MARK}.{MARK}.{MARK}"})
        self.send(method, path, {"Authorization": f"Basic {MARK}", "Content-Type": "application/json"}, _BODIES[1])


def holds_mark(text: str) -> bool:
    """Return True if ``text`` contains the marker."""
    return MARK in text.lower() or CLIENT_ADDRESS in text


def _fill(rule: str, value: str) -> str:
    return re.sub(r"<[^>]+>", value, rule)


def _without_own_address(content: bytes, path: str) -> str:
    """Return the body without the URL that the client requested.

    A problem names it in ``instance``, and a page has it, quoted, in the link that returns after sign-in.
    """
    try:
        body = json.loads(content)
    except ValueError:
        text = html.unescape(content.decode())
        for _ in range(3):
            text = unquote(text)
        return text.replace(unquote(path), "")
    return json.dumps({name: value for name, value in body.items() if name != "instance"})
