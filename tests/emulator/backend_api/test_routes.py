from __future__ import annotations

import pytest
import requests

from clerk_sync.emulator import LocalClerk
from tests.emulator.conftest import Api


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "authentication_invalid"),
        ("Basic abc", "authorization_header_format_invalid"),
        ("Bearer", "authorization_header_format_invalid"),
        ("Bearer sk_test_of_somebody_else", "clerk_key_invalid"),
    ],
)
def test_nobody_gets_in_without_the_secret_key(clerk: LocalClerk, header: str | None, code: str) -> None:
    headers = {"Authorization": header} if header else {}
    response = requests.get(clerk.url + "/v1/users", headers=headers, timeout=10)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (401, code)


def test_the_key_of_another_instance_is_refused(clerk: LocalClerk) -> None:
    with LocalClerk.start(instance=2) as other:
        headers = {"Authorization": f"Bearer {other.secret_key}"}
        assert requests.get(clerk.url + "/v1/users", headers=headers, timeout=10).status_code == 401
        assert requests.get(other.url + "/v1/users", headers=headers, timeout=10).status_code == 200


def test_known_versions_are_served_and_others_refused(api: Api) -> None:
    assert api.call("GET", "/v1/users", headers={"Clerk-API-Version": "2026-05-12"}).ok
    assert api.get("/v1/users", __clerk_api_version="2025-11-10").ok
    refused = (400, "api_version_invalid", None)
    assert api.refusal("GET", "/v1/users", headers={"Clerk-API-Version": "2020-01-01"}) == refused
    both = {"headers": {"Clerk-API-Version": "2026-05-12"}, "params": {"__clerk_api_version": "2026-05-12"}}
    assert api.refusal("GET", "/v1/users", **both) == refused


def test_a_user_is_created_changed_and_deleted_over_the_wire(clerk: LocalClerk, api: Api) -> None:
    body = {
        "email_address": ["ada@example.com", "b@example.com"],
        "email_address_identification_status": ["verified", "reserved"],
        "first_name": "Ada",
        "password": "correct horse",
        "created_at": "2012-10-20T07:15:20.902Z",
        "public_metadata": {"plan": "gold"},
    }
    user = api.call("POST", "/v1/users", json=body).json()
    assert (user["created_at"], user["password_enabled"]) == (1350717320902, True)
    assert user["email_addresses"][1]["reserved"] is True
    changed = api.call("PATCH", f"/v1/users/{user['id']}", json={"last_name": "Lovelace", "first_name": None}).json()
    assert (changed["first_name"], changed["last_name"]) == (None, "Lovelace")
    assert changed["updated_at"] >= user["updated_at"]
    assert api.get(f"/v1/users/{user['id']}").json() == changed
    assert api.call("DELETE", f"/v1/users/{user['id']}").json()["deleted"] is True
    assert api.refusal("GET", f"/v1/users/{user['id']}") == (404, "resource_not_found", None)
    clerk.webhook_sender.wait_idle()
    types = [delivery.type for delivery in clerk.webhook_sender.deliveries]
    assert types == ["user.created", "user.updated", "user.deleted"]


def test_created_at_can_be_moved_which_moves_the_user_in_the_listing(clerk: LocalClerk, api: Api) -> None:
    first, second = (clerk.users.create(username=name, created_at=ms)["id"] for name, ms in (("a", 1000), ("b", 2000)))
    api.call("PATCH", f"/v1/users/{first}", json={"created_at": "2000-01-01T00:00:00Z"})
    assert [user["id"] for user in api.get("/v1/users", order_by="created_at").json()] == [second, first]


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({}, 422, "form_data_missing", None),
        ({"nonsense": 1}, 422, "form_param_unknown", "nonsense"),
        ({"email_address": "ada@example.com"}, 422, "form_param_type_invalid", "email_address"),
        ({"email_address": ["ada"]}, 422, "form_param_format_invalid", "email_address"),
        ({"username": "ada", "password": "short"}, 422, "form_password_length_too_short", "password"),
        ({"username": "ada", "created_at": "yesterday"}, 422, "form_param_format_invalid", "created_at"),
        ({"username": "ada", "created_at": "2012-10-20T07:15:20"}, 422, "form_param_format_invalid", "created_at"),
        (
            {"email_address": ["a@example.com"], "email_address_identification_status": ["verified", "verified"]},
            422,
            "form_param_value_invalid",
            "email_address_identification_status",
        ),
        ([1], 422, "form_param_type_invalid", "body"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_by_name(
    clerk: LocalClerk, api: Api, body: object, status: int, code: str, param: str | None
) -> None:
    assert api.refusal("POST", "/v1/users", json=body) == (status, code, param)
    assert len(clerk.users) == 0


@pytest.mark.parametrize("body", [b"{", b"\xff", b"no"])
def test_a_body_that_is_no_json_is_a_400(api: Api, body: bytes) -> None:
    assert api.refusal("POST", "/v1/users", data=body)[:2] == (400, "request_body_invalid")


def test_a_taken_address_is_refused(clerk: LocalClerk, api: Api) -> None:
    clerk.users.create(email="ada@example.com")
    refused = api.refusal("POST", "/v1/users", json={"email_address": ["ada@example.com"]})
    assert refused == (422, "form_identifier_exists", "email_address")


def test_a_ban_revokes_the_sessions_and_a_lock_does_not(clerk: LocalClerk, api: Api) -> None:
    user_id = clerk.users.create(username="ada")["id"]
    session_id = api.call("POST", "/v1/sessions", json={"user_id": user_id}).json()["id"]
    assert api.call("POST", f"/v1/users/{user_id}/lock").json()["locked"] is True
    assert api.get(f"/v1/sessions/{session_id}").json()["status"] == "active"
    assert api.call("POST", f"/v1/users/{user_id}/unlock").json()["locked"] is False
    assert api.call("POST", f"/v1/users/{user_id}/ban").json()["banned"] is True
    assert api.get(f"/v1/sessions/{session_id}").json()["status"] == "revoked"
    assert api.refusal("POST", f"/v1/sessions/{session_id}/tokens")[:2] == (404, "resource_not_found")
    assert api.call("POST", f"/v1/users/{user_id}/unban").json()["banned"] is False


def test_many_users_are_banned_at_once(clerk: LocalClerk, api: Api) -> None:
    user_ids = [clerk.users.create(username=name)["id"] for name in ("ada", "bob")]
    answer = api.call("POST", "/v1/users/ban", json={"user_ids": user_ids}).json()
    assert [user["banned"] for user in answer] == [True, True]
    assert api.refusal("POST", "/v1/users/ban", json={"user_ids": []}) == (422, "form_param_value_invalid", "user_ids")


def test_metadata_merges_with_patch_and_is_replaced_with_put(clerk: LocalClerk, api: Api) -> None:
    user_id = clerk.users.create(username="ada", public_metadata={"a": {"x": 1, "y": 2}, "b": 1})["id"]
    path = f"/v1/users/{user_id}/metadata"
    change = {"public_metadata": {"a": {"y": None, "z": 3}, "b": None}}
    assert api.call("PATCH", path, json=change).json()["public_metadata"] == {"a": {"x": 1, "z": 3}}
    replaced = api.call("PUT", path, json={"public_metadata": {"c": 1}, "private_metadata": None}).json()
    assert (replaced["public_metadata"], replaced["private_metadata"]) == ({"c": 1}, None)


def test_an_address_takes_the_place_of_all_others(clerk: LocalClerk, api: Api) -> None:
    user = clerk.users.create(emails=["a@example.com", "b@example.com"])
    answer = api.call("PUT", f"/v1/users/{user['id']}/email_address", json={"email_address": "new@example.com"}).json()
    changed = clerk.users.get(user["id"])
    assert changed["email_addresses"] == [answer]
    assert changed["primary_email_address_id"] == answer["id"]


def test_the_primary_address_can_be_chosen_among_the_users_own(clerk: LocalClerk, api: Api) -> None:
    user = clerk.users.create(emails=["a@example.com", "b@example.com"])
    second = user["email_addresses"][1]["id"]
    path = f"/v1/users/{user['id']}"
    changed = api.call("PATCH", path, json={"primary_email_address_id": second}).json()
    assert changed["primary_email_address_id"] == second
    assert api.refusal("PATCH", path, json={"primary_email_address_id": "idn_other"})[0] == 404


def test_sessions_are_listed_newest_first_by_user_and_status(clerk: LocalClerk, api: Api) -> None:
    ada, bob = (clerk.users.create(username=name)["id"] for name in ("ada", "bob"))
    first, second = (api.call("POST", "/v1/sessions", json={"user_id": ada}).json()["id"] for _ in range(2))
    api.call("POST", "/v1/sessions", json={"user_id": bob})
    api.call("POST", f"/v1/sessions/{first}/revoke")
    assert [session["id"] for session in api.get("/v1/sessions", user_id=ada).json()] == [second, first]
    assert [session["id"] for session in api.get("/v1/sessions", user_id=ada, status="active").json()] == [second]
    assert api.refusal("GET", "/v1/sessions?status=asleep") == (422, "form_param_value_invalid", "status")
    assert api.refusal("POST", "/v1/sessions", json={"user_id": "user_x"})[0] == 404


def test_the_instance_says_who_it_is(clerk: LocalClerk, api: Api) -> None:
    answer = api.get("/v1/instance").json()
    assert (answer["id"], answer["environment_type"]) == (clerk.instance_id, "development")


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/users/user_x/dance", "/v1/users/user_x/metadata/deeper"])
def test_an_unknown_path_is_a_404_in_clerks_words(api: Api, path: str) -> None:
    assert api.refusal("GET", path)[0] in (404, 405)


def test_requests_over_the_limit_get_a_429_that_says_how_long() -> None:
    with LocalClerk.start(rate_limit=(3, 60.0)) as clerk:
        headers = {"Authorization": f"Bearer {clerk.secret_key}"}
        answers = [requests.get(clerk.url + "/v1/users", headers=headers, timeout=10) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert 0 < int(answers[3].headers["Retry-After"]) <= 60
        assert requests.get(clerk.url + "/v1/jwks", headers=headers, timeout=10).ok  # the key set knows no limit
