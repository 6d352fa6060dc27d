from __future__ import annotations

import json

import pytest
from msgspec import Raw

from clerk_sync.clerk.api.transport import accepted_body, retry_after_s
from clerk_sync.clerk.errors import ApiRefusedError, RetryableError
from clerk_sync.clerk.http import HttpResponse
from tests.hostile_json import ODD_VALUES, each, encode

HTTP_DATE = "Sun, 22 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("text", "seconds"), [("3", 3.0), (" 15 ", 15.0), ("0", None), ("9" * 5000, 999_999_999.0), ("007", 7.0)]
)
def test_retry_after_in_seconds(text: str, seconds: float | None) -> None:
    assert retry_after_s({"Retry-After": text}) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sun, 22 Nov 2026 12:00:07 GMT", 7.0),
        ("Sun, 22 Nov 2026 13:00:07 +0100", 7.0),
        ("Sun, 22 Nov 2026 12:00:07 -0000", 7.0),
        (HTTP_DATE, None),
        ("Sun, 22 Nov 2026 11:00:00 GMT", None),
    ],
)
def test_retry_after_as_a_date_is_read_by_the_clock_of_the_server(text: str, seconds: float | None) -> None:
    assert retry_after_s({"Retry-After": text, "Date": HTTP_DATE}) == seconds


def test_retry_after_as_a_date_is_read_by_our_clock_if_the_server_shows_none() -> None:
    assert (retry_after_s({"Retry-After": "Sun, 22 Nov 2876 12:00:07 GMT"}) or 0) > 1_000_000
    assert retry_after_s({"Retry-After": "Sun, 22 Nov 1998 12:00:07 GMT"}) is None


@pytest.mark.parametrize(
    "text",
    ["", "soon", "-3", "1.5", "٣", "²", "nan", "inf", "1e3", "Sun, 99 Nov 2026", ",", "(", "Sun, 22 Nov 99999999"],
)
def test_retry_after_that_says_nothing_is_none(text: str) -> None:
    assert retry_after_s({"Retry-After": text, "Date": HTTP_DATE}) is None


def refused(status: int, body: bytes) -> ApiRefusedError:
    with pytest.raises(ApiRefusedError) as caught:
        accepted_body(HttpResponse(status, {"cf-ray": "ray1"}, body))
    return caught.value


def test_a_refusal_carries_the_code_the_message_and_the_trace_of_clerk() -> None:
    body = {
        "errors": [{"code": "form_param_value_invalid", "message": "is invalid", "long_message": "limit is invalid"}],
        "clerk_trace_id": "t1",
    }
    error = refused(422, json.dumps(body).encode())
    assert (error.status, error.code, error.detail) == (
        422,
        "form_param_value_invalid",
        "limit is invalid (trace t1)",
    )


@pytest.mark.parametrize(
    "body", [b"", b"<html>no</html>", b"[]", b'{"errors":{}}', b'{"errors":[7]}', b'{"errors":[{"code":7}]}', b"\xff"]
)
def test_a_refusal_that_clerk_did_not_write_has_no_code(body: bytes) -> None:
    assert refused(404, body).code == "unknown"


@each(ODD_VALUES)
def test_a_refusal_is_understood_beside_odd_values(odd: Raw) -> None:
    entry = {"code": "resource_not_found", "message": "no", "meta": {"param_name": odd}}
    assert refused(404, encode({"errors": [entry], "meta": odd})).code == "resource_not_found"


def test_a_refusal_without_an_entry_keeps_the_ray_of_the_front_server() -> None:
    error = refused(403, b'{"errors":[]}')
    assert (error.code, error.detail) == ("unknown", " (trace ray1)")


def test_a_refusal_is_short_is_one_line_and_shows_no_key() -> None:
    message = "bad key sk_live_abc.def\n\x1b[31m" + "x" * 5000
    detail = refused(401, json.dumps({"errors": [{"code": "c\n", "message": message}]}).encode()).detail
    assert "abc" not in detail
    assert detail.isprintable()
    assert len(detail) <= 300


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_refusal(status: int) -> None:
    assert refused(status, b"").code == "redirect"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 410, 413, 422])
def test_a_refusal_is_final(status: int) -> None:
    assert refused(status, b"").status == status


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520, 599])
def test_a_status_that_may_pass_is_retryable(status: int) -> None:
    with pytest.raises(RetryableError) as caught:
        accepted_body(HttpResponse(status, {"Retry-After": "2"}, b""))
    assert (caught.value.wait_s, caught.value.stops_all_requests) == (2.0, status == 429)
