"""Where a server's workers put what they count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from clerk_sync import metrics

NO_PROCESS = 2**22 + 1  # beyond the highest process id of Linux
STARTING = 8


def test_processes_that_start_at_once_do_not_trip_over_what_others_left(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"clerk_sync-metrics-{NO_PROCESS + number}").mkdir()
    together = Barrier(STARTING)

    def clean_up(_: int) -> None:
        together.wait(10)
        metrics._remove_left_overs(tmp_path)

    with ThreadPoolExecutor(STARTING) as processes:
        list(processes.map(clean_up, range(STARTING)))
    assert list(tmp_path.iterdir()) == []
