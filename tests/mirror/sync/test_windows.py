"""A walk shows every user of its window once, whatever happens to the list meanwhile, or ends with an error."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import msgspec
import pytest

from clerk_sync.clerk.api.client import ClerkApi
from clerk_sync.clerk.api.transport import Transport, limiter_for
from clerk_sync.clerk.errors import ApiProtocolError
from clerk_sync.emulator import LocalClerk
from clerk_sync.mirror.sync.windows import END_OF_TIME_MS, PageSlice, Window, WindowReader

SECOND_MS = 1000
START_MS = 1_700_000_000_000


@pytest.fixture
def api(clerk: LocalClerk) -> Iterator[ClerkApi]:
    transport = Transport(clerk.url, clerk.secret_key, limiter=limiter_for("sk_live_"))
    yield ClerkApi(transport)
    transport.close()


def fill(clerk: LocalClerk, number: int, *, every_ms: int = SECOND_MS) -> list[str]:
    return [clerk.users.create(created_at=START_MS + every_ms * place, at_ms=START_MS)["id"] for place in range(number)]


def ids_of(stretches: list[PageSlice]) -> list[str]:
    return [user.clerk_id for stretch in stretches for user in stretch.users]


def walk(api: ClerkApi, window: Window | None = None, page_size: int = 500) -> list[PageSlice]:
    return list(WindowReader(api, window or Window(), page_size))


def test_pages_tile_the_window_without_a_gap(clerk: LocalClerk, api: ClerkApi) -> None:
    ids = fill(clerk, 1100)
    stretches = walk(api)
    assert ids_of(stretches) == ids
    assert [stretch.since_ms for stretch in stretches[1:]] == [stretch.until_ms for stretch in stretches[:-1]]
    assert (stretches[0].since_ms, stretches[-1].until_ms) == (1, END_OF_TIME_MS)


def test_users_of_one_millisecond_on_several_pages_are_shown_to_each_of_them(clerk: LocalClerk, api: ClerkApi) -> None:
    ids = fill(clerk, 1100, every_ms=0)
    stretches = walk(api)
    assert sorted(ids_of(stretches)) == sorted(ids)
    # The last span covers that millisecond, so it has to know whom the pages before have shown.
    assert set(stretches[-1].shown) == set(ids)


@pytest.mark.parametrize("ends_belong", [False, True])
def test_windows_share_nobody_and_lose_nobody(clerk: LocalClerk, api: ClerkApi, ends_belong: bool) -> None:
    clerk.quirks.window_ends_belong = ends_belong
    ids = fill(clerk, 30, every_ms=1)
    cuts = [None, START_MS + 10, START_MS + 11, START_MS + 20, None]
    windows = [Window(start_ms=start, end_ms=end) for start, end in pairwise(cuts)]
    assert [len(ids_of(walk(api, window))) for window in windows] == [10, 1, 9, 10]
    assert [clerk_id for window in windows for clerk_id in ids_of(walk(api, window))] == ids


@pytest.mark.parametrize("deleted", [1, 40, 300])
def test_without_the_cursor_pages_overlap_so_that_deletions_skip_nobody(
    clerk: LocalClerk, api: ClerkApi, deleted: int
) -> None:
    ids = fill(clerk, 1200)
    clerk.faults.add("/v1/users", when_param="starting_after", status=422, code="form_param_unknown", times=None)
    pages = iter(WindowReader(api, Window()))
    seen = [next(pages), next(pages)]
    for clerk_id in ids[:deleted]:
        clerk.users.delete(clerk_id)
    seen.extend(pages)
    assert ids_of(seen) == ids


def test_a_cursor_whose_user_was_deleted_is_replaced_by_the_offset(clerk: LocalClerk, api: ClerkApi) -> None:
    clerk.quirks.deleted_cursor_works = False
    ids = fill(clerk, 1200)
    pages = iter(WindowReader(api, Window()))
    seen = [next(pages)]
    clerk.users.delete(ids[499])
    seen.extend(pages)
    assert ids_of(seen) == ids


def test_a_cursor_whose_user_was_back_dated_is_replaced_by_the_offset(clerk: LocalClerk, api: ClerkApi) -> None:
    ids = fill(clerk, 1200)
    pages = iter(WindowReader(api, Window()))
    seen = [next(pages)]
    clerk.users.update(ids[499], created_at=START_MS - 1)
    seen.extend(pages)
    assert ids_of(seen) == ids


def test_a_server_that_ignores_the_cursor_is_walked_by_offset(clerk: LocalClerk, api: ClerkApi) -> None:
    ids = fill(clerk, 1200)
    clerk.faults.add("/v1/users", ignore_params=("starting_after",), times=None)
    assert ids_of(walk(api)) == ids


def test_a_page_that_repeats_for_ever_ends_the_walk(clerk: LocalClerk, api: ClerkApi) -> None:
    fill(clerk, 600)
    clerk.faults.add("/v1/users", ignore_params=("starting_after", "offset"), times=None)
    with pytest.raises(ApiProtocolError, match="no new user"):
        walk(api)
    assert len(clerk.requests) < 10


def test_users_who_sign_up_meanwhile_come_last(clerk: LocalClerk, api: ClerkApi) -> None:
    ids = fill(clerk, 500)
    pages = iter(WindowReader(api, Window()))
    seen = [next(pages)]
    newcomer = clerk.users.create()["id"]
    seen.extend(pages)
    assert ids_of(seen) == [*ids, newcomer]


def test_pages_shorter_than_asked_for_are_walked_to_the_end_once_that_is_known(
    clerk: LocalClerk, api: ClerkApi
) -> None:
    ids = fill(clerk, 35)
    clerk.faults.add("/v1/users", ignore_params=("limit",), times=None)
    assert ids_of(walk(api, page_size=10)) == ids


def test_a_window_whose_beginning_is_ignored_is_an_error(clerk: LocalClerk, api: ClerkApi) -> None:
    fill(clerk, 10)
    clerk.faults.add("/v1/users", ignore_params=("created_at_after",), times=None)
    with pytest.raises(ApiProtocolError, match="--workers 1"):
        walk(api, Window(start_ms=START_MS + 5 * SECOND_MS))


def test_a_window_whose_end_is_ignored_ends_there_all_the_same(clerk: LocalClerk, api: ClerkApi) -> None:
    ids = fill(clerk, 1600)
    clerk.faults.add("/v1/users", ignore_params=("created_at_before",), times=None)
    stretches = walk(api, Window(end_ms=START_MS + 600 * SECOND_MS))
    assert ids_of(stretches) == ids[:600]
    assert len(stretches) == 2


def test_a_list_in_another_order_is_an_error(clerk: LocalClerk, api: ClerkApi) -> None:
    fill(clerk, 10)
    clerk.faults.add("/v1/users", ignore_params=("order_by",), times=None)
    with pytest.raises(ApiProtocolError, match="order"):
        walk(api)


def test_a_page_without_a_readable_id_ends_the_walk(clerk: LocalClerk, api: ClerkApi) -> None:
    clerk.faults.add("/v1/users", body=[{"id": None}] * 500, times=None)
    with pytest.raises(ApiProtocolError):
        walk(api)


@pytest.mark.parametrize("cursor_works", [True, False])
def test_another_process_goes_on_where_a_walk_stopped(clerk: LocalClerk, api: ClerkApi, cursor_works: bool) -> None:
    ids = fill(clerk, 1200)
    if not cursor_works:
        clerk.faults.add("/v1/users", when_param="starting_after", status=422, times=None)
    pages = iter(WindowReader(api, Window()))
    seen = [next(pages), next(pages)]
    saved = msgspec.json.encode(seen[-1].rest)
    seen.extend(walk(api, msgspec.json.decode(saved, type=Window)))
    assert ids_of(seen) == ids
