"""Check that keys, secrets and origins fit each other and the environment. Uses no network."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import urlsplit

from clerk_sync.clerk.loopback import LOOPBACK
from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, ok, warning, wrong
from clerk_sync.settings.settings import Settings

LIVE, TEST = "live", "test"
SECRET_BYTES = range(24, 76)  # the sizes that Svix creates and accepts


def check_kinds(context: CheckContext) -> Iterator[Finding]:
    """Yield whether the keys are of one kind, and of the right kind for the environment."""
    settings, subject = context.settings, "kind of keys"
    kinds = _kinds(settings)
    if not kinds:
        return
    names = " and ".join(kinds)
    if len(set(kinds.values())) > 1:
        found = ", ".join(f"{name} is {kind}" for name, kind in kinds.items())
        yield wrong(
            subject, f"{found}: two instances of Clerk", "copy both keys from the same page of Clerk's dashboard"
        )
    elif settings.is_production and TEST in kinds.values():
        yield warning(
            subject,
            f"{names}: test keys in production",
            "a development instance allows 100 users and 100 requests in 10 s: use the live keys",
        )
    elif not settings.is_production and LIVE in kinds.values():
        yield wrong(
            subject,
            f"{names}: live keys in {settings.environment}",
            "use the test keys, or set CLERK_SYNC_ENV=production: live keys give access to the data of real users",
        )
    else:
        yield ok(subject, f"{', '.join(sorted(set(kinds.values())))}, as expected in {settings.environment}")


def check_signing_secrets(context: CheckContext) -> Iterator[Finding]:
    """Yield whether each signing secret looks like one of Clerk's."""
    secrets, subject = context.settings.webhook_signing_secrets, "signing secret"
    sizes = [len(_key_bytes(secret)) for secret in secrets]
    if unusual := [size for size in sizes if size not in SECRET_BYTES]:
        yield warning(
            subject, f"a key of {unusual[0]} bytes; Clerk's have 24 or more", "copy the whole secret again, whsec_…"
        )
    elif len(set(secrets)) < len(secrets):
        yield warning(subject, "one secret is listed twice", "list each once")
    elif len(secrets) > 1:
        yield warning(
            subject, f"{len(secrets)} secrets: a rotation is under way", "remove the old one a day after the rotation"
        )
    elif secrets:
        yield ok(subject, f"a key of {sizes[0]} bytes")


def check_parties(context: CheckContext) -> Iterator[Finding]:
    """Yield whether browsers can send the listed origins, and whether those belong to the environment."""
    settings, subject = context.settings, "authorized parties"
    mistakes = list(_mistaken_parties(settings))
    for party, found, fix in mistakes:
        yield warning(subject, f"{party} {found}", fix)
    if settings.authorized_parties and not mistakes:
        yield ok(subject, f"{len(settings.authorized_parties)}, no mistakes found")


def _mistaken_parties(settings: Settings) -> Iterator[tuple[str, str, str]]:
    key = settings.publishable_key
    for party in settings.authorized_parties:
        scheme, host = urlsplit(party).scheme, urlsplit(party).hostname or ""
        if settings.authorized_parties.count(party) > 1:
            yield party, "is listed twice", "list each origin once"
        elif key is not None and party.rpartition("/")[2] == key.frontend_api:
            yield party, "is Clerk's own address", "list the origins of your front ends: azp is the page, not Clerk"
        elif settings.is_production and host in LOOPBACK:
            yield party, "is a developer's machine", "remove it in production"
        elif scheme == "http" and host not in LOOPBACK:
            yield party, "is not https: browsers send no session cookies from it", "list the https origin"


def _kinds(settings: Settings) -> dict[str, str]:
    values = {
        "CLERK_SECRET_KEY": settings.secret_key,
        "CLERK_PUBLISHABLE_KEY": settings.publishable_key.value if settings.publishable_key else None,
    }
    return {name: value.split("_")[1] for name, value in values.items() if value}


def _key_bytes(secret: str) -> bytes:
    encoded = secret.partition("_")[2]
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4))
