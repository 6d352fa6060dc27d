"""The histories of migrations of our application, and the privileges that it needs."""

from __future__ import annotations

from clerk_sync.flask_db import shop_history
from clerk_sync.mirror.migrations import mirror_history

HISTORIES = (mirror_history("public"), shop_history())
NEEDED = {**HISTORIES[0].privileges, **HISTORIES[1].privileges}
