"""The input of every check, and what earlier checks found out."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clerk_sync.services import WEBHOOK_PATH

if TYPE_CHECKING:
    from clerk_sync.db.history import History
    from clerk_sync.db.transaction import TransactionalConnection
    from clerk_sync.settings.settings import Settings


@dataclass(kw_only=True)
class CheckContext:
    """The deployment that the doctor checks."""

    settings: Settings
    histories: Sequence[History]
    """The histories of migrations whose tables the service needs."""
    transactions: TransactionalConnection
    """A connection like the application's: only such a connection can test the role guard."""
    problems: dict[str, str] = field(default_factory=dict)
    """The invalid variables and what is wrong with each."""
    names: Collection[str] = ()
    """The names of all environment variables that are set."""
    url: str | None = None
    """The public address of the service, if the operator gave it."""
    webhook_path: str = WEBHOOK_PATH
    has_readiness: bool = True
    """Whether the service has the route /readyz."""
    clock: Callable[[], float] = time.time
    webhook_timeout_s: float = 15.0
    """Clerk waits equally long for the response to a webhook."""
    has_database: bool = False
    """Whether the database answered; set by the check of the database."""
    tables_unusable: str | None = None
    """Why the tables cannot be read; set by the checks of the database and the migrations."""
    instance_id: str | None = None
    """The instance of the secret key, if Clerk has named it."""
