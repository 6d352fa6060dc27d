"""Standard streams that may be closed, full or broken."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

STDERR = 2


def open_missing_descriptors() -> None:
    """Open descriptors 0, 1 and 2 on /dev/null if they are closed.

    Otherwise the next socket or file gets such a number, and what is meant for stderr is written into it.
    """
    for descriptor in (0, 1, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            os.dup2(opened, descriptor)
            if opened == descriptor:
                os.set_inheritable(descriptor, True)
            else:
                os.close(opened)


def say(text: str) -> None:
    """Write a line to stderr, if it can be written. What cannot be encoded becomes a question mark."""
    if sys.stderr is not None:
        with suppress(OSError):
            os.write(STDERR, f"{text}\n".encode(sys.stderr.encoding, "replace"))
