"""The merge ends with the same row in every order of arrival, with repetition, one by one or in pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.merge.merge import merge_users, write_tombstones
from tests.conftest import examples
from tests.mirror.factory import snapshot
from tests.mirror.merge.merging import digest_of, merge_one


@dataclass(frozen=True)
class Moment:
    """One event of a user: a change, or the deletion if version is None."""

    version: int | None
    at: int
    variant: int

    def snapshot(self, clerk_id: str) -> UserSnapshot:
        assert self.version is not None
        # No two changes of one version have the same content.
        return snapshot(self.version, clerk_id=clerk_id, first_name=f"v{self.version}t{self.at}n{self.variant}")


changes = st.builds(Moment, st.integers(1, 4), st.integers(0, 2), st.integers(0, 1))
deletions = st.builds(Moment, st.none(), st.just(0), st.just(0))
histories = st.lists(st.one_of(changes, changes, changes, deletions), min_size=1, max_size=6)
numbers = count()


def expected_name(history: Sequence[Moment], clerk_id: str) -> str | None:
    """Return the name that every order must end with: None if deleted, else of the largest version, time and digest."""
    if any(moment.version is None for moment in history):
        return None
    last = max(history, key=lambda each: (each.version or 0, each.at, digest_of(each.snapshot(clerk_id))))
    return last.snapshot(clerk_id).first_name


@settings(max_examples=examples(2000))
@given(history=histories, data=st.data())
def test_every_order_of_arrival_with_repetition_ends_with_the_same_row(
    transactions: TransactionalConnection, history: list[Moment], data: st.DataObject
) -> None:
    clerk_id = f"user_h{next(numbers)}"
    arrivals = data.draw(st.permutations(history)) + data.draw(st.lists(st.sampled_from(history), max_size=4))
    for arrival in arrivals:
        if arrival.version is None:
            write_tombstones(transactions, [clerk_id])
        else:
            merge_one(transactions, arrival.snapshot(clerk_id), at=arrival.at)
    (row,) = transactions.fetch_all(
        "SELECT first_name, deleted_at IS NOT NULL FROM users WHERE clerk_id = %(id)s", {"id": clerk_id}
    )
    expected = expected_name(history, clerk_id)
    assert row == (expected, expected is None)


@settings(max_examples=examples(2000))
@given(history=histories, data=st.data())
def test_pages_and_single_events_converge_alike(
    transactions: TransactionalConnection, history: list[Moment], data: st.DataObject
) -> None:
    moments = [moment for moment in history if moment.version is not None]
    clerk_ids = [f"user_p{next(numbers)}" for _ in range(3)]
    for arrival in data.draw(st.permutations(moments)):
        page = [arrival.snapshot(clerk_id) for clerk_id in data.draw(st.permutations(clerk_ids))]
        merge_users(transactions, page, event_at=arrival.at)
    for clerk_id in clerk_ids if moments else ():
        found = transactions.fetch_all("SELECT first_name FROM users WHERE clerk_id = %(id)s", {"id": clerk_id})
        assert found == [(expected_name(moments, clerk_id),)]
