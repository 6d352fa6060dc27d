"""Keys, ready to verify with: what every source of keys hands out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec
from cryptography.hazmat.backends import default_backend
from jose import jwk

if TYPE_CHECKING:
    from jose.backends.base import Key

ALGORITHM = "RS256"

# Its first call imports modules. Without this it would come from a thread that answers a request.
default_backend()


@dataclass(frozen=True, eq=False, slots=True)
class KeySet:
    """The keys that count now. Another object stands for other keys: compare with ``is``."""

    by_id: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    nameless: tuple[Key, ...] = ()
    """A PEM says no id, so a token's is not compared with anything."""

    def find_keys(self, kid: object) -> tuple[Key, ...]:
        """Return the keys that may have signed a token with this ``kid``; none for an unknown or missing one."""
        if self.nameless:
            return self.nameless
        return self.by_id.get(kid, ()) if isinstance(kid, str) else ()


class KeySource(Protocol):
    """Where the verifier gets its keys."""

    def current(self) -> KeySet:
        """Return the keys that count now; raise KeysUnavailable where there are none to be had."""

    def renewed(self, ring: KeySet) -> KeySet:
        """Return newer keys than ``ring``, which did not verify a token, or ``ring`` itself."""


class PublicKeyEntry(msgspec.Struct, frozen=True):
    """One RSA key of a key set: its id, modulus and exponent, as published."""

    kid: str
    n: str
    e: str


def ring_of_pem(pem: str) -> KeySet:
    """Return the ring with the one key of ``pem``."""
    return KeySet(nameless=(jwk.construct(pem, ALGORITHM),))


def ring_of_entries(entries: Iterable[PublicKeyEntry]) -> KeySet:
    """Return the ring of ``entries``; a set may hold an id twice while the key behind it is being rotated."""
    by_id: dict[str, tuple[Key, ...]] = {}
    for entry in entries:
        by_id[entry.kid] = (*by_id.get(entry.kid, ()), build_key(entry))
    return KeySet(by_id)


def build_key(entry: PublicKeyEntry) -> Key:
    """Return the key of ``entry``; raise ValueError where its numbers are none of an RSA key."""
    return jwk.construct({"kty": "RSA", "n": entry.n, "e": entry.e}, ALGORITHM)
