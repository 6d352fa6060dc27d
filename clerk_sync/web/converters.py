"""URL converters. A path that fits no converter does not exist: 404, before any view or database.

The patterns decide alone: if ``to_python`` refuses, werkzeug answers 405 for all methods but the first.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from flask import Flask
from werkzeug.routing import BaseConverter

_PLAIN = re.compile("[A-Za-z0-9_-]+")
_ENCODED = "~"


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


class ForeignIdConverter(BaseConverter):
    """An id that somebody else chose, with any characters: that of a delivery.

    No quoting carries every text through a path: servers decode ``%2F`` before they look for slashes, and browsers
    resolve ``%2E%2E``. A link therefore writes an id that has other characters than letters, digits, ``-`` and ``_``
    as ``~`` and its base64url form. Text without the ``~`` is the id itself.
    """

    regex = r"[^\x00]+"
    part_isolating = False

    def to_python(self, value: str) -> str:
        """Return the id that a path names."""
        text = value.rstrip("/")
        if not text.startswith(_ENCODED):
            return text
        encoded = text.removeprefix(_ENCODED)
        try:
            found = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
        except ValueError:
            return text
        # PostgreSQL cannot be asked about NUL in this form either.
        return text if "\0" in found else found

    def to_url(self, value: Any) -> str:
        """Return what names the id in a path."""
        text = str(value)
        if _PLAIN.fullmatch(text):
            return text
        return _ENCODED + base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


CONVERTERS: dict[str, type[BaseConverter]] = {
    "default": TextConverter,
    "id": IdConverter,
    "foreign_id": ForeignIdConverter,
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "default": {"type": "string", "pattern": r"^[^/\x00]+$"},
    "id": {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
}


def install(app: Flask) -> None:
    """Make ``<name>`` and ``<id:name>`` in ``app``'s routes mean the converters above."""
    app.url_map.converters.update(CONVERTERS)
