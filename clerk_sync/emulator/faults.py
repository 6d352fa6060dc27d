"""Injected faults: in responses of the API, and in the delivery of webhooks."""

from __future__ import annotations

import threading
from fnmatch import fnmatchcase
from typing import Annotated, Any

from msgspec import Meta, Struct

from clerk_sync.emulator.webhooks.webhook_faults import Natural, Seconds, Times, WebhookFault, WebhookFaults


class Fault(Struct, kw_only=True, forbid_unknown_fields=True, eq=False):
    """A fault in responses to ``path`` (a pattern: ``*`` matches any text).

    It skips the first ``after`` matching requests, then applies ``times`` times (None: always). Without ``status``,
    ``body`` and ``hang_up`` the request is served, with these changes: delayed by ``delay_s``, without the parameters
    in ``ignore_params``, and with half of the body if ``torn``.
    """

    path: Annotated[str, Meta(pattern="^[/*]")]
    method: str | None = None
    when_param: str | None = None
    after: Natural = 0
    times: Times = 1
    status: Annotated[int, Meta(ge=200, le=599)] | None = None
    code: str | None = None
    retry_after_s: Natural | None = None
    body: Any = None
    delay_s: Seconds = 0.0
    hang_up: bool = False
    torn: bool = False
    ignore_params: tuple[str, ...] = ()
    seen: int = 0
    struck: int = 0

    def matches(self, method: str, path: str, params: set[str]) -> bool:
        """Whether the fault is for this request; ``after`` and ``times`` do not count here."""
        return (
            fnmatchcase(path, self.path)
            and (self.method is None or self.method.upper() == method)
            and (self.when_param is None or self.when_param in params)
        )

    def strikes(self) -> bool:
        """Count a matching request; return whether the fault applies to it."""
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.struck >= self.times):
            return False
        self.struck += 1
        return True


class Faults:
    """The active faults: of the API (``add``) and of webhooks (``drop``, ``double``, ``delay``, ``shuffle``)."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.webhooks = WebhookFaults(seed)

    def add(self, path: str, **settings: Any) -> Fault:
        """Add a fault to responses to ``path``; the settings are the fields of :class:`Fault`."""
        return self.put(Fault(path=path, **settings))

    def put(self, fault: Fault) -> Fault:
        """Activate a fault."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def drop(self, event_type: str = "*", **settings: Any) -> WebhookFault:
        """Drop webhooks: they are sent only by :meth:`WebhookSender.replay_missing`."""
        return self.webhooks.put(WebhookFault(kind="drop", event_type=event_type, **settings))

    def double(self, event_type: str = "*", **settings: Any) -> WebhookFault:
        """Send webhooks twice, under one ``svix-id``."""
        return self.webhooks.put(WebhookFault(kind="double", event_type=event_type, **settings))

    def delay(self, delay_s: float, event_type: str = "*", **settings: Any) -> WebhookFault:
        """Send webhooks late."""
        return self.webhooks.put(WebhookFault(kind="delay", delay_s=delay_s, event_type=event_type, **settings))

    def shuffle(self, window: int, event_type: str = "*", **settings: Any) -> WebhookFault:
        """Collect webhooks until there are ``window`` of them, then send them in random order, until removed."""
        settings.setdefault("times", None)
        return self.webhooks.put(WebhookFault(kind="shuffle", window=window, event_type=event_type, **settings))

    def take(self, method: str, path: str, params: set[str]) -> Fault | None:
        """Return the fault that applies to this request, or None."""
        with self._lock:
            matching = (fault for fault in self._faults if fault.matches(method, path, params))
            return next((fault for fault in matching if fault.strikes()), None)

    def remove(self, fault: Fault | WebhookFault) -> None:
        """Remove one fault."""
        with self._lock:
            self._faults = [each for each in self._faults if each is not fault]
        self.webhooks.remove(fault)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()
        self.webhooks.clear()

    def all(self) -> list[Fault | WebhookFault]:
        """Return all active faults."""
        with self._lock:
            return [*self._faults, *self.webhooks.all()]
