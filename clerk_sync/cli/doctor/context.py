"""The one who is examined: the settings as far as they could be read, the database if it answers, a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clerk_sync.db.transaction import TransactionalConnection
    from clerk_sync.settings.settings import Settings


@dataclass(kw_only=True)
class CheckContext:
    """What every check is handed."""

    settings: Settings
    transactions: TransactionalConnection
    """The application's own, on its own kind of connection: only so can the role wall be tried."""
    problems: dict[str, str] = field(default_factory=dict)
    """What is wrong with the environment, by the name of the variable."""
    names: Collection[str] = ()
    """The names of all variables that are set, ours or not."""
    url: str | None = None
    """The public address of the service, where the operator gave it."""
    clock: Callable[[], float] = time.time
    patience_s: float = 15.0
    """How long an answer to a webhook may take: as long as Clerk waits."""
    has_database: bool = False
    """Whether the database answered; the check of the database finds out."""
    lack_of_tables: str | None = None
    """Why the tables cannot be looked at; the checks of privileges and migrations find out."""
    instance_id: str | None = None
    """The instance that the secret key belongs to, where Clerk has said so."""
