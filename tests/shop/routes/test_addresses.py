"""The routes of addresses: requests, responses and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.client_user import ApiClient
from tests.web.conftest import ADA, HOME

FULL = HOME | {"name": None, "line2": None, "region": None, "postal_code": None, "phone": None}


def test_an_address_is_added_shown_changed_and_removed(grace: ApiClient) -> None:
    added = grace.post("/api/addresses", {**HOME, "line1": " 1 Harbour Road ", "country": "ie", "planet": "Earth"})
    assert added.status_code == 201
    address = added.get_json()
    assert address == {"id": address["id"], **FULL}
    assert grace.get(added.headers["Location"]).get_json() == address
    assert grace.get("/api/addresses").get_json() == {"addresses": [address]}

    changed = grace.patch(added.headers["Location"], {"name": "Barbara", "city": "Cork"})
    assert changed.get_json() == address | {"name": "Barbara", "city": "Cork"}
    assert grace.patch(added.headers["Location"], {"name": None}).get_json() == address | {"city": "Cork"}

    assert grace.delete(added.headers["Location"]).status_code == 204
    assert grace.delete(added.headers["Location"]).status_code == 404
    assert grace.get("/api/addresses").get_json() == {"addresses": []}


def test_another_users_address_is_answered_like_an_unknown_one(grace: ApiClient, ada: ApiClient) -> None:
    url = grace.post("/api/addresses", HOME).headers["Location"]
    answers = [ada.get(url), ada.patch(url, {"city": "Cork"}), ada.patch(url, {}), ada.delete(url)]
    assert [(answer.status_code, answer.get_json()["code"]) for answer in answers] == [(404, "address-unknown")] * 4
    assert grace.get(url).get_json()["city"] == "Galway"


@pytest.mark.parametrize(
    "id_", ["0", "-1", "1.0", "x", "01", "9223372036854775808", "1" * 5000, "%00", "1%00", "٣", "1e3"]
)
def test_an_invalid_address_id_is_404(grace: ApiClient, id_: str) -> None:
    for answer in (grace.get(f"/api/addresses/{id_}"), grace.delete(f"/api/addresses/{id_}")):
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ([], "`object`"),
        ("secret", "`object`"),
        ({}, "`line1`"),
        ({**HOME, "line1": None}, "`$.line1`"),
        ({**HOME, "line1": 7777}, "`$.line1`"),
        ({**HOME, "line1": " "}, "`$.line1`"),
        ({**HOME, "city": "secret\0"}, "`$.city`"),
        ({**HOME, "phone": "secret" * 40}, "`$.phone`"),
        ({**HOME, "name": ""}, "`$.name`"),
        ({**HOME, "country": "secret"}, "`$.country`"),
        ({**HOME, "region": ["secret"]}, "`$.region`"),
    ],
)
def test_a_body_of_another_shape_is_refused_by_the_name_of_the_field(
    grace: ApiClient, body: object, named: str
) -> None:
    answer = grace.post("/api/addresses", body)
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (422, "body-invalid")
    assert named in problem["detail"]
    assert "secret" not in problem["detail"]
    assert "7777" not in problem["detail"]


@pytest.mark.parametrize("body", [{"line1": None}, {"country": ""}, {"city": "a\nb"}, {"name": "\0"}, []])
def test_a_change_of_another_shape_is_refused_and_nothing_changes(grace: ApiClient, body: object) -> None:
    url = grace.post("/api/addresses", HOME).headers["Location"]
    assert grace.patch(url, body).status_code == 422
    assert grace.get(url).get_json().items() >= FULL.items()


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"{} {}", b"\xff", b'{"line1": 1e400', b"\0", b"{'a': 1}", b"[" * 100_000],
)
def test_a_body_that_is_not_json_is_400(grace: ApiClient, data: bytes) -> None:
    answer = grace.send("POST", "/api/addresses", data=data, content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "not-json")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_a_body_not_sent_as_json_is_415(grace: ApiClient, content_type: str | None) -> None:
    answer = grace.send("POST", "/api/addresses", data=json.dumps(HOME), content_type=content_type)
    assert answer.status_code == 415


def test_a_body_of_one_mebibyte_is_read_and_a_larger_one_is_413(grace: ApiClient) -> None:
    body = json.dumps({**HOME, "rest": ""}).encode()
    largest = body.replace(b'""', b'"' + b"x" * (1024 * 1024 - len(body)) + b'"')
    assert grace.send("POST", "/api/addresses", data=largest, content_type="application/json").status_code == 201
    answer = grace.send("POST", "/api/addresses", data=largest + b" ", content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (413, "request-entity-too-large")


def test_the_51st_address_is_refused(ada: ApiClient, query: Callable[..., list[tuple[Any, ...]]]) -> None:
    ada.post("/api/addresses", HOME)
    query(
        """INSERT INTO addresses (user_id, line1, city, country)
           SELECT id, 'x', 'x', 'IE' FROM users, generate_series(2, 50) WHERE clerk_id = %s""",
        ADA,
    )
    answer = ada.post("/api/addresses", HOME)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "too-many-addresses")


def test_text_of_any_script_is_returned_unchanged(grace: ApiClient) -> None:
    names = {"line1": "Çiçek Sokağı №7 🏠", "city": "مدينة", "name": "Ω" * 200}
    assert grace.post("/api/addresses", HOME | names).get_json().items() >= names.items()
