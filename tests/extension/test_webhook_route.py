"""The webhook route inside a host application."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from clerk_sync import Problem
from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.extension.conftest import MakeHost

Query = Callable[..., list[tuple[Any, ...]]]

MIB = 1024 * 1024
PATH = "/api/webhooks/clerk"


def body_of(size: int | None = None) -> bytes:
    """Return an event; with ``size``, padded to that many bytes."""
    body = json.dumps(clerk_event("user.created", clerk_user())).encode()
    return body if size is None else body + b" " * (size - len(body))


def send(app: Flask, body: bytes, path: str = PATH, **options: Any) -> TestResponse:
    headers = sign_delivery(body, "msg_1") | options.pop("headers", {})
    options.setdefault("content_type", "application/json")
    return app.test_client().post(path, data=body, headers=headers, **options)


def test_a_delivery_is_applied(host: Flask, query: Query) -> None:
    assert send(host, body_of()).get_json() == {"outcome": "applied"}
    assert send(host, body_of()).get_json() == {"outcome": "duplicate"}
    assert query("SELECT email FROM users") == [("grace@example.com",)]


@pytest.mark.parametrize("path", ["/hooks/clerk", "/hooks/clerk/", "/hooks"])
def test_the_path_is_the_hosts_choice(make_host: MakeHost, path: str) -> None:
    host = make_host(webhook_path=path.rstrip("/"))
    assert send(host, body_of(), path).get_json() == {"outcome": "applied"}
    assert send(host, body_of()).status_code == 404


def test_a_superfluous_slash_is_no_redirect(host: Flask) -> None:
    # Clerk counts a redirect as a failed delivery.
    assert send(host, body_of(), f"{PATH}/").get_json() == {"outcome": "applied"}


@pytest.mark.parametrize("limit", [None, 100, 10 * MIB])
def test_the_limit_of_one_mebibyte_is_the_routes_own(host: Flask, limit: int | None) -> None:
    host.config["MAX_CONTENT_LENGTH"] = limit
    assert send(host, body_of(MIB)).get_json() == {"outcome": "applied"}
    refused = send(host, body_of(MIB + 1))
    assert (refused.status_code, refused.get_json()["code"]) == (413, "request-entity-too-large")


def test_the_limit_holds_for_a_body_without_a_length(host: Flask) -> None:
    def send_chunked(body: bytes) -> TestResponse:
        headers = sign_delivery(body, "msg_1")
        environ = {"wsgi.input_terminated": True, "wsgi.input": BytesIO(body), "CONTENT_LENGTH": ""}
        return host.test_client().post(
            PATH, headers=headers, content_type="application/json", environ_overrides=environ
        )

    assert send_chunked(body_of(MIB)).get_json() == {"outcome": "applied"}
    assert send_chunked(body_of(MIB + 1)).status_code == 413


def test_an_incomplete_body_is_refused(host: Flask) -> None:
    body = body_of()
    answer = send(host, body, environ_overrides={"CONTENT_LENGTH": str(len(body) + 1)})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "body-incomplete")


def test_a_body_that_the_server_cannot_read_is_refused(host: Flask) -> None:
    class Cut:
        def read(self, size: int = -1) -> bytes:
            raise OSError("cut off")

    answer = send(host, body_of(), environ_overrides={"wsgi.input": Cut()})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "body-incomplete")


def test_another_content_type_is_refused(host: Flask) -> None:
    answer = send(host, body_of(), content_type="text/plain")
    assert (answer.status_code, answer.get_json()["code"]) == (415, "not-json")


def test_a_wrong_signature_is_refused(host: Flask, query: Query) -> None:
    answer = send(host, body_of(), headers={"svix-signature": "v1,AAAA"})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "signature-invalid")
    assert query("SELECT count(*) FROM webhook_events") == [(0,)]


def test_a_hook_of_the_host_may_have_read_the_body(host: Flask) -> None:
    host.before_request(lambda: request.get_data() and None)
    assert send(host, body_of()).get_json() == {"outcome": "applied"}


def test_another_method_is_answered_by_flask(host: Flask) -> None:
    answer = host.test_client().get(PATH)
    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, {"OPTIONS", "POST"})


def test_a_catch_all_route_of_the_host_does_not_take_deliveries(host: Flask) -> None:
    host.add_url_rule("/<path:rest>", view_func=lambda rest: rest, methods=["GET", "POST"])
    assert send(host, body_of()).get_json() == {"outcome": "applied"}


def test_refusals_have_the_hosts_format_if_it_has_one(host: Flask) -> None:
    @host.errorhandler(HTTPException)
    def show(error: HTTPException) -> tuple[dict[str, object], int]:
        return {"error": error.reason if isinstance(error, Problem) else None}, error.code or 500

    assert send(host, body_of(), content_type="text/plain").get_json() == {"error": "not-json"}
    assert send(host, body_of(MIB + 1)).get_json() == {"error": "request-entity-too-large"}


def test_an_unexpected_error_is_the_hosts_to_handle(make_host: MakeHost, query: Query) -> None:
    host = make_host()
    seen: list[Exception] = []

    @host.errorhandler(Exception)
    def show(error: Exception) -> tuple[str, int]:
        seen.append(error)
        return "host's own page", 500

    # A statement that fails for a reason that is no fault of the database.
    query("ALTER TABLE webhook_events ADD CONSTRAINT never CHECK (svix_id <> 'msg_1')")
    try:
        answer = send(host, body_of())
    finally:
        query("ALTER TABLE webhook_events DROP CONSTRAINT never")
    assert (answer.status_code, answer.get_data(as_text=True)) == (500, "host's own page")
    assert [type(error).__name__ for error in seen] == ["CheckViolation"]
