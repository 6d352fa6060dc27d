"""URL converters. A path that matches no converter is answered 404 before any view runs.

Only the patterns refuse values. If ``to_python`` refused, werkzeug would answer 405 for all methods but the first.
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
    """A row's id. Eighteen digits always fit into a bigint."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        """Return the number."""
        return int(value)


class TextConverter(BaseConverter):
    """Text without NUL, which PostgreSQL refuses in a parameter."""

    regex = r"[^/\x00]+"
    part_isolating = True


class ForeignIdConverter(BaseConverter):
    """An id that the sender chose, with any characters: the id of a delivery.

    Percent-encoding is not safe in a path: servers decode ``%2F`` before they split at slashes, and browsers resolve
    ``%2E%2E``. So an id with characters besides letters, digits, ``-`` and ``_`` becomes ``~`` and its base64url form.
    """

    regex = r"[^\x00]+"
    part_isolating = False

    def to_python(self, value: str) -> str:
        """Return the id in a path."""
        text = value.rstrip("/")
        if not text.startswith(_ENCODED):
            return text
        encoded = text.removeprefix(_ENCODED)
        try:
            found = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
        except ValueError:
            return text
        # PostgreSQL would refuse the NUL in the decoded id.
        return text if "\0" in found else found

    def to_url(self, value: Any) -> str:
        """Return the id as it is written in a path."""
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
    """Add the converters to ``app``. ``<name>`` without a converter is ``TextConverter``."""
    app.url_map.converters.update(CONVERTERS)
