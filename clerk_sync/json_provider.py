"""Flask's JSON provider of our application: ``request.get_json()`` follows the one rule for JSON input.

The rule is in ``clerk/decoding``: broken text is replaced, and a value that cannot be read is infinity.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from flask.json.provider import DefaultJSONProvider

if TYPE_CHECKING:
    from clerk_sync.clerk.decoding import JsonDecoder


class JsonProvider(DefaultJSONProvider):
    """Reads JSON with our decoder, which it loads when it is first used: most commands read none."""

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Return the value of ``s``; raise ValueError if it is not JSON."""
        from clerk_sync.clerk.errors import NotJsonError

        try:
            return _decoder().decode(s.encode("utf-8", "surrogatepass") if isinstance(s, str) else s)
        except NotJsonError as error:
            raise ValueError(str(error)) from None


@cache
def _decoder() -> JsonDecoder[Any]:
    from clerk_sync.clerk.decoding import JsonDecoder

    return JsonDecoder(Any)
