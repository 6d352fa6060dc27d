"""Whether a delivery is what Svix would have signed."""

from __future__ import annotations

from svix.webhooks import Webhook, WebhookVerificationError

from tests.emulator.conftest import Received


def proves(received: Received, secret: str) -> bool:
    try:
        Webhook(secret).verify(received.body, received.headers)
    except WebhookVerificationError:
        return False
    return True
