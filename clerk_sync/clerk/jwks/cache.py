"""A key set of Clerk's, held in memory and kept fresh at a bounded price.

=====================  =================================================================================================
the set grows old      one request fetches it anew, everyone else goes on with what there is
the source is down     the keys at hand keep their worth; one attempt a cooldown
an unknown key id, or  one fetch a cooldown, over all threads and all workers: the key may be new, or rotated under its
a bad signature        old id, and a storm of forged tokens costs no more than that
a useless answer       never replaces a good set
=====================  =================================================================================================
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

import msgspec

from clerk_sync.clerk.errors import ApiError, KeysUnavailableError
from clerk_sync.clerk.jwks.key_set import KeySet, PublicKeyEntry, ring_of_entries
from clerk_sync.clerk.jwks.key_shelf import NoShelf, Shelf, Shelved

log = logging.getLogger(__name__)

TIME_TO_LIVE_S = 300
# Three fetches fit into 30 s, and a new key is there within 35 s even where one of them fails.
COOLDOWN_S = 12
# How soon what one worker has fetched reaches the others.
LOOK_EVERY_S = 1


class JwksCache:
    """Keys that are fetched; safe to share between threads, and through its shelf between processes."""

    def __init__(
        self,
        fetch: Callable[[], tuple[PublicKeyEntry, ...]],
        shelf: Shelf | None = None,
        *,
        clock: Callable[[], float] = time.time,
        count: Callable[[str], object] = lambda _: None,
    ) -> None:
        """``count`` hears of each fetch how it ended: ``fetched`` or ``failed``."""
        self._fetch = fetch
        self._shelf = shelf or NoShelf()
        self._clock = clock
        self._count = count
        self._known = Shelved()
        self._ring: KeySet | None = None
        self._looked_at = 0.0
        # One thread tends the set; whoever has keys does not wait for it.
        self._tending = threading.Lock()

    def current(self) -> KeySet:
        """Return the keys that count now; raise KeysUnavailable where none could ever be had."""
        if self._ring is None or not _is_within(LOOK_EVERY_S, self._looked_at, self._clock()):
            self._tend(is_wanting=False)
        if self._ring is None:
            rest_s = self._known.attempted_at + COOLDOWN_S - self._clock()
            raise KeysUnavailableError("the key set cannot be fetched", max(1, math.ceil(rest_s)))
        return self._ring

    def renewed(self, ring: KeySet) -> KeySet:
        """Return newer keys than ``ring``, where there are some and the cooldown lets us ask; else ``ring`` itself."""
        # Asked here as well as under the lock: this is where a storm of forged tokens comes by.
        if not self._is_cooling():
            self._tend(is_wanting=True)
        return self._ring or ring

    def _tend(self, *, is_wanting: bool) -> None:
        """Take up what a sibling has fetched; fetch where the set is old or found ``is_wanting``."""
        # Without keys there is nothing to go on with but what the thread, or the process, that is at it will bring.
        if not self._tending.acquire(blocking=self._ring is None):
            return
        try:
            self._looked_at = self._clock()
            self._take_up(self._shelf.find_change())
            if self._ring is None or is_wanting or self._is_old():
                self._fetch_as_one(wait=self._ring is None)
        finally:
            self._tending.release()

    def _fetch_as_one(self, *, wait: bool) -> None:
        with self._shelf.hold(wait=wait) as is_held:
            if not is_held:
                return
            self._take_up(self._shelf.find())
            if self._is_cooling():
                return
            # Before the fetch: an outage must not cost one call per bad token.
            attempted_at = self._clock()
            self._put(msgspec.structs.replace(self._known, attempted_at=attempted_at))
            entries = self._fetch_and_log()
            if entries:
                self._put(Shelved(attempted_at, attempted_at, entries))

    def _fetch_and_log(self) -> tuple[PublicKeyEntry, ...]:
        started_at = time.monotonic()
        try:
            entries = self._fetch()
        except ApiError as error:
            log.warning("key set not fetched: %s", error)
            self._count("failed")
            return ()
        log.info("key set fetched: %d keys in %d ms", len(entries), (time.monotonic() - started_at) * 1000)
        self._count("fetched")
        return entries

    def _put(self, known: Shelved) -> None:
        self._shelf.put(known)
        self._take_up(known)

    def _take_up(self, known: Shelved | None) -> None:
        if known is None:
            return
        if not known.entries:
            known = msgspec.structs.replace(self._known, attempted_at=known.attempted_at)
        # The same keys stay the same ring: what was proven with them stays proven.
        if known.entries != self._known.entries:
            self._ring = ring_of_entries(known.entries)
        self._known = known

    def _is_old(self) -> bool:
        return not _is_within(TIME_TO_LIVE_S, self._known.fetched_at, self._clock())

    def _is_cooling(self) -> bool:
        return _is_within(COOLDOWN_S, self._known.attempted_at, self._clock())


def _is_within(span_s: float, since: float, now: float) -> bool:
    # A time in the future is no reason to wait for it: the clock was set back.
    return since <= now < since + span_s
