"""Types of command line arguments: a duration, a delete limit, the id of a user."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from clerk_sync.mirror.sync.limits import DeleteLimit

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
LONGEST = timedelta(days=36_500)


class Duration(click.ParamType[timedelta]):
    """A number and a unit: 90d, 12h."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the duration; fail with an example."""
        match = re.fullmatch(r"([0-9]{1,9})([smhdw])", str(value))
        if match is None or (seconds := int(match[1]) * _UNITS[match[2]]) > LONGEST.total_seconds():
            self.fail(f"{str(value)[:40]!r} is not a duration; expected for example 90d, 12h or 30m", param, ctx)
        return timedelta(seconds=seconds)


class MaxDeletes(click.ParamType["DeleteLimit"]):
    """A number of users, or a percentage of the live ones."""

    name = "N|P%"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> DeleteLimit:
        """Return the limit; fail with an example."""
        from clerk_sync.mirror.sync.limits import DeleteLimit

        text = str(value)
        if re.fullmatch(r"[0-9]{1,12}", text):
            return DeleteLimit(number=int(text), percent=0.0)
        if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?%", text) or float(text[:-1]) > 100:
            self.fail(f"{text[:40]!r} is neither a number of users such as 25 nor a share such as 2.5%", param, ctx)
        return DeleteLimit(number=0, percent=float(text[:-1]))


class ClerkUserId(click.ParamType[str]):
    """The id of a user in Clerk."""

    name = "user_…"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id."""
        from clerk_sync.clerk.errors import UnusableUserError
        from clerk_sync.clerk.users import parse_user_id

        try:
            return parse_user_id(value)
        except UnusableUserError:
            self.fail(f"{str(value)[:40]!r} is not the id of a Clerk user, user_…", param, ctx)
