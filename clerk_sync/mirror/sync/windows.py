"""Read one window of ``created_at`` from Clerk's list of users, and prove that each page follows the one before.

1. Ask for the page behind the cursor ``starting_after``.
2. If the server refuses or ignores the cursor, or its user has moved, read the rest of the window by offset.
3. Offset pages overlap by 50 users; a shared user proves that none was skipped. If none is shared, step back.
4. A full page without a new user is an error: reading on would never end.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise

from msgspec import Struct, field
from msgspec.structs import replace

from clerk_sync.clerk.api.client import LARGEST_PAGE, ClerkApi
from clerk_sync.clerk.api.user_pages import UnusableUser, UserPage
from clerk_sync.clerk.errors import ApiProtocolError, CursorRefusedError
from clerk_sync.clerk.users import UserSnapshot

FIRST_MS = 1  # 0 stands for a creation time that is not known
END_OF_TIME_MS = 2**62
LARGEST_OVERLAP = 50
MOST_BOUNDARY_IDS = 1000  # in a checkpoint; a reader keeps them all


class Window(Struct, frozen=True, omit_defaults=True):
    """The users created from ``start_ms`` up to, and not including, ``end_ms``, and how far they have been read.

    ``walked`` is the number of the window's users that have been read, for the offset. ``boundary_ids`` are users who
    may belong to the next page's range although it does not show them: they were created in the millisecond
    ``reached_ms``, or their creation time could not be read.
    """

    start_ms: int | None = None
    end_ms: int | None = None
    reached_ms: int | None = None
    reached_id: str | None = None
    walked: int = 0
    by_offset: bool = False
    boundary_ids: list[str] = field(default_factory=list, name="carried")  # the name in stored checkpoints


class PageSlice(Struct, frozen=True):
    """A page's new users, and the proof that from ``since_ms`` until ``until_ms`` Clerk lists only ``shown``.

    ``rest`` is the part of the window behind the page, or None.
    """

    users: list[UserSnapshot]
    unmappable: list[UnusableUser]
    since_ms: int
    until_ms: int
    shown: list[str]
    rest: Window | None

    @property
    def count(self) -> int:
        """The number of new users."""
        return len(self.users) + len(self.unmappable)


class WindowReader:
    """Reads one window page by page. ``page_size`` is the server's page for a limit of 500: a shorter page is the last.

    ``window`` is the rest that is not read yet, or None.
    """

    def __init__(self, api: ClerkApi, window: Window, page_size: int = LARGEST_PAGE) -> None:
        self.window: Window | None = window
        self._api = api
        self._page_size = page_size
        self._boundary_ids = set(window.boundary_ids)
        self._known = self._boundary_ids | ({window.reached_id} if window.reached_id else set())

    def __iter__(self) -> Iterator[PageSlice]:
        """Yield the pages that are left."""
        while self.window is not None:
            yield self.read_page()

    def read_page(self) -> PageSlice:
        """Return the next page; raise ApiError if the list cannot be read on."""
        if self.window is None:
            raise ValueError("the window has been read to its end")
        page, window = self._fetch(self.window)
        page_slice = self._read(page, window)
        self.window = page_slice.rest
        return page_slice

    def end_at(self, end_ms: int) -> None:
        """Leave the users from ``end_ms`` on to other windows."""
        if self.window is not None:
            self.window = replace(self.window, end_ms=end_ms)

    def _fetch(self, window: Window) -> tuple[UserPage, Window]:
        """Return the next page, and the window with the number of users up to its end."""
        if not window.by_offset:
            page = self._find_by_cursor(window)
            if page is not None:
                return page, replace(window, walked=window.walked + page.count)
            window = replace(window, by_offset=True)
        offset, page = self._get_by_offset(window)
        return page, replace(window, walked=offset + page.count)

    def _find_by_cursor(self, window: Window) -> UserPage | None:
        """Return the page behind the cursor, or None if the cursor is refused or leads back."""
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
            # More users were deleted before this page than pages overlap: step back.
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
            raise ApiProtocolError("a page of Clerk's list has no new user: reading on would never end")

        ids = _ids(page)
        reached_ms = window.reached_ms if page.last_ms is None else page.last_ms
        boundary_ids = {user.clerk_id for user in page.users if user.clerk_created_at == reached_ms}
        boundary_ids.update(user.clerk_id for user in page.unmappable if user.clerk_id)
        if reached_ms == window.reached_ms:
            boundary_ids |= self._boundary_ids
        page_slice = PageSlice(
            users=[user for user in fresh if _is_inside(user, window)],
            unmappable=unmappable,
            since_ms=_first_of(window.reached_ms, window.start_ms, FIRST_MS),
            until_ms=_first_of(window.end_ms, END_OF_TIME_MS) if is_last else _first_of(reached_ms, FIRST_MS),
            shown=[*ids, *self._boundary_ids],
            rest=None if is_last else _rest_behind(page, window, reached_ms, boundary_ids),
        )
        self._boundary_ids = boundary_ids
        self._known = set(ids)
        return page_slice


def _rest_behind(page: UserPage, window: Window, reached_ms: int | None, boundary_ids: set[str]) -> Window | None:
    if window.end_ms is not None and reached_ms is not None and reached_ms >= window.end_ms:
        return None  # The server ignores created_at_before.
    reached_id = page.last_id or (page.users[-1].clerk_id if page.users else None)
    if reached_id is None:
        raise ApiProtocolError("a full page of Clerk's list has no readable id: the next page cannot be found")
    return replace(
        window, reached_ms=reached_ms, reached_id=reached_id, boundary_ids=list(islice(boundary_ids, MOST_BOUNDARY_IDS))
    )


def _check_answer(page: UserPage, window: Window) -> None:
    """Refuse a list that ignores the request: users it leaves out would be taken for deleted."""
    times_ms = [user.clerk_created_at for user in page.users if user.clerk_created_at]
    if any(before > after for before, after in pairwise(times_ms)):
        raise ApiProtocolError("Clerk's list is not in the order of created_at that was asked for")
    # Allow one millisecond: Clerk does not say whether the bounds are inclusive.
    if window.start_ms is not None and times_ms and times_ms[0] < window.start_ms - 1:
        raise ApiProtocolError("Clerk's list ignores created_at_after; --workers 1 does without")


def _bounds(window: Window) -> tuple[int | None, int | None]:
    """Return bounds that cover the window whether Clerk treats them as inclusive or not."""
    return (window.start_ms - 1 if window.start_ms is not None else None), window.end_ms


def _is_inside(user: UserSnapshot, window: Window) -> bool:
    if not user.clerk_created_at:
        return True  # Clerk puts the user into this window by a time that we cannot read.
    after_start = window.start_ms is None or user.clerk_created_at >= window.start_ms
    return after_start and (window.end_ms is None or user.clerk_created_at < window.end_ms)


def _first_of(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _ids(page: UserPage) -> list[str]:
    return [user.clerk_id for user in page.users] + [user.clerk_id for user in page.unmappable if user.clerk_id]
