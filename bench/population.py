"""Up to millions of users in the JSON of Clerk's API: one file, in which every page of the list is a range of bytes."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import groupby
from mmap import ACCESS_READ, mmap
from operator import attrgetter
from tempfile import TemporaryFile

from msgspec.json import Encoder

from clerk_sync.emulator.users.schemas import User
from clerk_sync.emulator.users.seeding import seeded_users


class Population:
    """``count`` users in the order of the list: by ``created_at``, then by id. Every run makes the same users.

    Their JSON is in an unnamed file instead of on the heap: a million users take 1.7 GB.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError(f"a population has at least one user, not {count}")
        self.created_at_ms = array("q")
        self.positions: dict[str, int] = {}
        self._ends = array("q", [0])
        self._text = memoryview(self._write(in_order(seeded_users(count))))

    def __len__(self) -> int:
        return len(self.created_at_ms)

    def text(self, start: int, stop: int) -> memoryview:
        """Return the users from ``start`` to before ``stop`` as JSON, separated by commas."""
        first, last = self._ends[start], self._ends[stop] - 1
        return self._text[first : max(first, last)]

    def _write(self, users: Iterable[User]) -> mmap:
        encode = Encoder().encode
        with TemporaryFile(prefix="clerk_sync_bench_") as file:
            for position, user in enumerate(users):
                text = encode(user)
                file.write(text)
                file.write(b",")
                self._ends.append(self._ends[-1] + len(text) + 1)
                self.created_at_ms.append(user.created_at)
                self.positions[user.id] = position
            file.flush()
            return mmap(file.fileno(), 0, access=ACCESS_READ)


def in_order(users: Iterable[User]) -> Iterator[User]:
    """Yield ``users``, which are sorted by ``created_at``, with those of one millisecond sorted by id."""
    for _, of_one_millisecond in groupby(users, key=attrgetter("created_at")):
        yield from sorted(of_one_millisecond, key=attrgetter("id"))
