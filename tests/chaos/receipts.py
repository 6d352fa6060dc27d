"""The responses that the sender got: all are counted, and the ids with 2xx are written to disk."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from clerk_sync.emulator.webhooks.messages import Delivery


class Receipts:
    """Counts the responses to deliveries; pass :meth:`keep` to the webhook sender."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.statuses: Counter[int | None] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.slowest_ms = 0.0
        self._file = path.open("w")
        self._lock = threading.Lock()

    @property
    def attempts(self) -> int:
        """The number of attempts, including retries."""
        return self.statuses.total()

    def keep(self, delivery: Delivery) -> None:
        """Count one attempt. If the response is 2xx, write the id to disk."""
        with self._lock:
            self.statuses[delivery.status] += 1
            self.slowest_ms = max(self.slowest_ms, delivery.took_ms)
            if not delivery.succeeded:
                return
            self._file.write(f"{delivery.svix_id}\n")
            with suppress(ValueError, KeyError, TypeError):
                self.outcomes[json.loads(delivery.answer)["outcome"]] += 1

    def close(self) -> None:
        """Close the file, so that it can be read."""
        self._file.close()
