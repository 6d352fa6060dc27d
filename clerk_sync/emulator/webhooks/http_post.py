"""One delivery attempt: sign, post, and record the response."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import urllib3

from clerk_sync.emulator.clock import wall_clock_ms
from clerk_sync.emulator.webhooks.messages import signed_headers

TIMEOUT_S = 15.0
INSTANT_RESEND_WITHIN_S = 1.0
ROTATION_GRACE_S = 24 * 3600.0
LONGEST_ANSWER = 20_000


@dataclass(frozen=True, slots=True)
class Answer:
    """The endpoint's response, or why there is none."""

    status: int | None
    error: str | None
    sent_at_ms: int
    took_ms: float
    text: str = ""
    retry_after: str | None = None
    control: str | None = None
    timed_out: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the endpoint accepted the message."""
        return self.status is not None and 200 <= self.status <= 299


class Secrets:
    """The signing secret, and replaced ones during their grace period."""

    def __init__(self, secret: str) -> None:
        self._lock = threading.Lock()
        self._secrets: list[tuple[str, float | None]] = [(secret, None)]

    @property
    def current(self) -> str:
        """The newest secret, for the endpoint's settings."""
        return self._secrets[0][0]

    def live(self) -> list[str]:
        """Return the secrets that sign now, the newest first."""
        now = time.monotonic()
        with self._lock:
            return [secret for secret, until in self._secrets if until is None or now < until]

    def restore(self, secret: str) -> None:
        """Use the secret of an earlier run."""
        with self._lock:
            self._secrets = [(secret, None)]

    def rotate(self, secret: str, grace_s: float = ROTATION_GRACE_S) -> None:
        """Sign with ``secret``, and with the old one too for ``grace_s`` seconds."""
        until = time.monotonic() + grace_s
        with self._lock:
            retired = [(old, until if end is None else end) for old, end in self._secrets]
            self._secrets = [(secret, None), *retired]


class HttpPost:
    """Posts signed bodies; follows no redirect and trusts no proxy."""

    def __init__(self, secrets: Secrets, *, timeout_s: float, connections: int) -> None:
        self.secrets = secrets
        self._pool = urllib3.PoolManager(
            num_pools=16, maxsize=connections, timeout=urllib3.Timeout(total=timeout_s), retries=False
        )

    def post(self, url: str, svix_id: str, body: bytes) -> Answer:
        """Make one attempt. A connection that breaks within a second is tried once more at once, as Svix does."""
        sent_at_ms = wall_clock_ms()
        headers = signed_headers(self.secrets.live(), svix_id, sent_at_ms // 1000, body)
        started = time.monotonic()
        answer = self._post_once(url, headers, body, sent_at_ms)
        broke = answer.status is None and not answer.timed_out
        if broke and time.monotonic() - started < INSTANT_RESEND_WITHIN_S:
            answer = self._post_once(url, headers, body, sent_at_ms)
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _post_once(self, url: str, headers: dict[str, str], body: bytes, sent_at_ms: int) -> Answer:
        started = time.monotonic()
        try:
            response = self._pool.request("POST", url, body=body, headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            timed_out = isinstance(error, urllib3.exceptions.TimeoutError)
            return Answer(None, type(error).__name__, sent_at_ms, _since_ms(started), timed_out=timed_out)
        return Answer(
            response.status,
            None,
            sent_at_ms,
            _since_ms(started),
            text=response.data[:LONGEST_ANSWER].decode(errors="replace"),
            retry_after=response.headers.get("Retry-After"),
            control=response.headers.get("webhook-delivery"),
        )


def _since_ms(started: float) -> float:
    return (time.monotonic() - started) * 1000
