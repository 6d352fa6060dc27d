"""Settings that differ in some values from others."""

from __future__ import annotations

import copy
from typing import Any

from clerk_sync.settings.settings import Settings


def changed(settings: Settings, **changes: Any) -> Settings:
    """Return a copy of ``settings`` with other attributes. They are not checked, so tests may make odd combinations."""
    copied = copy.copy(settings)
    assert changes.keys() <= vars(copied).keys()
    vars(copied).update(changes)
    return copied
