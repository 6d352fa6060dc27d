"""Request bodies with odd JSON: 422 if the value is read, ignored if it is not, never 500."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from werkzeug.test import TestResponse

from tests.conftest import examples
from tests.hostile_json import BROKEN_TEXTS, ODD_VALUES, UNREADABLE_VALUES, encode, texts
from tests.web.client_user import ApiClient, Description
from tests.web.conftest import HOME

ADDRESS = HOME | {"name": "Grace", "line2": "Back door", "region": "Connacht", "postal_code": "H91", "phone": "091"}
FREE_TEXTS = sorted(ADDRESS.keys() - {"country"})


@dataclass(frozen=True)
class Route:
    """One route with a body: the body, and the status of a valid one."""

    method: str
    path: str
    body: dict[str, Any]
    status: int
    code: str | None = None


ROUTES = [
    Route("POST", "/api/addresses", ADDRESS, 201),
    Route("PATCH", "/api/addresses/{id}", ADDRESS, 200),
    Route("PUT", "/api/cart/items/{sku}", {"quantity": 2}, 200),
    Route("POST", "/api/cart/checkout", {"address_id": 2**60}, 422, "address-unknown"),
    Route("PATCH", "/api/admin/orders/{number}", {"status": "paid"}, 200),
]
each_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")

Send = Callable[[Route, bytes], TestResponse]


@pytest.fixture
def send(grace: ApiClient, boss: ApiClient, order: dict[str, Any]) -> Send:
    """Send a body to a route as a user with access: an ADMIN if the route requires one."""
    address = grace.post("/api/addresses", HOME).get_json()
    places = {"id": address["id"], "sku": "TEA", "number": order["number"]}

    def send(route: Route, body: bytes) -> TestResponse:
        sender = boss if "/admin/" in route.path else grace
        headers = {"Idempotency-Key": "hostile"}
        url = route.path.format_map(places)
        return sender.send(route.method, url, headers, data=body, content_type="application/json")

    return send


def test_every_route_with_a_body_is_tested_here(description: Description) -> None:
    with_body = {(method, path) for (method, path), what in description.operations().items() if "requestBody" in what}
    assert {path.partition("/{")[0] for _, path in with_body} == {route.path.partition("/{")[0] for route in ROUTES} | {
        "/api/webhooks/clerk"
    }
    assert len(with_body) == len(ROUTES) + 1


@each_route
def test_an_unreadable_value_in_a_field_that_is_read_is_422(send: Send, route: Route) -> None:
    for (name, odd), field in product(UNREADABLE_VALUES.items(), route.body):
        answer = send(route, encode(route.body | {field: Raw(odd), "unread": Raw(b"1e400")}))
        assert (answer.status_code, answer.get_json()["code"]) == (422, "body-invalid"), (name, field)
        assert field in answer.get_json()["detail"]


@each_route
def test_an_odd_value_in_a_field_that_is_not_read_has_no_effect(send: Send, route: Route) -> None:
    wrong = {field: [] for field in route.body}
    for name, odd in ODD_VALUES.items():
        unread = {"unread": Raw(odd), "unread too": {"deep": [Raw(odd)]}}
        for body in (unread | route.body, route.body | unread):
            answer = send(route, encode(body))
            assert (answer.status_code, answer.get_json().get("code")) == (route.status, route.code), name
        assert send(route, encode(wrong | unread)).status_code == 422, name


@each_route
def test_a_body_that_is_no_object_is_422(send: Send, route: Route) -> None:
    for name, odd in ODD_VALUES.items():
        assert send(route, b"[%b]" % odd).status_code == 422, name
        if not odd.startswith(b"{"):
            assert send(route, odd).status_code == 422, name


@each_route
def test_an_odd_value_in_what_is_not_json_is_400(send: Send, route: Route) -> None:
    for name, odd in ODD_VALUES.items():
        whole = encode(route.body | {"unread": Raw(odd)})
        for body in (whole[:-1], whole + b"}", whole.replace(b":", b"", 1), whole[:-1] + b',"a":' + b"[" * 1100):
            answer = send(route, body)
            assert (answer.status_code, answer.get_json()["code"]) == (400, "not-json"), name


def test_broken_text_is_stored_with_replacement_characters_in_every_field(grace: ApiClient) -> None:
    url = grace.post("/api/addresses", HOME).headers["Location"]
    for name, odd in BROKEN_TEXTS.items():
        body = encode(ADDRESS | dict.fromkeys(FREE_TEXTS, Raw(odd)))
        for answer in (
            grace.send("POST", "/api/addresses", data=body, content_type="application/json"),
            grace.send("PATCH", url, data=body, content_type="application/json"),
        ):
            stored = {answer.get_json()[field] for field in FREE_TEXTS}
            assert {text.replace("\ufffd", "") for text in stored} == {"a b"}, name
            assert all("\ufffd" in text for text in stored), name
            assert grace.get(answer.headers.get("Location", url)).get_json() == answer.get_json()


@each_route
@settings(max_examples=examples(100))
@given(data=st.data())
def test_no_body_is_answered_500(send: Send, route: Route, data: st.DataObject) -> None:
    body = data.draw(texts(route.body, [encode(value) for value in (*route.body.values(), route.body)]))
    assert send(route, body).status_code in (200, 201, 400, 404, 409, 422)
