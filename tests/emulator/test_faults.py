from __future__ import annotations

import time

import pytest
import requests

from clerk_sync.emulator import LocalClerk
from tests.emulator.conftest import Api


def statuses(api: Api, count: int, path: str = "/v1/users") -> list[int]:
    return [api.get(path).status_code for _ in range(count)]


def test_a_fault_lets_some_pass_then_strikes_then_is_over(clerk: LocalClerk, api: Api) -> None:
    clerk.faults.add("/v1/users", status=500, after=1, times=2)
    assert statuses(api, 5) == [200, 500, 500, 200, 200]


def test_a_fault_without_end_lasts_until_it_is_taken_back(clerk: LocalClerk, api: Api) -> None:
    fault = clerk.faults.add("/v1/*", status=503, times=None)
    assert statuses(api, 3) == [503, 503, 503]
    clerk.faults.remove(fault)
    clerk.faults.add("*", status=500, times=None)
    clerk.faults.clear()
    assert statuses(api, 1) == [200]


def test_other_paths_and_methods_are_spared(clerk: LocalClerk, api: Api) -> None:
    clerk.faults.add("/v1/users", method="POST", status=500, times=None)
    assert statuses(api, 1) == [200]
    assert api.refusal("POST", "/v1/users", json={"username": "ada"})[0] == 500
    assert len(clerk.users) == 0


def test_a_429_says_how_long_to_wait(clerk: LocalClerk, api: Api) -> None:
    clerk.faults.add("/v1/users", status=429, retry_after_s=3)
    answer = api.get("/v1/users")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert answer.json()["errors"][0]["code"] == "too_many_requests"


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "clerk_key_invalid"), (500, "internal_clerk_error"), (503, "service_unavailable"), (504, "gateway_timeout")],
)
def test_a_fault_speaks_clerks_words(clerk: LocalClerk, api: Api, status: int, code: str) -> None:
    clerk.faults.add("/v1/users", status=status)
    assert api.refusal("GET", "/v1/users")[:2] == (status, code)


def test_any_answer_can_be_put_in_place(clerk: LocalClerk, api: Api) -> None:
    clerk.faults.add("/v1/jwks", body={"keys": []})
    clerk.faults.add("/v1/jwks", body=b"<html>proxy</html>", status=502)
    assert api.get("/v1/jwks").json() == {"keys": []}
    assert (api.get("/v1/jwks").text, api.get("/v1/jwks").ok) == ("<html>proxy</html>", True)


def test_a_torn_body_ends_in_the_middle(clerk: LocalClerk, api: Api) -> None:
    clerk.users.seed(10)
    clerk.faults.add("/v1/users", torn=True)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api.get("/v1/users")
    assert len(api.get("/v1/users").json()) == 10


def test_a_hung_up_connection_gives_no_answer_and_is_logged(clerk: LocalClerk, api: Api) -> None:
    clerk.faults.add("/v1/users", hang_up=True)
    with pytest.raises(requests.exceptions.ConnectionError):
        api.get("/v1/users")
    assert clerk.requests[0].status is None
    assert statuses(api, 1) == [200]


def test_a_late_answer_outlasts_an_impatient_client(clerk: LocalClerk, api: Api) -> None:
    clerk.faults.add("/v1/users", delay_s=30, hang_up=True)
    with pytest.raises(requests.exceptions.ReadTimeout):
        api.session.get(clerk.url + "/v1/users", timeout=0.1)


def test_stopping_does_not_wait_for_late_answers() -> None:
    clerk = LocalClerk.start()
    clerk.faults.add("/.well-known/jwks.json", delay_s=30)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(clerk.url + "/.well-known/jwks.json", timeout=0.1)
    started = time.monotonic()
    clerk.stop()
    assert time.monotonic() - started < 5


def test_a_parameter_can_be_ignored_as_if_it_were_not_there(clerk: LocalClerk, api: Api) -> None:
    clerk.users.seed(20)
    clerk.faults.add("/v1/users", ignore_params=("limit",))
    assert len(api.get("/v1/users", limit=15).json()) == 10
    clerk.faults.add("/v1/users", ignore_params=["starting_after"])
    first = api.get("/v1/users", limit=5).json()  # the fault strikes a request that has no cursor to ignore
    clerk.faults.add("/v1/users", ignore_params=["starting_after"], when_param="starting_after")
    assert api.get("/v1/users", limit=5, starting_after=first[-1]["id"]).json() == first


def test_an_older_stack_knows_no_cursor(clerk: LocalClerk, api: Api) -> None:
    clerk.users.seed(3)
    clerk.faults.add("/v1/users", when_param="starting_after", status=422, code="form_param_unknown", times=None)
    assert api.get("/v1/users").ok
    assert api.refusal("GET", "/v1/users?starting_after=user_x")[:2] == (422, "form_param_unknown")


def test_every_request_to_the_api_is_logged_faults_included(clerk: LocalClerk, api: Api) -> None:
    clerk.faults.add("/v1/users", status=500)
    api.get("/v1/users", limit=5)
    api.get("/v1/users/count")
    requests.get(clerk.url + "/sign-up", timeout=10)
    requests.get(clerk.url + "/_local/state", timeout=10)
    assert [(each.method, each.path, each.query, each.status) for each in clerk.requests] == [
        ("GET", "/v1/users", "limit=5", 500),
        ("GET", "/v1/users/count", "", 200),
    ]
    assert len(clerk.requests.matching("/v1/users*", method="GET")) == 2
    clerk.requests.clear()
    assert len(clerk.requests) == 0
