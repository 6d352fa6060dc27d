"""The requests to the API, so that a test can limit their number."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request; ``status`` is None if a fault closed the connection."""

    method: str
    path: str
    query: str
    status: int | None
    at_ms: int
    took_ms: float


class RequestLog:
    """The requests to ``/v1/…`` and ``/.well-known/…``, oldest first, up to ``history`` of them."""

    def __init__(self, history: int) -> None:
        self._requests: deque[LoggedRequest] = deque(maxlen=history)

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(list(self._requests))

    def __getitem__(self, index: int) -> LoggedRequest:
        return self._requests[index]

    def add(self, request: LoggedRequest) -> None:
        """Add a finished request."""
        self._requests.append(request)

    def matching(self, path: str = "*", method: str | None = None) -> list[LoggedRequest]:
        """Return the requests to ``path``, in which ``*`` stands for anything."""
        return [each for each in self if fnmatchcase(each.path, path) and method in (None, each.method)]

    def clear(self) -> None:
        """Remove all requests."""
        self._requests.clear()
