"""What becomes of a line that cannot be formatted or encoded: it is lost, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from clerk_sync.settings.settings import LogFormat, Settings
from clerk_sync.telemetry import logs

ODD = {
    "half an emoji": "\ud83d",
    "NUL": "\x00",
    "an object": object(),
    "half an emoji, nested": {"nested": "\udfff"},
    "bytes": b"\xff",
    "NaN": float("nan"),
    "a number of 401 digits": 10**400,
}


@pytest.fixture(params=LogFormat)
def settings(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings by which the process logs until the end of the test."""
    before = logs.log.handlers, logs.log.level, logs.log.propagate
    settings = Settings(log_format=request.param)
    logs.configure(settings)
    yield settings
    logs.log.handlers, logs.log.level, logs.log.propagate = before


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_no_value_in_the_line_of_a_request_raises(
    settings: Settings, value: object, capfd: pytest.CaptureFixture[str]
) -> None:
    access_log = logs.AccessLog(settings)
    access_log.write({"value": value})
    access_log.write({"value": "good"})
    written = capfd.readouterr().err
    assert "good" in written.splitlines()[-1]
    assert "Traceback" not in written


@pytest.mark.parametrize("arguments", [("%d", "word"), ("%s %s", "one"), ("\ud83d",), ("%s", "\udfff")], ids=ascii)
@pytest.mark.usefixtures("settings")
def test_no_record_raises_or_prints_a_traceback(arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    # Not through a logger: pytest gives it a handler that raises.
    handler = logs.log.handlers[0]
    for message, *values in (arguments, ("good",)):
        handler.handle(logging.makeLogRecord({"msg": message, "args": tuple(values), "levelname": "INFO"}))
    written = capfd.readouterr().err
    assert "good" in written.splitlines()[-1]
    assert "Traceback" not in written
