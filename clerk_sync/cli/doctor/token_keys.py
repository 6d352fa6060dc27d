"""Check that the keys for session tokens are of one instance: the PEM and the key sets of both APIs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from clerk_sync.clerk.errors import ApiError
from clerk_sync.clerk.loopback import LOOPBACK
from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, ok, warning, wrong

if TYPE_CHECKING:
    from clerk_sync.clerk.jwks.keys import PublicKeyEntry

    Entries = tuple[PublicKeyEntry, ...]

SUBJECT, PEM, FRONTEND = "key set", "CLERK_JWT_KEY's instance", "publishable key's instance"


def check_token_keys(context: CheckContext) -> Iterator[Finding]:
    """Yield whether keys can be fetched, and whether all configured keys are of one instance."""
    settings = context.settings
    if "CLERK_API_URL" in context.problems:
        return
    published: Entries = ()
    if settings.secret_key is not None:
        published, finding = _fetch(SUBJECT, f"{settings.api_url}/v1/jwks", settings.secret_key)
        yield finding
    # A local Clerk serves its own address only, not the one in its publishable key.
    is_local = urlsplit(settings.api_url).hostname in LOOPBACK
    if settings.publishable_key is not None and not is_local:
        frontend, finding = _fetch(FRONTEND, settings.publishable_key.key_set_url, None)
        yield compare_key_sets(published, frontend) if published and frontend else finding
        published = published or frontend
    if settings.jwt_key is not None:
        yield compare_pem(settings.jwt_key, published)


def compare_key_sets(published: Entries, frontend: Entries) -> Finding:
    """Return whether both keys are of one instance: then their key sets have a key in common."""
    if set(published) & set(frontend):
        return ok(FRONTEND, "the same instance as that of CLERK_SECRET_KEY")
    return wrong(
        FRONTEND,
        "not the instance of CLERK_SECRET_KEY: their key sets have no key in common",
        "copy both keys from the same page of Clerk's dashboard",
    )


def compare_pem(pem: str, published: Entries) -> Finding:
    """Return whether the PEM is one of the keys that the instance publishes."""
    if not published:
        return warning(PEM, "not checked: there is no key set to compare it with")
    numbers = {_numbers_of_entry(entry) for entry in published}
    if _numbers_of_pem(pem) in numbers:
        return ok(PEM, "one of the keys that the instance publishes")
    return wrong(
        PEM,
        "none of the keys that the instance publishes: every session is refused",
        "copy the JWKS public key from Clerk's dashboard, under API keys; or unset CLERK_JWT_KEY",
    )


def _fetch(subject: str, url: str, secret_key: str | None) -> tuple[Entries, Finding]:
    from clerk_sync.clerk.jwks.fetch import fetch_key_set

    try:
        entries = fetch_key_set(url, secret_key)
    except ApiError as error:
        fix = "sessions cannot be verified with these keys: fix the findings about keys and addresses first"
        return (), (wrong if secret_key else warning)(subject, str(error), fix)
    number = "1 key" if len(entries) == 1 else f"{len(entries)} keys"
    return entries, ok(subject, f"{number} at {urlsplit(url).hostname}")


def _numbers_of_entry(entry: PublicKeyEntry) -> tuple[int, int]:
    from jose.utils import base64url_decode

    modulus, exponent = (int.from_bytes(base64url_decode(text.encode())) for text in (entry.n, entry.e))
    return modulus, exponent


def _numbers_of_pem(pem: str) -> tuple[int, int]:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(pem.encode())
    assert isinstance(key, RSAPublicKey), "the settings accept no other"  # noqa: S101 - states a guarantee
    numbers = key.public_numbers()
    return numbers.n, numbers.e
