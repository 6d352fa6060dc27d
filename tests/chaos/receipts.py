"""What the sender was told: every answer counted, and every 2xx written down on disk, not in memory."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from clerk_sync.emulator.webhooks.messages import Delivery


class Receipts:
    """Counts the answers to deliveries; hand :meth:`keep` to the webhook_sender."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.statuses: Counter[int | None] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.slowest_ms = 0.0
        self._file = path.open("w")
        self._lock = threading.Lock()

    @property
    def attempts(self) -> int:
        """How many deliveries were tried, retries included."""
        return self.statuses.total()

    def keep(self, delivery: Delivery) -> None:
        """Count one attempt; where it was answered 2xx, write its id down."""
        with self._lock:
            self.statuses[delivery.status] += 1
            self.slowest_ms = max(self.slowest_ms, delivery.took_ms)
            if not delivery.succeeded:
                return
            self._file.write(f"{delivery.svix_id}\n")
            with suppress(ValueError, KeyError, TypeError):
                self.outcomes[json.loads(delivery.answer)["outcome"]] += 1

    def close(self) -> None:
        """Close the file; it can be read then."""
        self._file.close()
