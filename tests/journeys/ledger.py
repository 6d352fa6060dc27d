"""Check the promise to senders: an accepted delivery is stored, and a refused one was sent again."""

from __future__ import annotations

from collections import Counter

from clerk_sync.emulator.webhooks.messages import Delivery, State
from tests.stage.servers import Servers

REFUSALS = {503, None}
SLOWEST_ANSWER_MS = 10_000


def outcomes(servers: Servers) -> Counter[int | None]:
    """Return the count of each response status. None counts requests without a response."""
    return Counter(delivery.status for delivery in servers.clerk.webhook_sender.deliveries)


def assert_nothing_lost(servers: Servers) -> None:
    """Fail unless every delivery was accepted and stored, maybe after refusals with 503."""
    servers.clerk.webhook_sender.wait_idle(60)
    deliveries = servers.clerk.webhook_sender.deliveries
    assert {delivery.status for delivery in deliveries if not delivery.succeeded} <= REFUSALS
    assert {message.state for message in servers.clerk.webhook_sender.messages.values()} == {State.DELIVERED}
    assert not lost(servers, deliveries)
    assert max(delivery.took_ms for delivery in deliveries) < SLOWEST_ANSWER_MS
    assert rows(servers) == {user.id: user.first_name for user in servers.clerk.users.snapshot()}


def lost(servers: Servers, deliveries: list[Delivery]) -> Counter[str]:
    """Return the ids that got more 2xx responses than the inbox has counted."""
    taken = Counter(delivery.svix_id for delivery in deliveries if delivery.succeeded)
    kept = dict(servers.query("SELECT svix_id, deliveries FROM webhook_events"))
    return taken - Counter(kept)


def rows(servers: Servers) -> dict[str, str | None]:
    """Return id and first name of the live rows."""
    return dict(servers.query("SELECT clerk_id, first_name FROM users WHERE deleted_at IS NULL"))
