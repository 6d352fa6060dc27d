"""The doctor sends a signed event to the webhook route and names what prevents its arrival."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from clerk_sync import ClerkSync, Settings
from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, Verdict
from clerk_sync.cli.doctor.route import check_deployment, check_route, webhook_address
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.inbox.parked import SELF_TEST
from clerk_sync.services import services
from tests.cli.fixed_server import fixed_server, self_signed_certificate
from tests.conftest import WEBHOOK_SECRET
from tests.hostile_json import ODD_VALUES
from tests.local_clerk import Query

MakeApp = Callable[..., Flask]
OTHER_SECRET = "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7"


@contextmanager
def deployed(app: Flask) -> Iterator[str]:
    """Serve the service on a socket and yield its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def examined(app: Flask) -> Iterator[Callable[..., dict[str, Finding]]]:
    """Check the route at a URL and return the findings by subject."""
    with app.app_context():

        def check(url: str | None, **changes: Any) -> dict[str, Finding]:
            settings = changes.pop("settings", services().settings)
            facts = {"has_database": True, "webhook_timeout_s": 5.0, **changes}
            context = CheckContext(
                settings=settings,
                histories=services().histories,
                transactions=TransactionalConnection(services().connect),
                url=url,
                **facts,
            )
            return {each.subject: each for each in (*check_route(context), *check_deployment(context))}

        yield check


Examined = Callable[..., dict[str, Finding]]


def test_an_open_route_answers_ignored_and_the_event_is_found_in_the_inbox(
    app: Flask, examined: Examined, query: Query
) -> None:
    with deployed(app) as url:
        found = examined(url)
    assert {each.verdict for each in found.values()} == {Verdict.OK}
    assert "200 ignored" in found["webhook route"].found
    assert found["deployed service"].found == "/readyz answers 200"
    assert query("SELECT type, outcome FROM webhook_events") == [(SELF_TEST, "ignored")]


def test_the_self_test_neither_binds_the_mirror_nor_counts_as_an_event(
    app: Flask, examined: Examined, query: Query
) -> None:
    with deployed(app) as url:
        examined(url)
    assert query("SELECT count(*) FROM mirror_binding") == [(0,)]
    assert "clerk_sync_last_event_age_seconds" not in app.test_client().get("/metrics").get_data(as_text=True)


@pytest.mark.parametrize("status", [200, 400, 503])
def test_odd_json_is_not_taken_for_this_service(examined: Examined, status: int) -> None:
    for odd in (*ODD_VALUES.values(), b'{"database": 1}', b'{"database": {"ok": false}}'):
        with fixed_server(status, odd) as url:
            found = examined(url)
        assert found["webhook route"].verdict is Verdict.WRONG, odd[:20]
        assert "not as this service does" in found["deployed service"].found, odd[:20]


def test_without_an_address_the_route_is_not_checked(examined: Examined) -> None:
    found = examined(None)["webhook route"]
    assert (found.verdict, found.found) == (Verdict.WARNING, "not checked")


def test_the_address_may_be_the_origin_or_the_whole_address(app: Flask) -> None:
    assert webhook_address("https://shop.example.com/", "/hooks/clerk") == "https://shop.example.com/hooks/clerk"
    whole = "https://example.com/shop/api/webhooks/clerk"
    assert webhook_address(whole, "/api/webhooks/clerk") == whole


def test_another_secret_is_deployed(make_app: MakeApp, examined: Examined) -> None:
    with deployed(make_app(webhook_signing_secrets=(OTHER_SECRET,))) as url:
        found = examined(url)["webhook route"]
    assert found.verdict is Verdict.WRONG
    assert "differs from the deployed one" in found.found


def test_one_of_two_secrets_is_enough_while_one_is_rotated(make_app: MakeApp, examined: Examined) -> None:
    rotating = make_app(webhook_signing_secrets=(OTHER_SECRET, WEBHOOK_SECRET))
    with deployed(make_app(webhook_signing_secrets=(OTHER_SECRET,))) as url, rotating.app_context():
        found = examined(url, settings=services().settings)["webhook route"]
    assert found.verdict is Verdict.OK


def test_no_secret_is_deployed(make_app: MakeApp, examined: Examined) -> None:
    with deployed(make_app(webhook_signing_secrets=())) as url:
        found = examined(url)
    assert "503 webhook-secret-missing" in found["webhook route"].found
    assert "CLERK_WEBHOOK_SIGNING_SECRET is not set" in found["deployed service"].found


def test_the_deployed_service_has_no_database(make_app: MakeApp, examined: Examined) -> None:
    with deployed(make_app(database_url="postgresql://127.0.0.1:1/none")) as url:
        found = examined(url)
    assert "503 database-unavailable" in found["webhook route"].found
    assert "database cannot be reached" in found["deployed service"].found


def test_the_deployment_has_another_database(
    make_app: MakeApp, examined: Examined, new_database: Callable[[], str]
) -> None:
    from tests.stage.migrations import migrate

    with deployed(make_app(database_url=migrate(new_database()))) as url:
        found = examined(url)
    assert found["webhook route"].verdict is Verdict.OK
    assert "not in this database" in found["webhook inbox"].found


def test_a_clock_more_than_five_minutes_off(app: Flask, examined: Examined) -> None:
    with deployed(app) as url:
        found = examined(url, clock=lambda: 1_700_000_000.0)["webhook route"]
    assert "differ by more than 300 s" in found.found


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>Welcome</html>", "not by this service"),
        (400, b"bad request", "but not from this service"),
        (401, b"", "requires credentials"),
        (403, b"", "refuses the request"),
        (404, b"", "there is no such route"),
        (405, b"", "accepts no POST"),
        (413, b"", "refuses a body of this size"),
        (429, b"", "limits the rate"),
        (500, b"", "failed"),
        (502, b"", "but the service does not"),
        (503, b"no dyno", "but the service does not"),
        (504, b"", "too slow"),
    ],
)
def test_each_status_has_its_own_finding(examined: Examined, status: int, body: bytes, said: str) -> None:
    with fixed_server(status, body) as url:
        found = examined(url)["webhook route"]
    assert found.verdict is Verdict.WRONG
    assert found.found.startswith(str(status))
    assert said in found.found
    assert found.fix


def test_a_redirect_is_a_failed_delivery(examined: Examined) -> None:
    with fixed_server(308, headers={"Location": "https://www.example.com/api?token=CANARY"}) as url:
        found = examined(url)["webhook route"]
    assert found.found == "308: redirects to https://www.example.com/api"
    assert "follows no redirect" in (found.fix or "")


def test_headers_that_do_not_arrive(examined: Examined) -> None:
    problem = {"code": "signature-invalid", "detail": "The delivery is not signed as it must be: svix-id is missing."}
    with fixed_server(400, problem) as url:
        assert "headers do not arrive" in examined(url)["webhook route"].found


def test_a_self_signed_certificate(examined: Examined, tmp_path: Path) -> None:
    with fixed_server(200, certificate=self_signed_certificate(tmp_path)) as url:
        found = examined(url)["webhook route"]
    assert "TLS: the certificate is self-signed" in found.found
    assert "certificate" in (found.fix or "")


def test_no_tls_where_tls_is_expected(examined: Examined) -> None:
    with fixed_server(200) as url:
        found = examined(url.replace("http:", "https:"))["webhook route"]
    assert "does not speak TLS" in found.found


def test_no_server_listens(examined: Examined) -> None:
    assert "no server listens there" in examined("http://127.0.0.1:1")["webhook route"].found


def test_a_name_that_does_not_exist(examined: Examined) -> None:
    assert "cannot be resolved" in examined("http://nobody.invalid")["webhook route"].found


def test_a_server_that_never_responds(examined: Examined) -> None:
    with fixed_server(silent=True) as url:
        assert "no response in time" in examined(url, webhook_timeout_s=0.1)["webhook route"].found


def test_a_host_with_another_path_and_no_health_routes_is_found(settings: Settings, app: Flask) -> None:
    host = Flask("host")
    ClerkSync(settings=settings).init_app(host, webhook_path="/hooks/clerk", health=False)
    with deployed(host) as url:
        result = host.test_cli_runner().invoke(args=["sync-clerk", "doctor", "--url", url, "--json"])
    findings = {each["subject"]: each for each in json.loads(result.stdout)["findings"]}
    assert findings["webhook route"]["verdict"] == "ok", findings["webhook route"]
    assert "deployed service" not in findings
