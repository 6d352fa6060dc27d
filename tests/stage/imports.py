"""Watch which modules threads import first, and slow down imports to expose races."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# Python runs this module when a process starts that has its folder in PYTHONPATH.
_WATCH = """
import sys, threading, time

RECORD, DELAYS = {record!r}, {delays!r}

class Watch:
    def find_spec(self, name, path=None, target=None):
        time.sleep(DELAYS.get(name, 0))
        if threading.current_thread() is not threading.main_thread():
            with open(RECORD, "a") as record:
                record.write(name + "\\n")

sys.meta_path.insert(0, Watch())
"""


class ImportWatch:
    """Watches the imports of every process with ``environment``."""

    def __init__(self, folder: Path, delays_s: Mapping[str, float] | None = None) -> None:
        self._record = folder / "imports.txt"
        hook = folder / "import_watch"
        hook.mkdir()
        (hook / "sitecustomize.py").write_text(_WATCH.format(record=str(self._record), delays=dict(delays_s or {})))
        self.environment = {"PYTHONPATH": str(hook)}

    def of_threads(self) -> set[str]:
        """Return the modules that threads imported first.

        Codecs are left out: Python imports them on first use, and their imports cannot deadlock.
        """
        names = set(self._record.read_text().split()) if self._record.exists() else set()
        return {name for name in names if not name.startswith("encodings.") and name != "stringprep"}
