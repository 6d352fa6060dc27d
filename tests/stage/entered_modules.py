"""Records which modules of the package a call enters, in the order of its calls."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tests.conftest import PACKAGE

# Middleware of every request, and modules that only return objects.
AROUND = ("telemetry", "web/middleware", "web/metrics", "services", "extensions", "app")


class EnteredModules:
    """The entries into modules: calls from one module to another.

    Returns, properties, and repeated calls from one module with no other module in between are not counted.
    """

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.by_thread: dict[str, list[str]] = {}
        self._last: dict[int, tuple[str | None, str]] = {}

    def note(self, from_module: str | None, name: str) -> None:
        """Note a call from one module to another in this thread."""
        thread = threading.current_thread()
        if self._last.get(thread.native_id or 0) == (from_module, name):
            return
        self._last[thread.native_id or 0] = (from_module, name)
        self.entries.append(name)
        self.by_thread.setdefault(thread.name, []).append(name)


def counts_of(entries: Sequence[str]) -> Counter[str]:
    """Return how often each module was entered, without the modules that surround every request."""
    return Counter(name for name in entries if not name.startswith(AROUND))


@contextmanager
def recorded() -> Iterator[EnteredModules]:
    """Record the entries of this thread and of threads that it starts in the block."""
    found = EnteredModules()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or (name := _module_of(frame)) is None or _is_property(frame):
            return
        caller = frame.f_back
        while caller is not None and _module_of(caller) is None:
            caller = caller.f_back
        from_module = None if caller is None else _module_of(caller)
        if from_module != name:
            found.note(from_module, name)

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield found
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _module_of(frame: FrameType) -> str | None:
    """Return the module of a frame, such as ``web/auth``; None if it is foreign or made by the import system."""
    path = frame.f_code.co_filename
    if not path.startswith(f"{PACKAGE}/") or frame.f_code.co_name == "<module>":
        return None
    return path.removeprefix(f"{PACKAGE}/").removesuffix(".py").removesuffix("/__init__")


def _is_property(frame: FrameType) -> bool:
    owner = type(frame.f_locals.get("self"))
    return isinstance(getattr(owner, frame.f_code.co_name, None), property)
