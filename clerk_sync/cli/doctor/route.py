"""Check the webhook route: send a signed event of an unmirrored type to its public address."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import NotJsonError
from clerk_sync.clerk.http import HttpResponse, one_line
from clerk_sync.clerk.loopback import LOOPBACK
from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, ok, warning, wrong
from clerk_sync.cli.doctor.http_probe import NoResponseError, probe
from clerk_sync.mirror.inbox.parked import SELF_TEST
from clerk_sync.mirror.reporting.status import has_arrived

ROUTE, INBOX, READY = "webhook route", "webhook inbox", "deployed service"
SLOW_S = 5.0

_object = JsonDecoder(dict[str, Any])


def check_route(context: CheckContext) -> Iterator[Finding]:
    """Yield whether a delivery to the public address arrives, and whether it is in this database."""
    if context.url is None:
        yield warning(
            ROUTE, "not checked", "flask sync-clerk doctor --url https://…, the public address of the service"
        )
        return
    signing_secrets = context.settings.webhook_signing_secrets
    if not signing_secrets:
        yield wrong(ROUTE, "not checked: there is no signing secret", "set CLERK_WEBHOOK_SIGNING_SECRET")
        return
    url = webhook_address(context.url, context.webhook_path)
    svix_id = f"msg_doctor_{secrets.token_hex(12)}"
    body = json.dumps({"object": "event", "type": SELF_TEST, "data": {}}).encode()
    try:
        headers = _signed(context, svix_id, body)
        response = probe("POST", url, headers=headers, body=body, timeout_s=context.webhook_timeout_s)
    except NoResponseError as error:
        yield wrong(ROUTE, f"{url}: {error}", _fix_for(str(error)))
        return
    finding = judge(url, response, context.webhook_path)
    yield finding
    was_accepted = response.status == 200 and _outcome_of(response) == "ignored"
    if was_accepted and context.has_database and context.tables_unusable is None:
        yield _judge_inbox(context, svix_id)


def check_deployment(context: CheckContext) -> Iterator[Finding]:
    """Yield the report of the deployed service's ``/readyz``."""
    if context.url is None or not context.has_readiness:
        return
    path = context.webhook_path
    url = webhook_address(context.url, path).removesuffix(path) + "/readyz"
    try:
        response = probe("GET", url, timeout_s=context.webhook_timeout_s)
        checks = _object.decode(response.body)
        bad = [f"{name} {_short(check['detail'])}" for name, check in checks.items() if not check["ok"]]
    except NoResponseError as error:
        yield warning(READY, f"/readyz: {error}")
    except (NotJsonError, ValueError, TypeError, KeyError):
        yield warning(READY, f"/readyz answers {response.status}, but not as this service does")
    else:
        found = f"/readyz answers {response.status}"
        yield wrong(READY, f"{found}: {'; '.join(bad)}", "fix it in the deployment") if bad else ok(READY, found)


def webhook_address(url: str, path: str) -> str:
    """Return the address of the route; ``url`` is the origin of the service or the whole address."""
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + path


def judge(url: str, response: HttpResponse, path: str) -> Finding:
    """Return the finding for the response to a signed event of an ignored type."""
    status = response.status
    if status == 200 and _outcome_of(response) == "ignored":
        return _judge_success(url, response)
    if status == 400:
        return _judge_bad_request(response)
    if 300 <= status < 400:
        target = _short(response.headers.get("Location", "nowhere").partition("?")[0])
        return wrong(ROUTE, f"{status}: redirects to {target}", "Clerk follows no redirect: give it the final address")
    if status == 503 and (code := _problem(response).get("code")):
        return wrong(ROUTE, f"503 {_short(code)}: the deployed service cannot accept events now", "see its /readyz")
    found, fix = _BY_STATUS.get(status, ("", ""))
    if not found and status >= 500:
        found, fix = "the deployed service, or a proxy before it, failed", "see its logs"
    fix = fix.format(path=path) or "check the address"
    return wrong(ROUTE, f"{status}: {found or 'not a response of this service'}", fix)


_BY_STATUS = {
    200: ("answered, but not by this service", "the address has to end in {path}"),
    401: ("a proxy requires credentials", "exempt {path} in it: the signature is the credential"),
    403: ("a proxy refuses the request", "allow POST {path} in the firewall or access rule"),
    404: ("there is no such route", "the address has to be that of this service, and end in {path}"),
    405: ("this route accepts no POST", "the address has to be that of this service, and end in {path}"),
    413: ("a proxy refuses a body of this size", "allow 1 MiB"),
    415: ("the Content-Type does not arrive", "configure the proxy to pass headers unchanged"),
    429: ("a proxy limits the rate", "exempt {path} from the limit"),
    502: ("a router answers, but the service does not", "check that the web process runs and listens on PORT"),
    503: ("a router answers, but the service does not", "check that the web process runs and listens on PORT"),
    504: ("a router answers, but the service is too slow", "see the service's logs"),
}


def _judge_success(url: str, response: HttpResponse) -> Finding:
    found = f"200 ignored in {response.seconds * 1000:.0f} ms: reachable, and the deployment has the same secret"
    if response.seconds > SLOW_S:
        return warning(ROUTE, found, "Clerk gives up after 15 s: see Requests are slow in docs/operations.md")
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        return warning(ROUTE, f"{found}; over http", "give Clerk the https address")
    return ok(ROUTE, found)


def _judge_bad_request(response: HttpResponse) -> Finding:
    problem = _problem(response)
    detail = str(problem.get("detail", ""))
    if problem.get("code") != "signature-invalid":
        return wrong(ROUTE, "400, but not from this service", "check the address")
    if "timestamp" in detail and "missing" not in detail:
        return wrong(
            ROUTE,
            "400: the clocks of this machine and the service differ by more than 300 s",
            "synchronize both with NTP",
        )
    if "missing" in detail:
        return wrong(ROUTE, "400: the svix headers do not arrive", "configure the proxy to pass headers unchanged")
    return wrong(
        ROUTE,
        "400: CLERK_WEBHOOK_SIGNING_SECRET here differs from the deployed one",
        "set the secret of this endpoint in both places; if it is the same, a proxy changes the body",
    )


def _judge_inbox(context: CheckContext, svix_id: str) -> Finding:
    context.transactions.rollback()
    if has_arrived(context.transactions, svix_id):
        return ok(INBOX, "the event is in this database")
    return warning(
        INBOX, "the event was accepted, but is not in this database", "set DATABASE_URL here to that of the deployment"
    )


def _fix_for(fault: str) -> str:
    if fault.startswith("TLS"):
        return "Clerk refuses it as well: renew or correct the certificate"
    return "check the address, that the service runs, and that it is reachable from the internet"


def _signed(context: CheckContext, svix_id: str, body: bytes) -> dict[str, str]:
    from standardwebhooks import Webhook

    now = int(context.clock())
    at = datetime.fromtimestamp(now, UTC)
    # Signed with every secret: during a rotation the deployment may know only one of them.
    signatures = [
        Webhook(secret).sign(svix_id, at, body.decode()) for secret in context.settings.webhook_signing_secrets
    ]
    return {
        "Content-Type": "application/json",
        "svix-id": svix_id,
        "svix-timestamp": str(now),
        "svix-signature": " ".join(signatures),
    }


def _outcome_of(response: HttpResponse) -> object:
    return _problem(response).get("outcome")


def _problem(response: HttpResponse) -> dict[str, object]:
    try:
        return _object.decode(response.body)
    except (NotJsonError, ValueError):
        return {}


def _short(text: object) -> str:
    return one_line(text)[:160]
