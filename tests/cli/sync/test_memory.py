"""A long run gives back what it does not need any more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clerk_sync.cli.sync import memory
from clerk_sync.cli.sync.memory import GIVE_BACK_AFTER, tidily

# A hundred kilobytes are allocated between others, and what is used last keeps the heap from shrinking by itself.
GAPS = """
import os
from clerk_sync.cli.sync.memory import give_back

def resident_mib():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

kept = [bytes(100_000 if number % 2 else 1000) for number in range(1000)]
kept = kept[::2] + kept[-1:]
before = resident_mib()
give_back()
print(before - resident_mib())
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the kernel does not tell")
@pytest.mark.skipif("glibc" not in (os.confstr("CS_GNU_LIBC_VERSION") or ""), reason="another C library")
def test_what_lies_free_between_what_is_used_goes_back_to_the_system() -> None:
    ran = subprocess.run([sys.executable, "-c", GAPS], capture_output=True, text=True, check=True)
    assert float(ran.stdout) > 30


def test_memory_is_given_back_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    given_back: list[int] = []
    seen: list[int] = []
    monkeypatch.setattr(memory, "give_back", lambda: given_back.append(len(seen)))
    seen.extend(tidily(range(2 * GIVE_BACK_AFTER + 10)))
    assert given_back == [GIVE_BACK_AFTER, 2 * GIVE_BACK_AFTER]
    assert seen == [*range(2 * GIVE_BACK_AFTER + 10)]
