"""CPU time and memory of a process, and the load of other programs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from bench import machine

BUSY = "import time; end = time.monotonic() + 10\nwhile time.monotonic() < end: pass"


@pytest.fixture
def busy() -> Iterator[int]:
    """A process that keeps a core busy."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        yield process.pid
        process.kill()


def test_a_busy_foreign_process_disturbs_and_one_of_ours_does_not(busy: int) -> None:
    with machine.watch() as as_foreign, machine.watch(busy) as as_ours:
        time.sleep(0.5)

    assert as_foreign.is_large
    assert str(as_foreign).startswith("disturbed (")
    assert as_ours.others < as_foreign.others - 0.05


def test_the_cpu_time_of_a_process_grows_while_it_works(busy: int) -> None:
    before_s = machine.cpu_s(busy)
    deadline = time.monotonic() + 10
    while machine.cpu_s(busy) <= before_s:
        assert time.monotonic() < deadline, "a busy process has used no CPU time"
        time.sleep(0.01)


def test_memory_is_that_of_the_process_and_none_if_it_ended(busy: int) -> None:
    assert machine.proportional_mib(busy) > 1
    assert (machine.find_peak_mib(busy) or 0.0) > 1
    assert machine.find_peak_mib(2**22 + 1) is None
    assert machine.cpu_s(2**22 + 1) == 0.0
