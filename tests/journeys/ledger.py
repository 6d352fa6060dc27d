"""What a sender may hold against the service: whatever it took is there, whatever it did not take came again."""

from __future__ import annotations

from collections import Counter

from clerk_sync.emulator.webhooks.messages import Delivery, State
from tests.stage.servers import Servers

REFUSALS = {503, None}
SLOWEST_ANSWER_MS = 10_000


def outcomes(servers: Servers) -> Counter[int | None]:
    """Return how often each status was answered; None counts what nobody answered."""
    return Counter(delivery.status for delivery in servers.clerk.webhook_sender.deliveries)


def assert_nothing_lost(servers: Servers) -> None:
    """Fail unless every delivery was taken and kept, or refused as "not now" and then taken."""
    servers.clerk.webhook_sender.wait_idle(60)
    deliveries = servers.clerk.webhook_sender.deliveries
    assert {delivery.status for delivery in deliveries if not delivery.succeeded} <= REFUSALS
    assert {message.state for message in servers.clerk.webhook_sender.messages.values()} == {State.DELIVERED}
    assert not lost(servers, deliveries)
    assert max(delivery.took_ms for delivery in deliveries) < SLOWEST_ANSWER_MS
    assert rows(servers) == {user.id: user.first_name for user in servers.clerk.users.snapshot()}


def lost(servers: Servers, deliveries: list[Delivery]) -> Counter[str]:
    """Return the ids that were answered 2xx more often than the inbox has counted them."""
    taken = Counter(delivery.svix_id for delivery in deliveries if delivery.succeeded)
    kept = dict(servers.query("SELECT svix_id, deliveries FROM webhook_events"))
    return taken - Counter(kept)


def rows(servers: Servers) -> dict[str, str | None]:
    """Return the live rows: id and first name."""
    return dict(servers.query("SELECT clerk_id, first_name FROM users WHERE deleted_at IS NULL"))
