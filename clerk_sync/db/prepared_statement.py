"""SQL that a connection parses and plans once. Commands import this without SQLAlchemy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString


class PreparedStatement:
    """A statement that is prepared on each direct connection at its first use."""

    def __init__(
        self,
        name: LiteralString,
        text: LiteralString,
        parameters: Sequence[LiteralString],
        *,
        preamble: LiteralString = "",
    ) -> None:
        """``text`` has each of ``parameters`` as %(parameter)s, and no other percent sign.

        ``preamble`` is sent before each execution. It sets options of the transaction.
        """
        numbered = {parameter: f"${number}" for number, parameter in enumerate(parameters, start=1)}
        values = ", ".join(f"%({parameter})s" for parameter in parameters)
        before: LiteralString = f"{preamble}; " if preamble else ""
        self.name = name
        self.text: LiteralString = before + text
        self.prepare: LiteralString = f"PREPARE {name} AS {text % numbered}"
        self.execute: LiteralString = f"{before}EXECUTE {name}({values})"


Statement = LiteralString | PreparedStatement


def text_of(statement: Statement) -> LiteralString:
    """Return the SQL of ``statement``, for a connection on which nothing is prepared."""
    return statement.text if isinstance(statement, PreparedStatement) else statement
