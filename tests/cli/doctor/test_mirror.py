"""A mirror that is behind: parked or missing events, runs that failed or did not end."""

from __future__ import annotations

from tests.cli.doctor.conftest import Doctor
from tests.local_clerk import Query


def test_parked_events(doctor: Doctor, query: Query) -> None:
    parked = """INSERT INTO webhook_events (svix_id, outcome, received_at, payload)
                VALUES ('msg_2', 'parked', now() - %s::interval, '{}')"""
    query(parked, "3 days")
    assert "1 events wait, the oldest for 3 days" in doctor().of("parked", "warning")


def test_events_that_stopped_coming(doctor: Doctor, query: Query) -> None:
    query("UPDATE webhook_events SET received_at = now() - '6 days'::interval")
    assert "6 days ago -> Clerk disables an endpoint" in doctor().of("last event", "warning")
    query("DELETE FROM webhook_events")
    assert "none ever -> add the endpoint" in doctor().of("last event", "warning")


def test_events_of_another_instance(doctor: Doctor, query: Query) -> None:
    query("INSERT INTO webhook_events (svix_id, outcome) VALUES ('msg_2', 'foreign')")
    assert "1 within a week" in doctor().of("foreign events", "warning")


def test_a_run_of_sync_that_was_refused(doctor: Doctor, query: Query) -> None:
    query("INSERT INTO sync_runs (kind, status, ended_at, reason) VALUES ('all', 'refused', now(), '9 are gone')")
    assert "the last run is refused: 9 are gone" in doctor().of("last sync", "wrong")


def test_an_expired_lease_of_a_killed_run(doctor: Doctor, query: Query) -> None:
    query("INSERT INTO sync_runs (kind, heartbeat_at) VALUES ('all', now() - '1 hour'::interval)")
    assert "last heartbeat was 60 min ago" in doctor().of("lease", "warning")
