"""Signed events without a running local Clerk."""

from __future__ import annotations

from typing import Any

import msgspec

from clerk_sync.emulator.instance import Instance, Options
from clerk_sync.emulator.webhooks.messages import Delivery
from clerk_sync.emulator.webhooks.trigger import Wish, trigger


def trigger_offline(wish: dict[str, Any], endpoint: str, secret: str | None = None) -> list[Delivery]:
    """Send the requested events to ``endpoint``, signed with ``secret`` or the local secret. Raises ClerkApiError."""
    clerk = Instance(Options(webhook_url=endpoint, senders=1))
    try:
        if secret:
            clerk.signing_secrets.restore(secret)
        return trigger(clerk, msgspec.convert(wish, Wish))
    finally:
        clerk.courier.stop()
