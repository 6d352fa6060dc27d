"""CPU time and memory of processes, and the share of the machine that other programs used.

Linux only: the peak memory of a process is read from /proc.
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
    """The share of all cores that other programs used, and the share that the host stole."""

    others: float = 0.0
    stolen: float = 0.0

    @property
    def is_large(self) -> bool:
        """True if other programs distort the figures too much."""
        return self.others > MOST_OTHERS or self.stolen > MOST_STOLEN

    def __str__(self) -> str:
        stolen = f", {self.stolen:.0%} stolen" if self.stolen > MOST_STOLEN else ""
        return f"disturbed ({self.others:.0%} others{stolen})" if self.is_large else ""


def cpu_s(root: int) -> float:
    """Return the CPU seconds of a process and all its descendants, including those that ended."""
    return sum(_cpu_s(process) for process in _family(root))


def ended_children_cpu_s() -> float:
    """Return the CPU seconds of this process's children that have ended."""
    return sum(os.times()[2:4])


def proportional_mib(root: int) -> float:
    """Return the memory of a process and its descendants. Shared pages count once."""
    return float(sum(process.memory_full_info().pss for process in _family(root))) / MIB


def find_peak_mib(pid: int) -> float | None:
    """Return the peak memory of a process so far, or None if it ended."""
    with suppress(OSError):
        match = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return int(match[1]) / 1024 if match else None
    return None


@contextmanager
def watch(*ours: int) -> Iterator[Disturbance]:
    """Yield a Disturbance. At the end of the block it holds what other programs used meanwhile.

    ``ours`` are processes of the measurement. This process and its children are always counted as ours.
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
    """A lower bound as a rate per second, and the disturbance while it was measured."""

    per_s: float
    disturbance: Disturbance


def watched(count_per_s: Callable[[], float], *ours: int) -> Floor:
    """Call ``count_per_s`` and watch the machine meanwhile; ``ours`` as for ``watch``."""
    with watch(*ours) as disturbance:
        per_s = count_per_s()
    return Floor(per_s, disturbance)


def describe() -> str:
    """Return the cores, processor and Python version of this machine."""
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
        return float(sum(process.cpu_times()[:4]))  # user and system, of the process and of its ended children
    return 0.0
