"""The result of a run: status, exit code and reason. A reason contains no personal data."""

from __future__ import annotations

from typing import NamedTuple

import psycopg2

from clerk_sync.clerk.errors import ApiRefusedError, ClerkError
from clerk_sync.cli.database_faults import describe, is_configuration
from clerk_sync.cli.group import INTERRUPTED
from clerk_sync.mirror.errors import GuardRefusedError, KeyMismatchError, LeaseLostError
from clerk_sync.mirror.sync.runs import Status

DONE, FAILURES, CONFIGURATION, REFUSED = 0, 1, 2, 3


class Misconfigured(Exception):
    """A setting that the command needs is missing."""


class RunResult(NamedTuple):
    """The status for ``sync_runs``, the exit code, and why."""

    status: Status
    exit_code: int
    reason: str | None


def users(number: int) -> str:
    """Return the number with the word for users."""
    return "1 user" if number == 1 else f"{number:,} users"


def result_of(error: BaseException) -> RunResult | None:
    """Return the result of a run that ``error`` ended, or None if the error is unexpected."""
    match error:
        case KeyboardInterrupt():
            return RunResult(Status.INTERRUPTED, INTERRUPTED, "interrupted")
        case LeaseLostError():
            return RunResult(Status.LOST, REFUSED, str(error))
        case GuardRefusedError():
            return RunResult(Status.REFUSED, REFUSED, str(error))
        case KeyMismatchError() | Misconfigured():
            return RunResult(Status.FAILED, CONFIGURATION, str(error))
        case ApiRefusedError(status=401 | 403):
            return RunResult(Status.FAILED, CONFIGURATION, f"{error}; fix CLERK_SECRET_KEY")
        case ClerkError():
            return RunResult(Status.FAILED, FAILURES, str(error))
        case psycopg2.Error():
            return _database_result(error)
        case _:
            return None


def _database_result(error: psycopg2.Error) -> RunResult:
    exit_code = CONFIGURATION if is_configuration(error) else FAILURES
    return RunResult(Status.FAILED, exit_code, describe(error))
