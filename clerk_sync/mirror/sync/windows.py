"""Walking Clerk's list of users: a window of ``created_at``, page by page, each proved to follow the one before.

Clerk's cursor carries the walk. Where the server refuses it, ignores it, or where the user it names has moved, the rest
of the window is walked by offset, on pages that overlap: one that shows somebody from the page before has skipped
nobody. A page that brings nothing new is an error, never another turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise

from msgspec import Struct
from msgspec.structs import replace

from clerk_sync.clerk.api.client import LARGEST_PAGE, ClerkApi
from clerk_sync.clerk.api.user_pages import UnusableUser, UserPage
from clerk_sync.clerk.errors import ApiProtocolError, CursorRefusedError
from clerk_sync.clerk.users import UserSnapshot

FIRST_MS = 1  # 0 stands for a creation time that is not known
END_OF_TIME_MS = 2**62
LARGEST_OVERLAP = 50
MOST_CARRIED = 1000  # into another process, that is: within a walk there is no bound


class Window(Struct, frozen=True, omit_defaults=True):
    """The users created from ``start_ms`` up to, and not including, ``end_ms``; and how far they have been walked.

    ``walked`` counts the places of the list that lie behind us: what an offset needs. ``carried`` are users who may
    belong to the next page's span without being shown there: created in the very millisecond that was reached, or at a
    time that could not be read.
    """

    start_ms: int | None = None
    end_ms: int | None = None
    reached_ms: int | None = None
    reached_id: str | None = None
    walked: int = 0
    by_offset: bool = False
    carried: list[str] = []


class PageSlice(Struct, frozen=True):
    """What one page says: its new users, and that between ``since_ms`` and ``until_ms`` there are only ``shown``.

    ``rest`` is the part of the window that is still to be walked, or None.
    """

    users: list[UserSnapshot]
    unmappable: list[UnusableUser]
    since_ms: int
    until_ms: int
    shown: list[str]
    rest: Window | None

    @property
    def count(self) -> int:
        """How many users the page brought."""
        return len(self.users) + len(self.unmappable)


class WindowReader:
    """The pages of one window. ``page_size`` is what the server makes of a limit of 500: a shorter page is the last.

    ``head`` is the first page where it is there already: it may begin in the millisecond before the window.
    """

    def __init__(
        self, api: ClerkApi, window: Window, page_size: int = LARGEST_PAGE, head: UserPage | None = None
    ) -> None:
        self._api = api
        self._window = window
        self._page_size = page_size
        self._head = head
        self._carried = set(window.carried)
        self._known = self._carried | ({window.reached_id} if window.reached_id else set())

    def __iter__(self) -> Iterator[PageSlice]:
        """Yield the pages; raise ApiError where the walk cannot go on."""
        window: Window | None = self._window
        while window is not None:
            page, window = self._fetch(window)
            stretch = self._read(page, window)
            yield stretch
            window = stretch.rest

    def _fetch(self, window: Window) -> tuple[UserPage, Window]:
        """Return the next page, and the window with the places that now lie behind us."""
        head, self._head = self._head, None
        if head is not None:
            return head, replace(window, walked=head.count)
        if not window.by_offset:
            page = self._find_by_cursor(window)
            if page is not None:
                return page, replace(window, walked=window.walked + page.count)
            window = replace(window, by_offset=True)
        offset, page = self._get_by_offset(window)
        return page, replace(window, walked=offset + page.count)

    def _find_by_cursor(self, window: Window) -> UserPage | None:
        """Return the page behind the cursor, or None where the cursor leads nowhere, or back."""
        after, before = _bounds(window)
        try:
            page = self._api.list_users(
                starting_after=window.reached_id, created_at_after=after, created_at_before=before
            )
        except CursorRefusedError:
            return None
        leads_back = not self._known.isdisjoint(_ids(page)) or (
            window.reached_ms is not None and page.first_ms is not None and page.first_ms < window.reached_ms
        )
        return None if leads_back else page

    def _get_by_offset(self, window: Window) -> tuple[int, UserPage]:
        after, before = _bounds(window)
        step = min(LARGEST_OVERLAP, self._page_size // 2)
        offset = max(window.walked - step, 0)
        while True:
            page = self._api.list_users(offset=offset, created_at_after=after, created_at_before=before)
            if offset == 0 or not self._known.isdisjoint(_ids(page)):
                return offset, page
            # So many were deleted behind us that the list has moved by more than the overlap: step back.
            step = max(step * 2, 1)
            offset = max(offset - step, 0)

    def _read(self, page: UserPage, window: Window) -> PageSlice:
        _check_answer(page, window)
        fresh = [user for user in page.users if user.clerk_id not in self._known]
        if window.by_offset and window.reached_ms is not None:
            fresh = [user for user in fresh if user.clerk_created_at >= window.reached_ms or not user.clerk_created_at]
        unmappable = [user for user in page.unmappable if user.clerk_id not in self._known]
        is_last = page.count < self._page_size
        if not is_last and not fresh and not any(user.clerk_id for user in unmappable):
            raise ApiProtocolError("a page of Clerk's list brings nothing new: the walk would never end")

        ids = _ids(page)
        reached_ms = window.reached_ms if page.last_ms is None else page.last_ms
        carried = {user.clerk_id for user in page.users if user.clerk_created_at == reached_ms}
        carried.update(user.clerk_id for user in page.unmappable if user.clerk_id)
        if reached_ms == window.reached_ms:
            carried |= self._carried
        stretch = PageSlice(
            users=[user for user in fresh if _is_inside(user, window)],
            unmappable=unmappable,
            since_ms=_first_of(window.reached_ms, window.start_ms, FIRST_MS),
            until_ms=_first_of(window.end_ms, END_OF_TIME_MS) if is_last else _first_of(reached_ms, FIRST_MS),
            shown=[*ids, *self._carried],
            rest=None if is_last else _rest_behind(page, window, reached_ms, carried),
        )
        self._carried = carried
        self._known = set(ids)
        return stretch


def _rest_behind(page: UserPage, window: Window, reached_ms: int | None, carried: set[str]) -> Window | None:
    if window.end_ms is not None and reached_ms is not None and reached_ms >= window.end_ms:
        return None  # further than asked for: the server does not know created_at_before
    reached_id = page.last_id or (page.users[-1].clerk_id if page.users else None)
    if reached_id is None:
        raise ApiProtocolError("a whole page of Clerk's list has no user whose id can be read: the walk cannot go on")
    return replace(window, reached_ms=reached_ms, reached_id=reached_id, carried=list(islice(carried, MOST_CARRIED)))


def _check_answer(page: UserPage, window: Window) -> None:
    """Refuse a list that is not the one that was asked for: its gaps would mean nothing."""
    times_ms = [user.clerk_created_at for user in page.users if user.clerk_created_at]
    if any(before > after for before, after in pairwise(times_ms)):
        raise ApiProtocolError("Clerk's list is not in the order of created_at that was asked for")
    # One millisecond of grace: Clerk does not say whether the ends of a window belong to it.
    if window.start_ms is not None and times_ms and times_ms[0] < window.start_ms - 1:
        raise ApiProtocolError("Clerk's list ignores created_at_after; --workers 1 does without")


def _bounds(window: Window) -> tuple[int | None, int | None]:
    """Return what to ask for, so that the window is covered whether or not the ends belong to it."""
    return (window.start_ms - 1 if window.start_ms is not None else None), window.end_ms


def _is_inside(user: UserSnapshot, window: Window) -> bool:
    if not user.clerk_created_at:
        return True  # Clerk has put the user into this window, by a time that cannot be read
    after_start = window.start_ms is None or user.clerk_created_at >= window.start_ms
    return after_start and (window.end_ms is None or user.clerk_created_at < window.end_ms)


def _first_of(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _ids(page: UserPage) -> list[str]:
    return [user.clerk_id for user in page.users] + [user.clerk_id for user in page.unmappable if user.clerk_id]
