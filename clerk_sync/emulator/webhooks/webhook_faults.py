"""What happens to webhooks between Clerk and the endpoint: lost, doubled, late, out of order."""

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
    """One thing that happens to messages of ``event_type`` (``user.*`` means all of users).

    It spares the first ``after``, then strikes ``times`` times (None: for ever), each with ``probability``.
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

    def is_meant(self, event_type: str) -> bool:
        """Whether messages of this type are meant and it still strikes; counts those that are spared."""
        if not fnmatchcase(event_type, self.event_type):
            return False
        self.seen += 1
        return self.seen > self.after and (self.times is None or self.struck < self.times)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What becomes of one message: how many copies are sent, how late, and whether they are collected for shuffling."""

    copies: int = 1
    delay_s: float = 0.0
    shuffle_window: int = 0


class WebhookFaults:
    """The mishaps in force; the same seed makes the same choices."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - reproducible bad luck
        self._lock = threading.Lock()
        self._mishaps: list[WebhookFault] = []

    def put(self, mishap: WebhookFault) -> WebhookFault:
        """Put a mishap in force."""
        with self._lock:
            self._mishaps.append(mishap)
        return mishap

    def remove(self, mishap: object) -> None:
        """Take one back."""
        with self._lock:
            self._mishaps = [each for each in self._mishaps if each is not mishap]

    def clear(self) -> None:
        """Take all back."""
        with self._lock:
            self._mishaps.clear()

    def all(self) -> list[WebhookFault]:
        """Return those in force."""
        with self._lock:
            return list(self._mishaps)

    def fate_of(self, event_type: str) -> FaultPlan:
        """Decide what becomes of the next message of this type."""
        with self._lock:
            struck = [mishap for mishap in self._mishaps if self._strikes(mishap, event_type)]
        if any(mishap.kind == "drop" for mishap in struck):
            return FaultPlan(copies=0)
        return FaultPlan(
            copies=1 + sum(mishap.kind == "double" for mishap in struck),
            delay_s=sum(mishap.delay_s for mishap in struck),
            shuffle_window=max((mishap.window for mishap in struck), default=0),
        )

    def _strikes(self, mishap: WebhookFault, event_type: str) -> bool:
        if not mishap.is_meant(event_type) or self.random.random() >= mishap.probability:
            return False
        mishap.struck += 1
        return True
