"""A random history of users, for tests of a mirror under load. The same seed gives the same history."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from clerk_sync.emulator.users.users import Users


class RandomHistory:
    """Does random actions: some within one millisecond, some with an e-mail address of another user."""

    def __init__(self, users: Users, seed: int, clock_ms: Callable[[], int]) -> None:
        self._users = users
        self._random = random.Random(seed)  # noqa: S311 - must be reproducible
        self._clock_ms = clock_ms
        self._user_ids: list[str] = []
        self._freed_addresses: list[str] = []
        self._number = 0

    def acts(self, count: int) -> Iterator[str]:
        """Do ``count`` actions, one for each item taken; yield the name of each."""
        kinds, weights = zip(*_KINDS, strict=True)
        for kind in self._random.choices(kinds, weights, k=count):
            act = kind if len(self._user_ids) > 1 else RandomHistory.sign_up
            act(self)
            yield act.__name__

    def sign_up(self) -> None:
        """A new user signs up."""
        self._number += 1
        self._create(f"person.{self._number}@example.com")

    def rename(self) -> None:
        """A user changes their name."""
        self._users.update(self._random_user(), first_name=self._name())

    def rename_within_one_millisecond(self) -> None:
        """A user changes three times with one ``updated_at``."""
        user_id, at_ms = self._random_user(), self._clock_ms()
        for _ in range(3):
            self._users.update(user_id, first_name=self._name(), at_ms=at_ms)

    def hand_over_an_address(self) -> None:
        """An e-mail address moves from one user to another, in one millisecond."""
        giver, taker = self._random.sample(self._user_ids, 2)
        address, at_ms = self._address_of(giver), self._clock_ms()
        self._number += 1
        self._users.update(giver, email=f"person.{self._number}@example.com", at_ms=at_ms)
        self._users.update(taker, email=address, at_ms=at_ms)

    def ban_or_unban(self) -> None:
        """A user is banned or unbanned."""
        user_id = self._random_user()
        self._users.update(user_id, banned=not self._users.get(user_id)["banned"])

    def leave(self) -> None:
        """A user is deleted; their address is free again."""
        self._users.delete(self._forget_random_user())

    def come_back(self) -> None:
        """A new user signs up with the address of a deleted one."""
        if not self._freed_addresses:
            return self.leave()
        return self._create(self._freed_addresses.pop())

    def change_and_leave(self) -> None:
        """A user is changed and deleted within one millisecond."""
        user_id, at_ms = self._forget_random_user(), self._clock_ms()
        self._users.update(user_id, last_name=self._name(), at_ms=at_ms)
        self._users.delete(user_id, at_ms=at_ms)

    def _create(self, address: str) -> None:
        self._user_ids.append(self._users.create(email=address, first_name=self._name())["id"])

    def _random_user(self) -> str:
        return self._random.choice(self._user_ids)

    def _forget_random_user(self) -> str:
        user_id = self._random_user()
        self._user_ids.remove(user_id)
        self._freed_addresses.append(self._address_of(user_id))
        return user_id

    def _address_of(self, user_id: str) -> str:
        address: str = self._users.get(user_id)["email_addresses"][0]["email_address"]
        return address

    def _name(self) -> str:
        return self._random.choice(("Ada", "Zoë", "🦊", "عائشة", "O’Neil")) + str(self._random.randrange(1000))


_KINDS: tuple[tuple[Callable[[RandomHistory], None], int], ...] = (
    (RandomHistory.sign_up, 25),
    (RandomHistory.rename, 30),
    (RandomHistory.rename_within_one_millisecond, 10),
    (RandomHistory.hand_over_an_address, 10),
    (RandomHistory.ban_or_unban, 5),
    (RandomHistory.leave, 8),
    (RandomHistory.come_back, 8),
    (RandomHistory.change_and_leave, 4),
)
