"""The merge: DESIGN's table line by line."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from flask import Flask

from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.merge.merge import READ_FROM_API, MergeResult, merge_users, write_tombstones
from tests.mirror.factory import USER, snapshot
from tests.mirror.merge.merging import Query, digest_of, merge_one, names


def test_an_unknown_user_is_inserted_as_client(transactions: TransactionalConnection) -> None:
    assert merge_one(transactions, snapshot()) is MergeResult.INSERTED
    assert transactions.fetch_all("SELECT clerk_id, role, first_name FROM users") == [(USER, "CLIENT", "Grace")]


def test_a_newer_version_replaces_an_older_one(transactions: TransactionalConnection) -> None:
    merge_one(transactions, snapshot(1000))
    assert merge_one(transactions, snapshot(1001, first_name="Newer")) is MergeResult.UPDATED
    assert names(transactions) == ["Newer"]


def test_an_older_version_is_stale(transactions: TransactionalConnection) -> None:
    merge_one(transactions, snapshot(1001))
    assert merge_one(transactions, snapshot(1000, first_name="Older"), at=READ_FROM_API) is MergeResult.STALE
    assert names(transactions) == ["Grace"]


def test_equal_content_writes_no_row_version(transactions: TransactionalConnection) -> None:
    merge_one(transactions, snapshot(1000), at=1)
    transactions.commit()
    before = transactions.fetch_all("SELECT xmin, xmax, ctid, synced_at FROM users")
    for at in (0, 1, 2, READ_FROM_API):
        assert merge_one(transactions, snapshot(1000), at=at) is MergeResult.UNCHANGED
    transactions.commit()
    # xmax, too: an unchanged row is not even locked.
    assert transactions.fetch_all("SELECT xmin, xmax, ctid, synced_at FROM users") == before


def test_a_tombstone_is_final(transactions: TransactionalConnection) -> None:
    merge_one(transactions, snapshot(1000))
    assert write_tombstones(transactions, [USER]) == {USER}
    assert merge_one(transactions, snapshot(2**53), at=READ_FROM_API) is MergeResult.STALE
    assert write_tombstones(transactions, [USER]) == set()
    assert transactions.fetch_all(
        "SELECT email, first_name, username, image_url, deleted_at IS NOT NULL FROM users"
    ) == [(None, None, None, None, True)]


def test_an_api_read_is_the_truth_at_a_tie(transactions: TransactionalConnection) -> None:
    merge_one(transactions, snapshot(first_name="Event"), at=5)
    assert merge_one(transactions, snapshot(first_name="Api"), at=READ_FROM_API) is MergeResult.UPDATED
    assert merge_one(transactions, snapshot(first_name="Event"), at=5) is MergeResult.STALE
    assert merge_one(transactions, snapshot(first_name="Other"), at=6) is MergeResult.STALE
    assert merge_one(transactions, snapshot(first_name="Api2"), at=READ_FROM_API) is MergeResult.UPDATED
    assert names(transactions) == ["Api2"]


def test_at_a_tie_the_later_event_wins(transactions: TransactionalConnection) -> None:
    merge_one(transactions, snapshot(first_name="Earlier"), at=5)
    assert merge_one(transactions, snapshot(first_name="Later"), at=6) is MergeResult.UPDATED
    assert merge_one(transactions, snapshot(first_name="Earlier"), at=5) is MergeResult.STALE
    assert names(transactions) == ["Later"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_at_a_tie_of_events_the_larger_digest_wins(transactions: TransactionalConnection, order: Sequence[str]) -> None:
    for name in order:
        merge_one(transactions, snapshot(first_name=name), at=5)
    digests = {name: digest_of(snapshot(first_name=name)) for name in order}
    assert names(transactions) == [max(order, key=lambda name: digests[name])]


def test_a_row_that_drifted_is_repaired_by_the_event_it_came_from(transactions: TransactionalConnection) -> None:
    merge_one(transactions, snapshot(), at=5)
    transactions.fetch_all("UPDATE users SET first_name = 'Drifted'")
    assert merge_one(transactions, snapshot(), at=5) is MergeResult.UPDATED
    assert names(transactions) == ["Grace"]


def test_a_role_survives_every_merge(app: Flask, transactions: TransactionalConnection, query: Query) -> None:
    merge_one(transactions, snapshot(1000))
    transactions.commit()
    query("UPDATE users SET role = 'ADMIN'")
    merge_one(transactions, snapshot(1001, first_name="Newer"))
    transactions.commit()
    assert query("SELECT role, first_name FROM users") == [("ADMIN", "Newer")]


def test_a_page_is_merged_like_its_users_one_by_one(transactions: TransactionalConnection) -> None:
    merge_one(transactions, snapshot(1000, clerk_id="user_newer", first_name="N"))
    merge_one(transactions, snapshot(1000, clerk_id="user_same", first_name="S"))
    merge_one(transactions, snapshot(1000, clerk_id="user_older", first_name="O"))
    write_tombstones(transactions, ["user_gone"])
    page = [
        snapshot(999, clerk_id="user_newer", first_name="x"),
        snapshot(1000, clerk_id="user_same", first_name="S"),
        snapshot(1001, clerk_id="user_older", first_name="y"),
        snapshot(1000, clerk_id="user_gone"),
        snapshot(1000, clerk_id="user_unknown", first_name="tab\tnew\nline\\N\r", email=None),
    ]
    assert merge_users(transactions, page, event_at=READ_FROM_API) == {
        "user_newer": MergeResult.STALE,
        "user_same": MergeResult.UNCHANGED,
        "user_older": MergeResult.UPDATED,
        "user_gone": MergeResult.STALE,
        "user_unknown": MergeResult.INSERTED,
    }
    assert names(transactions) == [None, "N", "y", "S", "tab\tnew\nline\\N\r"]


def test_an_id_that_comes_twice_in_a_page_counts_with_its_newest_version(transactions: TransactionalConnection) -> None:
    page = [snapshot(1001, first_name="Newest"), snapshot(1000, first_name="Older"), snapshot(clerk_id="user_b")]
    assert merge_users(transactions, page, event_at=READ_FROM_API)[USER] is MergeResult.INSERTED
    assert names(transactions)[0] == "Newest"


def test_an_empty_page_is_no_work(transactions: TransactionalConnection) -> None:
    assert merge_users(transactions, [], event_at=READ_FROM_API) == {}
    assert write_tombstones(transactions, []) == set()


def test_a_change_of_one_user_in_ten_leaves_the_indexes_alone(transactions: TransactionalConnection) -> None:
    page = [snapshot(1000, clerk_id=f"user_{number:04}") for number in range(500)]
    merge_users(transactions, page, event_at=READ_FROM_API)
    transactions.commit()
    newer = [snapshot(2000, clerk_id=user.clerk_id, first_name="Newer") for user in page[::10]]
    assert set(merge_users(transactions, newer, event_at=READ_FROM_API).values()) == {MergeResult.UPDATED}
    assert transactions.fetch_all("SELECT pg_stat_get_xact_tuples_hot_updated('users'::regclass)") == [(len(newer),)]
