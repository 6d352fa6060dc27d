"""Failure on demand: what goes wrong with an answer of the API, and what becomes of webhooks on their way."""

from __future__ import annotations

import threading
from fnmatch import fnmatchcase
from typing import Annotated, Any

from msgspec import Meta, Struct

from clerk_sync.emulator.webhooks.webhook_faults import Natural, Seconds, Times, WebhookFault, WebhookFaults


class Fault(Struct, kw_only=True, forbid_unknown_fields=True, eq=False):
    """One thing that goes wrong with requests to ``path`` (``*`` stands for anything).

    It lets the first ``after`` matching requests pass, then strikes ``times`` times (None: for ever). With none of
    ``status``, ``body`` and ``hang_up`` the request is served as usual: late by ``delay_s``, without the parameters
    named in ``ignore_params``, its body torn off in the middle where ``torn``.
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
        """Whether the request is meant, whether or not it is its turn."""
        return (
            fnmatchcase(path, self.path)
            and (self.method is None or self.method.upper() == method)
            and (self.when_param is None or self.when_param in params)
        )

    def strikes(self) -> bool:
        """Count a matching request; return whether it is its turn."""
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.struck >= self.times):
            return False
        self.struck += 1
        return True


class Faults:
    """The faults in force, and the mishaps of webhooks: ``add``; ``drop``, ``double``, ``delay``, ``shuffle``."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.webhooks = WebhookFaults(seed)

    def add(self, path: str, **settings: Any) -> Fault:
        """Let requests to ``path`` go wrong; the settings are the fields of :class:`Fault`."""
        return self.put(Fault(path=path, **settings))

    def put(self, fault: Fault) -> Fault:
        """Put a fault in force."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def drop(self, event_type: str = "*", **settings: Any) -> WebhookFault:
        """Lose webhooks: they are never sent, until somebody asks for what is missing to be replayed."""
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
        """Return the fault that strikes this request, if any."""
        with self._lock:
            matching = (fault for fault in self._faults if fault.matches(method, path, params))
            return next((fault for fault in matching if fault.strikes()), None)

    def remove(self, fault: Fault | WebhookFault) -> None:
        """Take one back."""
        with self._lock:
            self._faults = [each for each in self._faults if each is not fault]
        self.webhooks.remove(fault)

    def clear(self) -> None:
        """Take all of them back."""
        with self._lock:
            self._faults.clear()
        self.webhooks.clear()

    def all(self) -> list[Fault | WebhookFault]:
        """Return what is in force."""
        with self._lock:
            return [*self._faults, *self.webhooks.all()]
