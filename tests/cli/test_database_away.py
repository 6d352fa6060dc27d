"""A database that does not answer: its fault in words, and the mend. The driver's text, which quotes, never shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["shop", "load-products"], 1),
        (["sync-clerk", "replay"], 1),
        (["sync-clerk", "prune", "--older-than", "1d"], 1),
        (["sync-clerk", "check"], 2),
        (["sync-clerk", "sync", "--dry-run"], 1),
    ],
)
def test_a_refused_connection_is_said_in_words(
    make_app: Callable[..., Flask], arguments: list[str], exit_code: int
) -> None:
    app = make_app(
        database_url="postgresql://u:CANARY@127.0.0.1:1/none", api_url="http://127.0.0.1:1", secret_key="sk_test_x"
    )
    done = app.test_cli_runner().invoke(args=arguments)
    assert done.exit_code == exit_code
    assert "the connection is refused: nobody listens there" in done.stderr
    assert "DATABASE_URL" in done.stderr
    assert not {"CANARY", "127.0.0.1", "OperationalError"} & set(done.output.replace(":", " ").split())
