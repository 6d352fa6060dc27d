"""``python -m tests.chaos``: run a storm, print its result, and exit with 0 only if everything is right."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.chaos.receipts import Receipts
from tests.chaos.report import lines_of
from tests.chaos.storm import run_storm
from tests.stage.migrations import migrate
from tests.stage.postgres import PostgresServer

SHOW_EVERY_S = 1.0
INTERRUPTED = 130


def main() -> int:
    """Run a storm with the options of the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="storm", description="Storm the mirror, then hold it against Clerk.")
    parser.add_argument("--deliveries", type=int, default=20_000, help="how many, not counting retries [%(default)s]")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same storm [%(default)s]")
    chosen = parser.parse_args()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="clerk_sync_storm_") as directory,
            closing(PostgresServer(waits_for_disk=True)) as postgres,
        ):
            result = run_storm(
                postgres,
                migrate(postgres.create_database("storm")),
                deliveries=chosen.deliveries,
                seed=chosen.seed,
                directory=Path(directory),
                progress=_Progress(chosen.deliveries),
            )
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; everything that was started has been stopped\n")
        return INTERRUPTED
    sys.stdout.write("\n".join(lines_of(result)) + "\n")
    return 0 if result.is_right else 1


class _Progress:
    """Progress on stderr, one line a second. On a terminal the line is rewritten."""

    def __init__(self, deliveries: int) -> None:
        self._deliveries = deliveries
        self._started_at = self._shown_at = time.monotonic()
        self._ending = "\r" if sys.stderr.isatty() else "\n"
        self._every_s = SHOW_EVERY_S if sys.stderr.isatty() else 10 * SHOW_EVERY_S

    def __call__(self, sent: int, receipts: Receipts, faults: list[str]) -> None:
        now = time.monotonic()
        if now - self._shown_at < self._every_s:
            return
        self._shown_at = now
        rate = receipts.attempts / (now - self._started_at)
        fault = f", {len(faults)} faults, last: {faults[-1]}" if faults else ""
        line = f"{sent} of {self._deliveries} deliveries, {rate:.0f} answers a second{fault}"
        sys.stderr.write(f"{line:<110}{self._ending}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
