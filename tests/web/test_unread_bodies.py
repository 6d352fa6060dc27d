"""Whoever sends no headers of a delivery is refused before the body is awaited: it may never come."""

from __future__ import annotations

from io import RawIOBase
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.conftest import sign_delivery

MIB = 1024 * 1024


class NeverSent(RawIOBase):
    """A body that the sender announces and keeps."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise TimeoutError("whoever reads this waits for ever")


def post(
    app: Flask, headers: dict[str, str], *, length: int = 100, content_type: str = "application/json"
) -> tuple[int, str]:
    builder = EnvironBuilder("/api/webhooks/clerk", method="POST", headers=Headers(headers), content_type=content_type)
    environ = builder.get_environ()
    environ |= {"CONTENT_LENGTH": str(length), "wsgi.input": NeverSent()}
    body, status, _ = run_wsgi_app(app, environ)
    return int(status[:3]), b"".join(body).decode()


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
@pytest.mark.parametrize("length", [100, MIB])
@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "svix-id is missing"),
        ({"svix-id": "msg_1", "svix-timestamp": "1"}, "svix-signature is missing"),
        (sign_delivery(b"", "msg_1", at=1), "timestamp outside the tolerance"),
    ],
)
def test_what_the_headers_give_away_is_said_at_once(
    app: Flask, content_type: str, length: int, headers: dict[str, str], said: str
) -> None:
    status, answer = post(app, headers, length=length, content_type=content_type)
    assert status == 400
    assert said in answer
    assert '"code":"signature-invalid"' in answer


def test_too_long_is_still_too_long(app: Flask) -> None:
    assert post(app, {}, length=MIB + 1)[0] == 413


def test_a_body_that_could_be_signed_is_awaited(app: Flask, client: FlaskClient) -> None:
    signed = sign_delivery(b"{}", "msg_1")
    assert post(app, signed)[0] == 500  # the reader gives up
    answer = client.post("/api/webhooks/clerk", data=b"{}", headers=signed, content_type="application/json")
    assert answer.status_code == 200
