"""The webhook route, tried through its public address with a signed event of a type that nobody mirrors."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import NotJsonError
from clerk_sync.clerk.http import HttpResponse
from clerk_sync.clerk.loopback import LOOPBACK
from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, ok, warning, wrong
from clerk_sync.cli.doctor.http_probe import NoResponseError, probe
from clerk_sync.mirror.inbox.parked import SELF_TEST
from clerk_sync.mirror.reporting.vital_signs import has_arrived

PATH = "/api/webhooks/clerk"
ROUTE, INBOX, READY = "webhook route", "webhook inbox", "deployed service"
SLOW_S = 5.0

_object = JsonDecoder(dict[str, Any])


def check_route(context: CheckContext) -> Iterator[Finding]:
    """Yield whether a delivery from outside would arrive, and in this database."""
    if context.url is None:
        yield warning(ROUTE, "not tried", "flask sync-clerk doctor --url https://…, the public address of the service")
        return
    signing_secrets = context.settings.webhook_signing_secrets
    if not signing_secrets:
        yield wrong(ROUTE, "not tried: there is no signing secret", "set CLERK_WEBHOOK_SIGNING_SECRET")
        return
    url = webhook_address(context.url)
    svix_id = f"msg_doctor_{secrets.token_hex(12)}"
    body = json.dumps({"object": "event", "type": SELF_TEST, "data": {}}).encode()
    try:
        headers = _signed(context, svix_id, body)
        response = probe("POST", url, headers=headers, body=body, timeout_s=context.patience_s)
    except NoResponseError as error:
        yield wrong(ROUTE, f"{url}: {error}", _mend_for_silence(str(error)))
        return
    finding = judge(url, response)
    yield finding
    was_taken = response.status == 200 and _outcome_of(response) == "ignored"
    if was_taken and context.has_database and context.lack_of_tables is None:
        yield _judge_inbox(context, svix_id)


def check_deployment(context: CheckContext) -> Iterator[Finding]:
    """Yield what the deployed service says of itself."""
    if context.url is None:
        return
    url = webhook_address(context.url).removesuffix(PATH) + "/readyz"
    try:
        response = probe("GET", url, timeout_s=context.patience_s)
        checks = _object.decode(response.body)
        bad = [f"{name} {_one_line(check['detail'])}" for name, check in checks.items() if not check["ok"]]
    except NoResponseError as error:
        yield warning(READY, f"/readyz: {error}")
    except (NotJsonError, ValueError, TypeError, KeyError):
        yield warning(READY, f"/readyz answers {response.status}, and not as this service does")
    else:
        told = f"/readyz answers {response.status}"
        yield wrong(READY, f"{told}: {'; '.join(bad)}", "mend it where it is deployed") if bad else ok(READY, told)


def webhook_address(url: str) -> str:
    """Return the route's address for what the operator gave: an origin, or the whole address."""
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + PATH


def judge(url: str, response: HttpResponse) -> Finding:
    """Return what the answer to a signed event of an ignored type says about the way there."""
    status = response.status
    if status == 200 and _outcome_of(response) == "ignored":
        return _judge_good_answer(url, response)
    if status == 400:
        return _judge_bad_request(response)
    if 300 <= status < 400:
        target = _one_line(response.headers.get("Location", "nowhere").partition("?")[0])
        return wrong(ROUTE, f"{status}: redirects to {target}", "Clerk follows no redirect: give it the final address")
    if status == 503 and (code := _problem(response).get("code")):
        return wrong(ROUTE, f"503 {_one_line(code)}: the deployed service cannot take events now", "see its /readyz")
    found, mend = _BY_STATUS.get(status, ("", ""))
    if not found and status >= 500:
        found, mend = "the deployed service, or what stands in front of it, is broken", "look at its logs"
    return wrong(ROUTE, f"{status}: {found or 'not an answer of this service'}", mend or "does the address lead here?")


_BY_STATUS = {
    200: ("answered, but not by this service", f"the address has to end in {PATH}"),
    401: ("somebody in front asks for credentials", f"leave {PATH} open in it: the signature is the credential"),
    403: ("somebody in front refuses the request", f"let POST {PATH} through the firewall or access rule"),
    404: ("nothing is there", f"the address has to end in {PATH}, and to lead to this service"),
    405: ("what is there takes no POST", f"the address has to end in {PATH}, and to lead to this service"),
    413: ("somebody in front takes no body of this size", "allow 1 MiB"),
    415: ("the Content-Type does not arrive", "let headers pass unchanged"),
    429: ("somebody in front limits the rate", f"take {PATH} out of the limit"),
    502: ("a router answers: the service behind it does not", "is the web process up, and on PORT?"),
    503: ("a router answers: the service behind it does not", "is the web process up, and on PORT?"),
    504: ("a router answers: the service behind it is too slow", "look at the service's logs"),
}


def _judge_good_answer(url: str, response: HttpResponse) -> Finding:
    told = f"200 ignored in {response.seconds * 1000:.0f} ms: open, and signed with the secret of the deployment"
    if response.seconds > SLOW_S:
        return warning(ROUTE, told, "Clerk gives up after 15 s: see request times in docs/operations.md")
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        return warning(ROUTE, f"{told}; over http", "give Clerk the https address")
    return ok(ROUTE, told)


def _judge_bad_request(response: HttpResponse) -> Finding:
    problem = _problem(response)
    detail = str(problem.get("detail", ""))
    if problem.get("code") != "signature-invalid":
        return wrong(ROUTE, "400, and not from this service", "does the address lead here?")
    if "timestamp" in detail and "missing" not in detail:
        return wrong(ROUTE, "400: the clocks here and there differ by more than 300 s", "let NTP set both")
    if "missing" in detail:
        return wrong(
            ROUTE, "400: the svix headers do not arrive", "let headers pass unchanged through what is in front"
        )
    return wrong(
        ROUTE,
        "400: CLERK_WEBHOOK_SIGNING_SECRET here is another one than what is deployed there",
        "set this endpoint's secret in both places; if it is, something in front changes the body",
    )


def _judge_inbox(context: CheckContext, svix_id: str) -> Finding:
    context.transactions.rollback()
    if has_arrived(context.transactions, svix_id):
        return ok(INBOX, "the event is in this database")
    return warning(
        INBOX, "the event was taken, and is not in this database", "DATABASE_URL here is not the deployment's"
    )


def _mend_for_silence(fault: str) -> str:
    if fault.startswith("TLS"):
        return "Clerk refuses it as well: renew or correct the certificate"
    return "is the address right, is the service up, and may the world reach it?"


def _signed(context: CheckContext, svix_id: str, body: bytes) -> dict[str, str]:
    from standardwebhooks import Webhook

    now = int(context.clock())
    at = datetime.fromtimestamp(now, UTC)
    # All secrets, as while one is rotated: it is enough that the deployment knows one of them.
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


def _one_line(text: object) -> str:
    """Fit for a terminal, whatever a stranger has answered."""
    return "".join(character if character.isprintable() else " " for character in str(text))[:160]
