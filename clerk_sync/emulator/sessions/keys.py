"""The RSA keys that sign tokens, and the published key set."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


@dataclass(frozen=True)
class SigningKey:
    """One private key and the ``kid`` under which its public half is published."""

    kid: str
    private: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def generate(cls, kid: str) -> SigningKey:
        """Return a new 2048-bit key, the size that Clerk uses."""
        return cls(kid, rsa.generate_private_key(public_exponent=65537, key_size=2048))

    @classmethod
    def from_pem(cls, kid: str, pem: str) -> SigningKey:
        """Return the key of a PEM made by :attr:`private_key_pem`."""
        private = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise TypeError(f"the key {kid} in the state file is not an RSA key")
        return cls(kid, private)

    @property
    def private_key_pem(self) -> str:
        """The private key, for the state file only."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @property
    def public_key_pem(self) -> str:
        """The public half as the Dashboard shows it, ready for ``CLERK_JWT_KEY``."""
        return (
            self.private.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    @property
    def jwk(self) -> dict[str, Any]:
        """The public half as an entry of the key set."""
        numbers = self.private.public_key().public_numbers()
        return {
            "use": "sig",
            "kty": "RSA",
            "kid": self.kid,
            "alg": "RS256",
            "n": _base64url_number(numbers.n),
            "e": _base64url_number(numbers.e),
        }

    def sign(self, message: bytes) -> bytes:
        """Return the RS256 signature of ``message``."""
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())


class Keys:
    """The key in use, and the published set. The first key is made at its first use, because that takes time."""

    def __init__(self, kid: str, new_kid: Callable[[], str]) -> None:
        self._first_kid = kid
        self._new_kid = new_kid
        self._lock = threading.RLock()
        self._current: SigningKey | None = None
        self._kept: list[SigningKey] = []

    @property
    def current(self) -> SigningKey:
        """The key that signs."""
        with self._lock:
            if self._current is None:
                self._current = SigningKey.generate(self._first_kid)
            return self._current

    @property
    def published(self) -> list[SigningKey]:
        """The keys that verify, the current one first."""
        with self._lock:
            return [self.current, *self._kept]

    def rotate(self, *, keep_kid: bool = False, keep_old: bool = False) -> SigningKey:
        """Sign with a new key from now on. Return the old one, so that tests can still make tokens with it.

        The old key leaves the key set at once unless ``keep_old``. Clerk does not document the id of a rotated key.
        ``keep_kid`` gives the new key the old id: a verifier that caches by id alone would refuse its tokens.
        """
        with self._lock:
            old = self.current
            self._current = SigningKey.generate(old.kid if keep_kid else self._new_kid())
            self._kept = [old] if keep_old else []
        return old

    def restore(self, current: SigningKey) -> None:
        """Use the key of an earlier run."""
        with self._lock:
            self._current, self._kept = current, []

    @property
    def key_set(self) -> dict[str, Any]:
        """The body of ``/v1/jwks`` and ``/.well-known/jwks.json``."""
        return {"keys": [key.jwk for key in self.published]}


def _base64url_number(number: int) -> str:
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
