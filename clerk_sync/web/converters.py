"""What a path may hold. What fits no converter is a path that does not exist: 404, before any view or database.

The patterns decide alone: where ``to_python`` refuses, werkzeug answers 405 for all methods but the first.
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import BaseConverter


class IdConverter(BaseConverter):
    """A row's id. Eighteen digits always fit a bigint, and are more rows than there will be."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        """Return the number."""
        return int(value)


class TextConverter(BaseConverter):
    """Text without NUL, which PostgreSQL cannot even be asked about."""

    regex = r"[^/\x00]+"
    part_isolating = True


CONVERTERS: dict[str, type[BaseConverter]] = {"default": TextConverter, "id": IdConverter}
SCHEMAS: dict[str, dict[str, Any]] = {
    "default": {"type": "string", "pattern": r"^[^/\x00]+$"},
    "id": {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
}


def install(app: Flask) -> None:
    """Make ``<name>`` and ``<id:name>`` in ``app``'s routes mean the converters above."""
    app.url_map.converters.update(CONVERTERS)
