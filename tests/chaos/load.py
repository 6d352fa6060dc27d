"""Faults of each message (lost, duplicated, late, reordered), and the rate of new messages."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Iterator
from itertools import takewhile

from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.webhooks.messages import Delivery, Message, State
from clerk_sync.emulator.webhooks.webhook_faults import FaultPlan, WebhookFault

MOST_MESSAGES_OF_ONE_ACT = 4
LOST, DOUBLED, TRIPLED, LATE = 0.03, 0.20, 0.05, 0.15
LONGEST_DELAY_S = 1.5
SHUFFLE_WINDOW = 30
SENT_AGAIN_LATER = 0.03
REMEMBERED = 1_000
HIGH_WATER, LOW_WATER = 400, 200
LOOK_AGAIN_S = 0.5


class LoadGenerator:
    """Makes random changes to users of ``clerk`` and decides the fate of each message; ``seed`` fixes both."""

    def __init__(self, clerk: LocalClerk, seed: int) -> None:
        self._clerk = clerk
        self._history = clerk.random_history(seed)
        self._random = random.Random(f"load {seed}")
        self._recent: deque[str] = deque(maxlen=REMEMBERED)
        self._last_id = ""
        self._unsettled: dict[str, Message] = {}
        self._settled = threading.Condition()
        self.messages = 0
        self.dropped = 0
        self.given_up = 0
        self.departed: set[str] = set()
        """Who was deleted at Clerk."""
        self.unlucky: set[str] = set()
        """Users with a message that was dropped, or refused until its last retry. Only sync can learn its content."""
        clerk.webhook_sender.watch(self._settle)

    def send(self, deliveries: int) -> Iterator[int]:
        """Send at least that many deliveries, without retries. Yield the number so far after each change."""
        sent = 0
        while sent < deliveries:
            sent += self._make_one_change()
            if self._recent and self._random.random() < SENT_AGAIN_LATER:
                self._clerk.webhook_sender.redeliver(self._random.choice(self._recent))
                sent += 1
            self._wait_for_low_water()
            yield sent

    def drain(self, timeout_s: float) -> None:
        """Wait until the last retry is sent."""
        self._clerk.webhook_sender.wait_idle(timeout_s)
        self._give_up()

    def _make_one_change(self) -> int:
        plans = [self._draw_plan() for _ in range(MOST_MESSAGES_OF_ONE_ACT)]
        faults = [fault for number, plan in enumerate(plans) for fault in self._apply_plan(plan, number)]
        for _ in self._history.acts(1):
            pass
        for fault in faults:
            self._clerk.faults.remove(fault)
        messages = self._new_messages()
        assert len(messages) <= len(plans), "every message of the act has had its plan"
        for message in messages:
            self._take_note(message)
        return sum(plan.copies for plan, _ in zip(plans, messages, strict=False))

    def _draw_plan(self) -> FaultPlan:
        chance = self._random.random
        if chance() < LOST:
            return FaultPlan(copies=0)
        copies = 1 + (chance() < DOUBLED) + (chance() < TRIPLED)
        delay_s = chance() * LONGEST_DELAY_S if chance() < LATE else 0.0
        return FaultPlan(copies, delay_s, 0 if delay_s else SHUFFLE_WINDOW)

    def _apply_plan(self, plan: FaultPlan, number: int) -> Iterator[WebhookFault]:
        """Apply ``plan`` to the message with this ``number`` only."""
        faults = self._clerk.faults
        only = {"after": number, "times": 1}
        if not plan.copies:
            yield faults.drop("*", **only)
        for _ in range(plan.copies - 1):
            yield faults.double("*", **only)
        if plan.delay_s:
            yield faults.delay(plan.delay_s, "*", **only)
        if plan.shuffle_window:
            yield faults.shuffle(plan.shuffle_window, "*", **only)

    def _new_messages(self) -> list[Message]:
        messages = self._clerk.webhook_sender.messages
        new = [messages[svix_id] for svix_id in takewhile(lambda id_: id_ != self._last_id, reversed(messages))]
        self._last_id = new[0].svix_id if new else self._last_id
        return new[::-1]

    def _take_note(self, message: Message) -> None:
        self.messages += 1
        if message.type == "user.deleted":
            self.departed.add(_user_of(message))
        if message.state is State.MISSING:
            self.dropped += 1
            self.unlucky.add(_user_of(message))
            return
        self._recent.append(message.svix_id)
        with self._settled:
            if message.state is not State.DELIVERED:
                self._unsettled[message.svix_id] = message

    def _settle(self, delivery: Delivery) -> None:
        if not delivery.succeeded:
            return
        with self._settled:
            self._unsettled.pop(delivery.svix_id, None)
            if len(self._unsettled) < LOW_WATER:
                self._settled.notify_all()

    def _wait_for_low_water(self) -> None:
        if len(self._unsettled) < HIGH_WATER:
            return
        with self._settled:
            while not self._settled.wait_for(lambda: len(self._unsettled) < LOW_WATER, LOOK_AGAIN_S):
                self._give_up()

    def _give_up(self) -> None:
        with self._settled:
            for message in [each for each in self._unsettled.values() if each.state is State.FAILED]:
                self.given_up += 1
                self.unlucky.add(_user_of(message))
                del self._unsettled[message.svix_id]


def _user_of(message: Message) -> str:
    return str(message.payload["data"]["id"])
