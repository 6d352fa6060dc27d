"""Delivers webhooks as Svix does: at least once, in any order, with retries until the endpoint answers 2xx."""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from clerk_sync.emulator.clock import wall_clock_ms
from clerk_sync.emulator.identity import Ids
from clerk_sync.emulator.webhooks.delay_queue import DelayQueue
from clerk_sync.emulator.webhooks.example_events import Event
from clerk_sync.emulator.webhooks.http_post import Answer, HttpPost
from clerk_sync.emulator.webhooks.messages import Delivery, Message, State, envelope
from clerk_sync.emulator.webhooks.schedule import Schedule, parse_retry_after
from clerk_sync.emulator.webhooks.webhook_faults import WebhookFaults


class SendJob(NamedTuple):
    """One message to send; a manual resend that fails is not retried."""

    message: Message
    retried: bool = True


class WebhookSender:
    """Signs events and sends them to the endpoint from background threads."""

    def __init__(
        self,
        *,
        instance_id: str,
        http_post: HttpPost,
        webhook_faults: WebhookFaults,
        ids: Ids,
        schedule: Schedule,
        urls: Sequence[str],
        event_types: Sequence[str],
        attributes: Callable[[], dict[str, Any]],
        senders: int,
        history: int,
    ) -> None:
        self._instance_id = instance_id
        self._http_post = http_post
        self._webhook_faults = webhook_faults
        self._ids = ids
        self._attributes = attributes
        self._history = history
        self._lock = threading.Lock()
        self._held: list[Message] = []
        self._muted = 0
        self._url_counter = itertools.count()
        self._deliveries: deque[Delivery] = deque(maxlen=history)
        self._watchers: list[Callable[[Delivery], object]] = []
        self.messages: OrderedDict[str, Message] = OrderedDict()
        self.schedule = schedule
        self.urls = list(urls)
        self.event_types = list(event_types)
        self.disabled = False
        self._queue: DelayQueue[SendJob] = DelayQueue(self._attempt, senders)

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt so far, in the order in which they ended."""
        return list(self._deliveries)

    def watch(self, notify: Callable[[Delivery], object]) -> None:
        """Call ``notify`` after every attempt from now on, from the thread that made it."""
        self._watchers.append(notify)

    def emit(self, event_type: str, data: object, at_ms: int | None = None) -> Message | None:
        """Send an event, if the endpoint is subscribed to its type; return the message, or None if it is not."""
        if self._muted or not any(fnmatchcase(event_type, pattern) for pattern in self.event_types):
            return None
        return self.send(event_type, data, at_ms)

    def send(self, event_type: str, data: object, at_ms: int | None = None) -> Message:
        """Send an event of any type, subscribed to or not."""
        return self.send_body(event_type, self._envelope(event_type, data, at_ms))

    def deliver_now(self, event: Event, copies: int = 1) -> list[Delivery]:
        """Deliver ``copies`` of an event under one id in this thread, without retries or faults."""
        message = self._message(event.type, self._envelope(event.type, event.data, event.at_ms))
        for _ in range(copies):
            self._deliver(message)
        return [each for each in self.deliveries if each.svix_id == message.svix_id]

    def send_body(self, event_type: str, body: bytes) -> Message:
        """Sign and send exactly these bytes."""
        message = self._message(event_type, body)
        plan = self._webhook_faults.plan_for(event_type)
        if not self.urls or self.disabled or not plan.copies:
            message.state = State.MISSING
        elif plan.shuffle_window:
            self._hold([message] * plan.copies, plan.shuffle_window)
        else:
            self._queue.put([SendJob(message)] * plan.copies, plan.delay_s)
        return message

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Send no events for changes inside the block."""
        with self._lock:
            self._muted += 1
        try:
            yield
        finally:
            with self._lock:
                self._muted -= 1

    @property
    def paused(self) -> bool:
        """Whether events are held."""
        return self._queue.paused

    def pause(self) -> None:
        """Hold events from now on."""
        self._queue.pause()

    def resume(self) -> None:
        """Send the held events, and continue."""
        self._queue.resume()

    def release(self) -> None:
        """Send the messages collected for shuffling, even if the window is not full."""
        self._hold([], 0)

    def redeliver(self, svix_id: str) -> Message:
        """Send a message once more: same id, same body, new timestamp and signature."""
        message = self.messages[svix_id]
        self._send_again([message])
        return message

    def replay_failed(self) -> int:
        """Send all messages that failed; return how many."""
        return self._send_again([each for each in list(self.messages.values()) if each.state is State.FAILED])

    def replay_missing(self) -> int:
        """Send all messages that were never attempted; return how many."""
        return self._send_again([each for each in list(self.messages.values()) if each.state is State.MISSING])

    def wait_idle(self, timeout_s: float = 10.0) -> None:
        """Wait until nothing is queued or in flight; raise TimeoutError with what is left.

        While paused, wait only for deliveries in flight.
        """
        self.release()
        self._queue.wait_idle(timeout_s)

    def stop(self) -> None:
        """Stop sending. Queued messages are not sent."""
        self._queue.stop()
        self._http_post.close()
        self._queue.join(timeout_s=2)

    def adopt(self, messages: Iterable[Message]) -> None:
        """Continue with the messages of an earlier run; unfinished ones are sent again."""
        for message in messages:
            self._remember(message)
            if message.state is State.WAITING:
                self._queue.put([SendJob(message)])

    def _envelope(self, event_type: str, data: object, at_ms: int | None) -> bytes:
        at_ms = wall_clock_ms() if at_ms is None else at_ms
        return envelope(event_type, data, instance_id=self._instance_id, at_ms=at_ms, attributes=self._attributes())

    def _message(self, event_type: str, body: bytes) -> Message:
        now_ms = wall_clock_ms()
        message = Message(self._ids.new("msg", now_ms), event_type, body, now_ms)
        self._remember(message)
        return message

    def _remember(self, message: Message) -> None:
        with self._lock:
            self.messages[message.svix_id] = message
            if len(self.messages) > self._history:
                self.messages.popitem(last=False)

    def _hold(self, messages: list[Message], window: int) -> None:
        """Collect messages until there are ``window`` of them, then let all go in random order."""
        with self._lock:
            self._held.extend(messages)
            if len(self._held) < window:
                return
            held, self._held = self._held, []
        self._webhook_faults.random.shuffle(held)
        self._queue.put(map(SendJob, held))

    def _send_again(self, messages: list[Message]) -> int:
        for message in messages:
            message.state = State.WAITING
        self._queue.put(SendJob(message, retried=False) for message in messages)
        return len(messages)

    def _attempt(self, job: SendJob) -> float | None:
        """Make one attempt; return the delay before the next one, or None."""
        answer = self._deliver(job.message)
        return None if answer.succeeded else self._delay_after_failure(job, answer)

    def _deliver(self, message: Message) -> Answer:
        message.attempts += 1
        url = self.urls[next(self._url_counter) % len(self.urls)]
        answer = self._http_post.post(url, message.svix_id, message.body)
        message.state = State.DELIVERED if answer.succeeded else State.FAILED
        delivery = Delivery(
            svix_id=message.svix_id,
            type=message.type,
            attempt=message.attempts,
            url=url,
            status=answer.status,
            error=answer.error,
            sent_at_ms=answer.sent_at_ms,
            took_ms=answer.took_ms,
            answer=answer.text,
            body=message.body,
        )
        self._deliveries.append(delivery)
        for notify in self._watchers:
            notify(delivery)
        return answer

    def _delay_after_failure(self, job: SendJob, answer: Answer) -> float | None:
        if answer.control == "disable":
            self.disabled = True
        delay_s = self.schedule.next_delay_s(
            job.message.attempts,
            chance=self._webhook_faults.random.random(),
            overloaded=answer.status == 429 or answer.timed_out,
            retry_after_s=parse_retry_after(answer.retry_after, time.time()),
        )
        if delay_s is None or not job.retried or self.disabled or answer.control == "abort-message":
            return None
        job.message.state = State.WAITING
        return delay_s
