"""Logs: one line per unit of work with ids and outcomes only, JSON in production. ``log_writer`` writes them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from time import strftime
from types import TracebackType

import msgspec

from clerk_sync.optional import require
from clerk_sync.settings.settings import LogFormat, Settings
from clerk_sync.telemetry.log_writer import LogWriter

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

log = logging.getLogger("clerk_sync")

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

stderr = LogWriter()
"""Writes every log line of this process."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_PLAIN_VALUE = re.compile(r"[!#-<>-\[\]-~]+")


def configure(settings: Settings) -> None:
    """Send every log line of the process to stderr, with the format and the level in ``settings``."""
    handler = _Handler()
    handler.setFormatter(_formatter(settings.log_format))
    handler.addFilter(_add_request_id)
    handler.addFilter(_replace_traceback)
    log.handlers = [handler]
    log.setLevel(settings.log_level)
    log.propagate = settings.environment == "test"


class _Handler(logging.Handler):
    """Passes records to the writer."""

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


def describe_exception(error: BaseException | None) -> str:
    """Return the class of ``error`` and where it was raised. Its message may quote a row, so it is left out."""
    place = error.__traceback__ if error else None
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else "nowhere"
    return f"{type(error).__name__} at {where}"


def _replace_traceback(record: logging.LogRecord) -> bool:
    # A traceback contains the exception's message, and has more than one line.
    if record.exc_info:
        record.exception = describe_exception(record.exc_info[1])
        record.exc_info = record.exc_text = None
    return True


def _formatter(log_format: LogFormat) -> logging.Formatter:
    if log_format is LogFormat.CONSOLE:
        return _ConsoleFormatter("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    require("pythonjsonlogger", extra="app", user="LOG_FORMAT=json")
    from pythonjsonlogger.msgspec import MsgspecFormatter

    return MsgspecFormatter(
        "%(message)s%(levelname)s%(name)s",
        rename_fields={"levelname": "level", "message": "event", "name": "logger"},
        timestamp=True,
    )


class _ConsoleFormatter(logging.Formatter):
    """A line for terminals: the event, then its fields as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line without control characters."""
        extras = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        return f"{escape_controls(super().format(record))}{_name_values(extras)}"


def escape_controls(text: str) -> str:
    """Return ``text`` with an escape for each character that is not printable.

    A line break could forge a line. An escape sequence could change what a terminal shows. A bidirectional control
    character could reorder the text.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _name_values(facts: Mapping[str, object]) -> str:
    return "".join(f" {name}={_quote(str(value))}" for name, value in facts.items())


def _quote(value: str) -> str:
    # With a space, an equals sign or a quote, one value could look like several fields.
    if _PLAIN_VALUE.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escape_controls(escaped)}"'


class AccessLog:
    """Writes one line for each request. ``logging`` would take a fifth of a short request's time."""

    def __init__(self, settings: Settings) -> None:
        self._encode: Callable[[dict[str, object]], bytes]
        self._encode = msgspec.json.encode if settings.log_format is LogFormat.JSON else _console_line
        self._is_on = log.isEnabledFor(logging.INFO)

    def write(self, facts: Mapping[str, object]) -> None:
        """Write one line. A line that cannot be encoded is counted as lost."""
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
    facts = {name: value for name, value in line.items() if name not in ("event", "level", "timestamp")}
    return f"{strftime('%H:%M:%S')} INFO    request{_name_values(facts)}".encode()
