"""What processes cost, and whether the machine was ours: CPU time, memory, and the share that others took.

Linux only: the peak of a process's memory stands in /proc.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # comes with the embedded PostgreSQL, without types

MIB = 1024 * 1024
MOST_OTHERS = 0.08
MOST_STOLEN = 0.06


@dataclass
class Disturbance:
    """Which share of all cores went to other programs, and to other machines on the same host."""

    others: float = 0.0
    stolen: float = 0.0

    @property
    def is_large(self) -> bool:
        """Whether the figures beside it say less about the program than about its neighbours."""
        return self.others > MOST_OTHERS or self.stolen > MOST_STOLEN

    def __str__(self) -> str:
        stolen = f", {self.stolen:.0%} stolen" if self.stolen > MOST_STOLEN else ""
        return f"disturbed ({self.others:.0%} others{stolen})" if self.is_large else ""


def cpu_s(root: int) -> float:
    """Return the CPU seconds of a process and all its descendants, those included that it has outlived."""
    return sum(_cpu_s(process) for process in _family(root))


def ended_children_cpu_s() -> float:
    """Return the CPU seconds of this process's children that have ended."""
    return sum(os.times()[2:4])


def proportional_mib(root: int) -> float:
    """Return the memory of a process and its descendants; pages that they share count once."""
    return float(sum(process.memory_full_info().pss for process in _family(root))) / MIB


def find_peak_mib(pid: int) -> float | None:
    """Return the most memory that a process has held so far, or None where it is gone."""
    with suppress(OSError):
        match = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return int(match[1]) / 1024 if match else None
    return None


@contextmanager
def watch(*ours: int) -> Iterator[Disturbance]:
    """Fill in, at the end of the block, what others took meanwhile.

    ``ours`` are the processes that belong to the measurement; this process and its children do anyway.
    """
    found = Disturbance()
    before, ours_before = psutil.cpu_times(), sum(map(cpu_s, ours)) + sum(os.times()[:4])
    yield found
    after, ours_after = psutil.cpu_times(), sum(map(cpu_s, ours)) + sum(os.times()[:4])
    spent = {name: getattr(after, name) - getattr(before, name) for name in after._fields if "guest" not in name}
    capacity_s = max(sum(spent.values()), 0.01)
    busy_s = spent["user"] + spent["nice"] + spent["system"]
    found.others = max(0.0, busy_s - (ours_after - ours_before)) / capacity_s
    found.stolen = spent.get("steal", 0.0) / capacity_s


@dataclass(frozen=True)
class Floor:
    """How often a second something can be done, and whether the machine was ours when that was counted."""

    per_s: float
    disturbance: Disturbance


def watched(count_per_s: Callable[[], float], *ours: int) -> Floor:
    """Return what ``count_per_s`` counts; ``ours`` as for ``watch``."""
    with watch(*ours) as disturbance:
        per_s = count_per_s()
    return Floor(per_s, disturbance)


def describe() -> str:
    """Return what the figures were measured on."""
    model = "unknown processor"
    with suppress(OSError):
        match = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        model = match[1] if match else platform.machine()
    return f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}"


def _family(root: int) -> Iterator[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(root)
        yield from (process, *process.children(recursive=True))


def _cpu_s(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        return float(sum(process.cpu_times()[:4]))  # user, system, and both of children who have been waited for
    return 0.0
