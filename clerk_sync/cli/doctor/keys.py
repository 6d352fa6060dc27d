"""Whether keys, secrets and origins fit each other and the place they are used in; asks nobody."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import urlsplit

from clerk_sync.clerk.loopback import LOOPBACK
from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, ok, warning, wrong
from clerk_sync.settings.settings import Settings

LIVE, TEST = "live", "test"
SECRET_BYTES = range(24, 76)  # what Svix makes and takes


def check_kinds(context: CheckContext) -> Iterator[Finding]:
    """Yield whether the keys are of one kind, and of the kind that belongs here."""
    settings, subject = context.settings, "kind of keys"
    kinds = _kinds(settings)
    if not kinds:
        return
    names = " and ".join(kinds)
    if len(set(kinds.values())) > 1:
        told = ", ".join(f"{name} is {kind}" for name, kind in kinds.items())
        yield wrong(subject, f"{told}: two instances of Clerk", "take both from the same page of the same instance")
    elif settings.is_production and TEST in kinds.values():
        yield warning(
            subject,
            f"{names}: test keys in production",
            "a development instance takes 100 users and 100 requests in 10 s: use the live keys, but for a rehearsal",
        )
    elif not settings.is_production and LIVE in kinds.values():
        yield wrong(
            subject,
            f"{names}: live keys, and this is {settings.environment}",
            "real people's data do not belong here: use the test keys, or set CLERK_SYNC_ENV=production",
        )
    else:
        yield ok(subject, f"{', '.join(sorted(set(kinds.values())))}, as {settings.environment} needs them")


def check_signing_secrets(context: CheckContext) -> Iterator[Finding]:
    """Yield whether each signing secret looks like one that Clerk made."""
    secrets, subject = context.settings.webhook_signing_secrets, "signing secret"
    sizes = [len(_key_bytes(secret)) for secret in secrets]
    if odd := [size for size in sizes if size not in SECRET_BYTES]:
        yield warning(
            subject, f"a key of {odd[0]} bytes; Clerk's have 24 or more", "copy the whole secret once more, whsec_…"
        )
    elif len(set(secrets)) < len(secrets):
        yield warning(subject, "one secret stands there twice", "list each once")
    elif len(secrets) > 1:
        yield warning(
            subject, f"{len(secrets)} secrets: a rotation is under way", "remove the old one a day after the rotation"
        )
    elif secrets:
        yield ok(subject, f"a key of {sizes[0]} bytes")


def check_parties(context: CheckContext) -> Iterator[Finding]:
    """Yield whether a browser can ever send the origins that are listed, and whether they belong here."""
    settings, subject = context.settings, "authorized parties"
    mistakes = list(_mistaken_parties(settings))
    for party, found, mend in mistakes:
        yield warning(subject, f"{party} {found}", mend)
    if settings.authorized_parties and not mistakes:
        yield ok(subject, f"{len(settings.authorized_parties)}, none of them odd")


def _mistaken_parties(settings: Settings) -> Iterator[tuple[str, str, str]]:
    key = settings.publishable_key
    for party in settings.authorized_parties:
        scheme, host = urlsplit(party).scheme, urlsplit(party).hostname or ""
        if settings.authorized_parties.count(party) > 1:
            yield party, "stands there twice", "list each origin once"
        elif key is not None and party.rpartition("/")[2] == key.frontend_api:
            yield party, "is Clerk's own address", "list your front ends: azp is the page, not Clerk"
        elif settings.is_production and host in LOOPBACK:
            yield party, "is a developer's machine", "remove it in production"
        elif scheme == "http" and host not in LOOPBACK:
            yield party, "is not https: session cookies are not sent from there", "list the https origin"


def _kinds(settings: Settings) -> dict[str, str]:
    values = {
        "CLERK_SECRET_KEY": settings.secret_key,
        "CLERK_PUBLISHABLE_KEY": settings.publishable_key.value if settings.publishable_key else None,
    }
    return {name: value.split("_")[1] for name, value in values.items() if value}


def _key_bytes(secret: str) -> bytes:
    encoded = secret.partition("_")[2]
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4))
