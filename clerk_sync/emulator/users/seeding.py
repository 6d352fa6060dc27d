"""Many users at once, as varied as real ones. The same seed gives the same users."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from clerk_sync.emulator.identity import Ids
from clerk_sync.emulator.users.factories import new_email, new_phone, new_user, new_wallet
from clerk_sync.emulator.users.schemas import (
    EMAIL_CODE_PENDING,
    EMAIL_CODE_VERIFIED,
    PHONE_CODE_VERIFIED,
    ExternalAccount,
    User,
    Verification,
)

FIRST_SIGN_UP_MS = 1_700_000_000_000
_DAY_MS = 24 * 3600 * 1000
_FIRST_NAMES = ("Ada", "Alan", "Barbara", "Claude", "Donald", "Edsger", "Frances", "Grace", "Hedy", "Katherine", "Zoë")
_LAST_NAMES = ("Allen", "Dijkstra", "Hopper", "Johnson", "Knuth", "Lamarr", "Liskov", "Lovelace", "Shannon", "Turing")
_UNUSUAL_NAMES = (
    ("🦊", "Fuchs 🙂"),
    ("عائشة", "الباعونية"),
    ("さくら", "紫"),
    ("Anne-Marie", "O’Neil"),
    ("Björk", None),
)

_OAUTH_VERIFIED = Verification(
    object="verification_oauth", status="verified", strategy="oauth_google", expire_at=FIRST_SIGN_UP_MS
)


def seeded_users(count: int, seed: int = 0, *, start_ms: int = FIRST_SIGN_UP_MS) -> Iterator[User]:
    """Yield ``count`` users in order of ``created_at``, some of which signed up in the same millisecond."""
    chance = random.Random(seed)  # noqa: S311 - variety, not secrets
    ids = Ids(seed)
    kinds, weights = zip(*_KINDS, strict=True)
    at_ms = start_ms
    for index, kind in enumerate(chance.choices(kinds, weights, k=count)):
        at_ms += chance.choice((0, 1, 250, 4_000, 60_000))
        yield kind(ids, chance, f"{seed}-{index}", at_ms)


def _person(ids: Ids, chance: random.Random, at_ms: int, **fields: Any) -> User:
    fields.setdefault("first_name", chance.choice(_FIRST_NAMES))
    fields.setdefault("last_name", chance.choice(_LAST_NAMES))
    last_change_ms = at_ms + chance.choice((0, 0, 3, chance.randrange(30 * _DAY_MS)))
    fields.setdefault("last_sign_in_at", last_change_ms)
    fields.setdefault("last_active_at", last_change_ms)
    return new_user(ids, created_at_ms=at_ms, updated_at_ms=last_change_ms, **fields)


def _ordinary(ids: Ids, chance: random.Random, name: str, at_ms: int, **fields: Any) -> User:
    email = new_email(ids, f"user.{name}@example.com", at_ms, verification=EMAIL_CODE_VERIFIED)
    return _person(ids, chance, at_ms, emails=[email], **fields)


def _primary_not_first(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    emails = [
        new_email(ids, f"user.{name}.old@example.net", at_ms, verification=EMAIL_CODE_PENDING),
        new_email(ids, f"user.{name}@example.com", at_ms, verification=EMAIL_CODE_VERIFIED),
        new_email(ids, f"user.{name}.work@example.org", at_ms),
    ]
    return _person(ids, chance, at_ms, emails=emails, primary_email=1)


def _no_primary(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    emails = [new_email(ids, f"user.{name}.{which}@example.com", at_ms) for which in "ab"]
    return _person(ids, chance, at_ms, emails=emails, primary_email_address_id=None)


def _unverified(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    email = new_email(ids, f"user.{name}@example.com", at_ms, verification=EMAIL_CODE_PENDING)
    return _person(ids, chance, at_ms, emails=[email])


def _phone_only(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    number = "+1555" + name.replace("-", "").rjust(8, "0")
    phone = new_phone(ids, number, at_ms, verification=PHONE_CODE_VERIFIED)
    return _person(ids, chance, at_ms, phones=[phone], first_name=None, last_name=None)


def _username_only(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    return _person(ids, chance, at_ms, username=f"user_{name}", password_enabled=True, first_name=None, last_name=None)


def _wallet_only(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    return _person(ids, chance, at_ms, wallets=[new_wallet(ids, f"0x{name.replace('-', '').rjust(40, '0')}", at_ms)])


def _unusual_name(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    first_name, last_name = chance.choice(_UNUSUAL_NAMES)
    return _ordinary(ids, chance, name, at_ms, first_name=first_name, last_name=last_name)


def _null_metadata(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    return _ordinary(ids, chance, name, at_ms, private_metadata=None)


def _much_metadata(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    return _ordinary(
        ids, chance, name, at_ms, public_metadata={"plan": "gold", "role": "ADMIN"}, external_id=f"customer-{name}"
    )


def _never_signed_in(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    return _ordinary(ids, chance, name, at_ms, last_sign_in_at=None, last_active_at=None)


def _banned(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    return _ordinary(ids, chance, name, at_ms, banned=True)


def _locked(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    return _ordinary(ids, chance, name, at_ms, locked=True, lockout_expires_in_seconds=3600)


def _deprovisioned(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    return _ordinary(ids, chance, name, at_ms, deprovisioned=True)


def _google(ids: Ids, chance: random.Random, name: str, at_ms: int) -> User:
    identification_id = ids.new("idn", at_ms)
    account = ExternalAccount(
        id=ids.new("eac", at_ms),
        provider="oauth_google",
        identification_id=identification_id,
        provider_user_id=f"1{name.replace('-', '').rjust(20, '0')}",
        email_address=f"user.{name}@example.com",
        email_address_verified=True,
        created_at=at_ms,
        updated_at=at_ms,
        verification=_OAUTH_VERIFIED,
    )
    return _ordinary(ids, chance, name, at_ms, external_accounts=(account,), has_image=True)


_Kind = Callable[[Ids, random.Random, str, int], User]
_KINDS: tuple[tuple[_Kind, int], ...] = (
    (_ordinary, 60),
    (_primary_not_first, 8),
    (_google, 8),
    (_phone_only, 5),
    (_never_signed_in, 3),
    (_username_only, 3),
    (_unusual_name, 3),
    (_much_metadata, 2),
    (_unverified, 2),
    (_banned, 2),
    (_locked, 1),
    (_no_primary, 1),
    (_null_metadata, 1),
    (_wallet_only, 1),
    (_deprovisioned, 1),
)
