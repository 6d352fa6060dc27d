"""The filters of ``GET /v1/users`` and ``/v1/users/count``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from clerk_sync.emulator.backend_api.params import Params, read_boolean, read_integer, read_signed_values, read_values
from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.instance import Quirks
from clerk_sync.emulator.users.schemas import User

Predicate = Callable[[User], bool]
Read = Callable[[User], Iterable[str | None]]

_VALUES: dict[str, Read] = {
    "email_address": lambda user: [email.email_address for email in user.email_addresses],
    "phone_number": lambda user: [phone.phone_number for phone in user.phone_numbers],
    "web3_wallet": lambda user: [wallet.web3_wallet for wallet in user.web3_wallets],
    "username": lambda user: [user.username],
}
_TEXTS: dict[str, Read] = {
    "email_address_query": _VALUES["email_address"],
    "phone_number_query": _VALUES["phone_number"],
    "username_query": _VALUES["username"],
    "name_query": lambda user: [f"{user.first_name or ''} {user.last_name or ''}"],
    "query": lambda user: [
        user.id,
        f"{user.first_name or ''} {user.last_name or ''}",
        *(value for read in _VALUES.values() for value in read(user)),
    ],
}


@dataclass(frozen=True, slots=True)
class Filter:
    """An inclusive window of ``created_at``, ids (none: all users), and further predicates."""

    lowest: int | None
    highest: int | None
    included_ids: tuple[str, ...]
    predicates: tuple[Predicate, ...]

    def passes(self, user: User) -> bool:
        """Whether the filter selects the user."""
        return _in_window(user.created_at, self.lowest, self.highest) and all(test(user) for test in self.predicates)


def parse_filter(params: Params, quirks: Quirks) -> Filter:
    """Return the filter of these parameters; raise Clerk's 422 for an invalid value."""
    lowest, highest = _window(params, "created_at", quirks)
    included, excluded = read_signed_values(params, "user_id")
    predicates = (
        *_excluding(excluded, lambda user: user.id),
        *_with_values(params),
        *_with_text(params),
        *_with_windows(params, quirks),
        *_with_provider(params),
        *_with_ban(params),
    )
    return Filter(lowest, highest, included, predicates)


def _with_values(params: Params) -> Iterator[Predicate]:
    for name, read in _VALUES.items():
        wanted = frozenset(value.lower() if name == "email_address" else value for value in read_values(params, name))
        if wanted:
            yield _any_in(read, wanted)
    included, excluded = read_signed_values(params, "external_id")
    if included:
        yield _any_in(lambda user: [user.external_id], frozenset(included))
    yield from _excluding(excluded, lambda user: user.external_id)
    if read_signed_values(params, "organization_id")[0]:
        yield lambda _: False  # there are no organizations


def _with_text(params: Params) -> Iterator[Predicate]:
    for name, read in _TEXTS.items():
        text = params.get(name)
        if text:
            yield _any_containing(read, text.lower())


def _with_windows(params: Params, quirks: Quirks) -> Iterator[Predicate]:
    for name in ("last_active_at", "last_sign_in_at"):
        lowest, highest = _window(params, name, quirks)
        if lowest is not None or highest is not None:
            yield _attribute_between(name, lowest, highest)
    since = read_integer(params, "last_active_at_since")
    if since is not None:
        yield _attribute_between("last_active_at", since, None)


def _with_provider(params: Params) -> Iterator[Predicate]:
    provider, user_ids = params.get("provider"), frozenset(read_values(params, "provider_user_id"))
    if not provider and not user_ids:
        return
    if not provider or not user_ids:
        missing = "provider" if user_ids else "provider_user_id"
        text = "provider and provider_user_id must be used together."
        raise ClerkApiError(422, "form_param_missing", "is missing", text, param=missing)
    names = (provider, f"oauth_{provider}")
    yield lambda user: any(
        account.provider in names and account.provider_user_id in user_ids for account in user.external_accounts
    )


def _with_ban(params: Params) -> Iterator[Predicate]:
    banned = read_boolean(params, "banned")
    if banned is not None:
        yield lambda user: user.banned is banned


def _excluding(unwanted: tuple[str, ...], key: Callable[[User], str | None]) -> Iterator[Predicate]:
    if unwanted:
        yield lambda user: key(user) not in unwanted


def _any_in(read: Read, wanted: frozenset[str]) -> Predicate:
    return lambda user: any(value in wanted for value in read(user))


def _any_containing(read: Read, text: str) -> Predicate:
    return lambda user: any(text in value.lower() for value in read(user) if value)


def _attribute_between(name: str, lowest: int | None, highest: int | None) -> Predicate:
    return lambda user: _in_window(getattr(user, name), lowest, highest)


def _window(params: Params, name: str, quirks: Quirks) -> tuple[int | None, int | None]:
    step = 0 if quirks.window_ends_belong else 1
    after, before = read_integer(params, f"{name}_after"), read_integer(params, f"{name}_before")
    return None if after is None else after + step, None if before is None else before - step


def _in_window(value: int | None, lowest: int | None, highest: int | None) -> bool:
    if lowest is None and highest is None:
        return True
    return value is not None and (lowest is None or value >= lowest) and (highest is None or value <= highest)
