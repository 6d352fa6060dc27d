"""Check Clerk's Backend API: the secret key, the clock, and the instance of the key."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from msgspec import ValidationError

from clerk_sync.clerk.api.client import Instance
from clerk_sync.clerk.api.transport import API_VERSION
from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import NotJsonError
from clerk_sync.clerk.http import HttpResponse
from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, ok, warning, wrong
from clerk_sync.cli.doctor.http_probe import NoResponseError, probe

API, CLOCK, INSTANCE = "Clerk's API", "clock", "instance"
TIMEOUT_S = 5.0

# Tokens are accepted from 5 s before their time, and Date counts whole seconds.
WORRYING_SKEW_S, WRONG_SKEW_S = 2.5, 5.0


def check_api(context: CheckContext) -> Iterator[Finding]:
    """Yield how the API responds to our key. If it responds at all, compare its clock with ours."""
    settings = context.settings
    if "CLERK_API_URL" in context.problems:
        yield warning(API, "not checked", "fix CLERK_API_URL first")
        return
    try:
        response = probe(
            "GET",
            f"{settings.api_url}/v1/instance",
            secret_key=settings.secret_key,
            headers={"Clerk-API-Version": API_VERSION, "Accept": "application/json"},
            timeout_s=TIMEOUT_S,
        )
    except NoResponseError as error:
        # Without a secret key only this check uses the API.
        verdict = wrong if settings.secret_key else warning
        yield verdict(
            API, f"{settings.api_url}: {error}", "check CLERK_API_URL, and whether a firewall blocks outgoing requests"
        )
        return
    yield _judge_api(context, response)
    yield _judge_clock(context, response)
    yield from _judge_instance(context, response)


def _judge_api(context: CheckContext, response: HttpResponse) -> Finding:
    url = context.settings.api_url
    if context.settings.secret_key is None:
        return warning(API, f"{url} answers; there is no key to check", "set CLERK_SECRET_KEY")
    if response.status == 401:
        return wrong(
            API,
            "401: Clerk does not know CLERK_SECRET_KEY: it is mistyped, revoked, or of another instance",
            "copy the key again from Clerk's dashboard, under API keys",
        )
    if response.status == 403:
        return wrong(
            API, "403: CLERK_SECRET_KEY has no permission to read", "use a key that may read users and the instance"
        )
    if 300 <= response.status < 400:
        return wrong(
            API, f"{response.status}: {url} redirects to another address", "set CLERK_API_URL to https://api.clerk.com"
        )
    if response.status >= 500 or response.status == 429:
        return warning(API, f"{url} answers {response.status} now", "see status.clerk.com, and try again in a minute")
    if response.status == 404 or (response.status == 200 and _find_instance(response)):
        return ok(API, f"{url} answers in {response.seconds * 1000:.0f} ms")
    return wrong(API, f"{url} answers {response.status}, but not as Clerk does", "check CLERK_API_URL")


def _judge_clock(context: CheckContext, response: HttpResponse) -> Finding:
    try:
        theirs = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except ValueError:
        return warning(CLOCK, "the API's response has no Date to compare with")
    # The server cuts Date to whole seconds, and sets it at an unknown time between request and response.
    skew_s = context.clock() - response.seconds / 2 - (theirs + 0.5)
    found = f"{abs(skew_s):.1f} s {'ahead of' if skew_s > 0 else 'behind'} the API's"
    if abs(skew_s) > WRONG_SKEW_S:
        return wrong(
            CLOCK,
            f"{found}: new tokens are refused and, from 300 s on, webhooks",
            "synchronize this machine's clock with NTP",
        )
    if abs(skew_s) > WORRYING_SKEW_S:
        return warning(CLOCK, found, "synchronize this machine's clock with NTP: from 5 s on new tokens are refused")
    return ok(CLOCK, f"within {WORRYING_SKEW_S:g} s of the API's")


def _judge_instance(context: CheckContext, response: HttpResponse) -> Iterator[Finding]:
    from clerk_sync.mirror.errors import KeyMismatchError
    from clerk_sync.mirror.sync.run import check_key

    instance, secret_key = _find_instance(response), context.settings.secret_key
    if instance is None or secret_key is None:
        return
    context.instance_id = instance.id
    try:
        check_key(instance, secret_key)
    except KeyMismatchError as error:
        yield wrong(INSTANCE, str(error), "copy the key again from Clerk's dashboard")
        return
    yield ok(INSTANCE, f"CLERK_SECRET_KEY belongs to {instance.id} ({instance.environment_type})")


_instance = JsonDecoder(Instance)


def _find_instance(response: HttpResponse) -> Instance | None:
    try:
        return _instance.decode(response.body) if response.status == 200 else None
    except (ValidationError, NotJsonError):
        return None
