"""Flask's JSON provider of our application: ``request.get_json()`` follows the one rule for JSON input.

The rule is in ``clerk/decoding``: broken text is replaced, and a value that cannot be read is infinity.
"""

from __future__ import annotations

from typing import Any

from flask.json.provider import DefaultJSONProvider

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import NotJsonError

_anything = JsonDecoder(Any)


class JsonProvider(DefaultJSONProvider):
    """Reads JSON with our decoder. Set it as ``app.json``."""

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Return the value of ``s``; raise ValueError if it is not JSON."""
        try:
            return _anything.decode(s.encode("utf-8", "surrogatepass") if isinstance(s, str) else s)
        except NotJsonError as error:
            raise ValueError(str(error)) from None
