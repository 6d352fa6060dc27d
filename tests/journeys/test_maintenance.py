"""Maintenance while the service runs: replay parked events, bind to another instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.webhooks.messages import Delivery
from tests.stage.migrations import migrate
from tests.stage.servers import Servers, start_servers


@pytest.fixture(scope="module")
def servers(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with start_servers(migrate(new_database()), tmp_path_factory.mktemp("logs"), workers=1) as opened:
        yield opened


def answer_to(servers: Servers, type_: str, data: object) -> Delivery:
    """Deliver one event and return its outcome."""
    message = servers.clerk.webhook_sender.send(type_, data)
    servers.clerk.webhook_sender.wait_idle(30)
    return next(each for each in servers.clerk.webhook_sender.deliveries if each.svix_id == message.svix_id)


def test_an_event_that_cannot_be_mapped_stays_parked_until_the_code_can_map_it(servers: Servers) -> None:
    delivery = answer_to(servers, "user.updated", {"id": "user_odd", "updated_at": "yesterday"})
    assert (delivery.status, delivery.answer) == (200, '{"outcome":"parked"}')
    done = servers.flask("sync-clerk", "replay", "--id", delivery.svix_id)
    assert (done.returncode, done.stdout.split()[:2]) == (1, [delivery.svix_id, "parked:"])
    assert servers.query("SELECT payload IS NOT NULL FROM webhook_events WHERE svix_id = %s", delivery.svix_id) == [
        (True,)
    ]


def test_a_parked_event_is_applied_by_replay_and_leaves_no_payload(servers: Servers) -> None:
    servers.clerk.faults.drop("user.created", times=1)
    user_id = servers.clerk.users.create(first_name="Parked", email="parked@example.com")["id"]
    message = next(reversed(servers.clerk.webhook_sender.messages.values()))
    # An earlier version of the code, which could not read this user, may have left the event like this.
    servers.query(
        "INSERT INTO webhook_events (svix_id, type, clerk_id, outcome, reason, payload)"
        " VALUES (%s, 'user.created', %s, 'parked', 'a field that was not understood', %s)",
        message.svix_id,
        user_id,
        message.body.decode(),
    )
    assert servers.call("GET", "/api/me", user_id).json()["email"] is None

    done = servers.flask("sync-clerk", "replay", "--id", message.svix_id)
    assert (done.returncode, done.stdout.strip()) == (0, f"{message.svix_id} applied")
    assert servers.call("GET", "/api/me", user_id).json()["email"] == "parked@example.com"
    entry = "SELECT outcome, reason, payload FROM webhook_events WHERE svix_id = %s"
    assert servers.query(entry, message.svix_id) == [("applied", None, None)]
    assert servers.clerk.webhook_sender.redeliver(message.svix_id)
    servers.clerk.webhook_sender.wait_idle(30)
    assert servers.clerk.webhook_sender.deliveries[-1].answer == '{"outcome":"duplicate"}'


def test_a_replay_does_not_resurrect_a_user_who_was_deleted_since(servers: Servers) -> None:
    user = servers.clerk.users.create(first_name="Gone")
    servers.clerk.users.delete(user["id"])
    servers.clerk.webhook_sender.wait_idle(30)
    created = next(each for each in servers.clerk.webhook_sender.messages.values() if user["id"].encode() in each.body)
    park = "UPDATE webhook_events SET outcome = 'parked', payload = %s WHERE svix_id = %s"
    servers.query(park, created.body.decode(), created.svix_id)
    done = servers.flask("sync-clerk", "replay", "--id", created.svix_id)
    assert (done.returncode, done.stdout.strip()) == (0, f"{created.svix_id} stale")
    assert servers.call("GET", "/api/me", user["id"]).json()["code"] == "user-deleted"


def test_rebind_asks_first_and_then_the_old_instance_is_foreign(servers: Servers) -> None:
    assert answer_to(servers, "user.updated", servers.clerk.users.create(first_name="Old"))
    bound_to = "SELECT instance_id FROM mirror_binding"
    assert servers.query(bound_to) == [(servers.clerk.instance_id,)]
    with LocalClerk.start(instance=2) as other:
        environment = servers.environment | other.environment
        moved = Servers(servers.clerk, servers.services, servers.database_url, environment)
        refused = moved.flask("sync-clerk", "sync")
        assert refused.returncode == 3, refused.stderr

        assert moved.flask("sync-clerk", "rebind", answer="n\n").returncode == 3
        assert servers.query(bound_to) == [(servers.clerk.instance_id,)]
        assert moved.flask("sync-clerk", "rebind", answer="y\n").returncode == 0
        assert servers.query(bound_to) == [(other.instance_id,)]

    late = answer_to(servers, "user.created", {"id": "user_late", "updated_at": 1})
    assert (late.status, late.answer) == (200, '{"outcome":"foreign"}')
    assert servers.query("SELECT 1 FROM users WHERE clerk_id = 'user_late'") == []
