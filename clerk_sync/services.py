"""What is built once from the settings and handed down. Heavy libraries load with the first use of a part."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clerk_sync.clerk.signature import WebhookVerifier
    from clerk_sync.config import Settings


class Services:
    """The parts that talk to Clerk, or listen to it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def webhooks(self) -> WebhookVerifier | None:
        """What proves deliveries, or None where no signing secret is configured."""
        from clerk_sync.clerk.signature import WebhookVerifier

        secrets = self.settings.webhook_signing_secrets
        return WebhookVerifier(secrets) if secrets else None
