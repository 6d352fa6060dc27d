"""Logs: one line per unit of work, ids and outcomes only, JSON in production."""

from __future__ import annotations

import logging
import sys

from clerk_sync.config import LogFormat, Settings

log = logging.getLogger("clerk_sync")


def configure(settings: Settings) -> None:
    """Send every log line of the process to stderr, in the form and from the level that ``settings`` ask for."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings.log_format))
    log.handlers = [handler]
    log.setLevel(settings.log_level)
    log.propagate = False


def _formatter(log_format: LogFormat) -> logging.Formatter:
    if log_format is LogFormat.CONSOLE:
        return logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    from pythonjsonlogger.msgspec import MsgspecFormatter

    return MsgspecFormatter(
        "%(message)s%(levelname)s%(name)s",
        rename_fields={"levelname": "level", "message": "event", "name": "logger"},
        timestamp=True,
    )
