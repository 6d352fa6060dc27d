"""Faults in the delivery of webhooks: dropped, duplicated, late, out of order."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from msgspec import Meta, Struct

Natural = Annotated[int, Meta(ge=0)]
Times = Annotated[int, Meta(ge=1)] | None
Seconds = Annotated[float, Meta(ge=0, le=86_400)]  # threads cannot wait for centuries


class WebhookFault(Struct, kw_only=True, forbid_unknown_fields=True, eq=False):
    """A fault for messages of ``event_type`` (``user.*`` matches all events of users).

    It skips the first ``after`` messages, then applies ``times`` times (None: always), each with ``probability``.
    """

    kind: Literal["drop", "double", "delay", "shuffle"]
    event_type: str = "*"
    after: Natural = 0
    times: Times = 1
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    delay_s: Seconds = 0.0
    window: Natural = 0
    seen: int = 0
    struck: int = 0

    def is_due_for(self, event_type: str) -> bool:
        """Whether the fault is due for a message of this type; counts the message."""
        if not fnmatchcase(event_type, self.event_type):
            return False
        self.seen += 1
        return self.seen > self.after and (self.times is None or self.struck < self.times)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """How to send one message: number of copies, delay, and the window for shuffling (0: none)."""

    copies: int = 1
    delay_s: float = 0.0
    shuffle_window: int = 0


class WebhookFaults:
    """The active webhook faults. The same seed makes the same choices."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - must be reproducible
        self._lock = threading.Lock()
        self._faults: list[WebhookFault] = []

    def put(self, fault: WebhookFault) -> WebhookFault:
        """Activate a fault."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: object) -> None:
        """Remove one fault."""
        with self._lock:
            self._faults = [each for each in self._faults if each is not fault]

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def all(self) -> list[WebhookFault]:
        """Return all active faults."""
        with self._lock:
            return list(self._faults)

    def plan_for(self, event_type: str) -> FaultPlan:
        """Return how to send the next message of this type."""
        with self._lock:
            struck = [fault for fault in self._faults if self._applies(fault, event_type)]
        if any(fault.kind == "drop" for fault in struck):
            return FaultPlan(copies=0)
        return FaultPlan(
            copies=1 + sum(fault.kind == "double" for fault in struck),
            delay_s=sum(fault.delay_s for fault in struck),
            shuffle_window=max((fault.window for fault in struck), default=0),
        )

    def _applies(self, fault: WebhookFault, event_type: str) -> bool:
        if not fault.is_due_for(event_type) or self.random.random() >= fault.probability:
            return False
        fault.struck += 1
        return True
