"""Logs: one line per unit of work, ids and outcomes only, JSON in production. ``log_writer`` writes them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from time import strftime

import msgspec

from clerk_sync.config import LogFormat, Settings
from clerk_sync.log_writer import LogWriter

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

log = logging.getLogger("clerk_sync")

stderr = LogWriter()
"""Where every line of this process goes."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(settings: Settings) -> None:
    """Send every log line of the process to stderr, in the form and from the level that ``settings`` ask for."""
    handler = _Handler()
    handler.setFormatter(_formatter(settings.log_format))
    handler.addFilter(_add_request_id)
    log.handlers = [handler]
    log.setLevel(settings.log_level)
    log.propagate = settings.environment == "test"


class _Handler(logging.Handler):
    """Hands records to the writer."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            stderr.write(f"{self.format(record)}\n".encode(errors="backslashreplace"))
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - logging's own name and signature
        """Count the line; ``logging`` would write a traceback to a stderr that may block."""
        stderr.count_lost(1)


def _add_request_id(record: logging.LogRecord) -> bool:
    current = request_id.get()
    if current is not None:
        record.request_id = current
    return True


def _formatter(log_format: LogFormat) -> logging.Formatter:
    if log_format is LogFormat.CONSOLE:
        return _ConsoleFormatter("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    from pythonjsonlogger.msgspec import MsgspecFormatter

    return MsgspecFormatter(
        "%(message)s%(levelname)s%(name)s",
        rename_fields={"levelname": "level", "message": "event", "name": "logger"},
        timestamp=True,
    )


class _ConsoleFormatter(logging.Formatter):
    """A line for people: the event, then what belongs to it as name=value."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        extras = (f"{name}={value}" for name, value in vars(record).items() if name not in _STANDARD)
        return " ".join([super().formatMessage(record), *extras])


class AccessLog:
    """The line of each request. It does not pass ``logging``, which would take a fifth of a short request for it."""

    def __init__(self, settings: Settings) -> None:
        self._encode: Callable[[dict[str, object]], bytes]
        self._encode = msgspec.json.encode if settings.log_format is LogFormat.JSON else _console_line
        self._is_on = log.isEnabledFor(logging.INFO)

    def write(self, facts: Mapping[str, object]) -> None:
        """Write one line; one that cannot be encoded is lost, as one that cannot be written."""
        if not self._is_on:
            return
        line = {"event": "request", "level": "INFO", "timestamp": datetime.now(UTC), **facts}
        try:
            encoded = self._encode(line)
        except (TypeError, ValueError):
            stderr.count_lost(1)
        else:
            stderr.write(encoded + b"\n")


def _console_line(line: dict[str, object]) -> bytes:
    facts = " ".join(f"{name}={value}" for name, value in line.items() if name not in ("event", "level", "timestamp"))
    return f"{strftime('%H:%M:%S')} INFO    request {facts}".encode()
