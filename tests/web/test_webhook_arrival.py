"""Repeated, late and parallel deliveries: the newest version wins, and a deletion is final."""

from __future__ import annotations

import json
import threading

import pytest
from flask import Flask

from tests.conftest import sign_delivery
from tests.web.deliveries import USER, Deliver, Query, created, deleted, outcome, updated


def test_a_second_delivery_under_one_id_is_a_duplicate(deliver: Deliver, query: Query) -> None:
    """W9"""
    assert outcome(deliver(created(), "msg_1")) == "applied"
    assert outcome(deliver(created(), "msg_1")) == "duplicate"
    assert query("SELECT count(*) FROM users") == [(1,)]
    assert query("SELECT outcome, deliveries FROM webhook_events") == [("applied", 2)]


def test_the_same_content_under_a_new_id_writes_no_new_row_version(deliver: Deliver, query: Query) -> None:
    """W9"""
    deliver(created())
    before = query("SELECT xmin, ctid, synced_at FROM users")
    assert outcome(deliver(created())) == "unchanged"
    assert query("SELECT xmin, ctid, synced_at FROM users") == before


def test_a_repeated_delivery_repairs_a_row_that_has_drifted(deliver: Deliver, query: Query) -> None:
    deliver(created(), "msg_1")
    query("UPDATE users SET first_name = 'Mallory', email = NULL")
    assert outcome(deliver(created(), "msg_1")) == "applied"
    assert query("SELECT first_name, email FROM users") == [("Grace", "grace@example.com")]


def test_a_late_creation_does_not_undo_an_update(deliver: Deliver, query: Query) -> None:
    """W10"""
    assert outcome(deliver(updated(2000, first_name="New"))) == "applied"
    assert outcome(deliver(created(updated_at=1000, first_name="Old"))) == "stale"
    assert query("SELECT first_name, clerk_updated_at FROM users") == [("New", 2000)]


def test_a_late_update_does_not_resurrect_a_deleted_user(deliver: Deliver, query: Query) -> None:
    """W11"""
    deliver(created())
    assert outcome(deliver(deleted())) == "applied"
    assert outcome(deliver(updated(9_999_999_999_999))) == "stale"
    assert query("SELECT email, first_name, last_name, username, image_url, deleted_at IS NOT NULL FROM users") == [
        (None, None, None, None, None, True)
    ]


def test_the_deletion_of_an_unknown_user_leaves_a_tombstone(deliver: Deliver, query: Query) -> None:
    """W12"""
    assert outcome(deliver(deleted())) == "applied"
    assert outcome(deliver(created())) == "stale"
    assert outcome(deliver(deleted())) == "stale"
    assert query("SELECT clerk_id, email, deleted_at IS NOT NULL FROM users") == [(USER, None, True)]


def test_parallel_updates_leave_the_newest_version(app: Flask, query: Query) -> None:
    """W19"""
    versions = list(range(2000, 2012))
    barrier = threading.Barrier(len(versions))
    statuses: list[int] = []

    def send(version: int) -> None:
        body = json.dumps(updated(version, first_name=f"v{version}")).encode()
        headers = sign_delivery(body, f"msg_{version}")
        barrier.wait()
        response = app.test_client().post(
            "/api/webhooks/clerk", data=body, headers=headers, content_type="application/json"
        )
        statuses.append(response.status_code)

    threads = [threading.Thread(target=send, args=(version,)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * len(versions)
    assert query("SELECT first_name, clerk_updated_at FROM users") == [("v2011", 2011)]


def test_envelope_timestamps_in_seconds_and_milliseconds_are_one_clock(deliver: Deliver, query: Query) -> None:
    """W21"""
    assert outcome(deliver(updated(1000, first_name="late", timestamp=1_716_883_200))) == "applied"
    assert outcome(deliver(updated(1000, first_name="early", timestamp=1_716_883_199_999))) == "stale"
    assert outcome(deliver(updated(1000, first_name="later", timestamp=1_716_883_200_001))) == "applied"
    assert query("SELECT first_name, event_at FROM users") == [("later", 1_716_883_200_001)]


@pytest.mark.parametrize("timestamp", [None, "soon", True, -5, 1e300, [1]])
def test_an_odd_envelope_timestamp_does_not_cost_the_event(deliver: Deliver, timestamp: object) -> None:
    """W21"""
    assert outcome(deliver(updated(1000, timestamp=timestamp))) == "applied"


def test_at_equal_versions_and_times_every_order_of_arrival_ends_the_same(deliver: Deliver, query: Query) -> None:
    for user_id, order in (("user_forth", "abc"), ("user_back", "cba"), ("user_twice", "bcabca")):
        for name in order:
            outcome(deliver(updated(1000, id=user_id, first_name=name)))
    assert query("SELECT count(DISTINCT first_name), count(*) FROM users") == [(1, 3)]
