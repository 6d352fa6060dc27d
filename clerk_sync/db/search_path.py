"""The search path of our sessions: the schemas whose tables our statements mean, and no others.

A direct connection sets it once. Behind a transaction pooler (PgBouncer) it is set in each transaction.
"""

from __future__ import annotations

from typing import LiteralString, NamedTuple


def quote_identifier(name: str) -> LiteralString:
    """Return ``name`` as a quoted identifier without a percent sign, which the driver would take for a parameter."""
    quoted = name.replace('"', '""')
    if "%" in quoted:
        escaped = quoted.replace("\\", "\\\\").replace("%", "\\0025")
        return f'U&"{escaped}"'
    return f'"{quoted}"'


class SearchPath(NamedTuple):
    """Schemas. The first one has the mirror's tables."""

    schemas: tuple[str, ...]

    @property
    def for_session(self) -> LiteralString:
        """The statement that sets it for a session."""
        return f"SET search_path = {', '.join(map(quote_identifier, self.schemas))}"

    @property
    def for_transaction(self) -> LiteralString:
        """The statement that sets it for a transaction."""
        return f"SET LOCAL search_path = {', '.join(map(quote_identifier, self.schemas))}"

    @property
    def mirror_only(self) -> SearchPath:
        """The path without the schemas of other tables than the mirror's."""
        return SearchPath(self.schemas[:1])
