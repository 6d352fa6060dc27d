from __future__ import annotations

from typing import Any

import pytest

from clerk_sync.emulator import LocalClerk
from tests.emulator.conftest import Api


def walk(api: Api, limit: int, order_by: str) -> list[str]:
    """Page through everybody as a careful client does."""
    seen: list[str] = []
    page = api.get("/v1/users", limit=limit, order_by=order_by).json()
    while page:
        seen += [user["id"] for user in page]
        if len(page) < limit:
            return seen
        page = api.get("/v1/users", limit=limit, order_by=order_by, starting_after=page[-1]["id"]).json()
    return seen


def ids(users: list[dict[str, Any]]) -> list[str]:
    return [user["id"] for user in users]


def test_a_listing_is_a_bare_array_of_ten_newest_first(clerk: LocalClerk, api: Api) -> None:
    clerk.users.seed(25)
    listed = api.get("/v1/users").json()
    assert ids(listed) == ids(clerk.users.all())[::-1][:10]


@pytest.mark.parametrize(("limit", "given"), [("500", 500), ("501", 10), ("99999", 10), ("", 10), ("1", 1)])
def test_a_limit_over_500_silently_becomes_10(clerk: LocalClerk, api: Api, limit: str, given: int) -> None:
    clerk.users.seed(600)
    assert len(api.get("/v1/users", limit=limit).json()) == given


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000])
def test_the_cursor_walks_everybody_exactly_once(clerk: LocalClerk, api: Api, count: int) -> None:
    clerk.users.seed(count)
    assert walk(api, 500, "created_at") == ids(clerk.users.all())


def test_the_cursor_walks_backwards_too_and_through_equal_times(clerk: LocalClerk, api: Api) -> None:
    for number in range(7):
        clerk.users.create(username=f"u{number}", created_at=1000)
    assert sorted(walk(api, 2, "-created_at")) == sorted(ids(clerk.users.all()))
    assert walk(api, 2, "-created_at") == walk(api, 3, "created_at")[::-1]


def test_the_cursor_goes_on_behind_a_user_who_has_been_deleted(clerk: LocalClerk, api: Api) -> None:
    clerk.users.seed(3)
    first, second, third = ids(clerk.users.all())
    clerk.users.delete(second)
    listed = api.get("/v1/users", order_by="created_at", starting_after=second).json()
    assert ids(listed) == [third]
    clerk.quirks.deleted_cursor_works = False
    assert api.refusal("GET", f"/v1/users?starting_after={second}")[:2] == (422, "form_param_value_invalid")
    assert api.get("/v1/users", order_by="created_at", starting_after=first).ok


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=5.0", "limit"),
        ("limit=ten", "limit"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("offset=-1", "offset"),
        ("offset=1e3", "offset"),
        ("banned=yes", "banned"),
        ("created_at_after=2024-01-01", "created_at_after"),
        ("order_by=age", "order_by"),
        ("order_by=+created_at", "order_by"),
        ("order_by=-", "order_by"),
        ("starting_after=user_unknown", "starting_after"),
        ("starting_after=user_unknown&order_by=-updated_at", "starting_after"),
        ("starting_after=user_unknown&offset=5", "starting_after"),
        ("&".join(f"user_id=user_{number}" for number in range(101)), "user_id"),
        ("&".join(f"email_address={number}@example.com" for number in range(101)), "email_address"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(api: Api, query: str, param: str) -> None:
    assert api.refusal("GET", f"/v1/users?{query}") == (422, "form_param_value_invalid", param)


def test_the_cursor_is_refused_with_another_ordering_and_with_an_offset(clerk: LocalClerk, api: Api) -> None:
    user_id = clerk.users.create(username="ada")["id"]
    refused = (422, "form_param_value_invalid", "starting_after")
    assert api.refusal("GET", f"/v1/users?starting_after={user_id}&order_by=updated_at") == refused
    assert api.refusal("GET", f"/v1/users?starting_after={user_id}&offset=1") == refused
    assert api.get("/v1/users", starting_after=user_id, offset=0).json() == []


def test_offset_and_limit_cut_the_listing(clerk: LocalClerk, api: Api) -> None:
    clerk.users.seed(20)
    assert ids(api.get("/v1/users", order_by="created_at", offset=5, limit=3).json()) == ids(clerk.users.all())[5:8]


@pytest.mark.parametrize(
    "name",
    ["updated_at", "email_address", "first_name", "last_name", "phone_number", "username", "last_sign_in_at"],
)
def test_other_orderings_hold_in_both_directions(clerk: LocalClerk, api: Api, name: str) -> None:
    clerk.users.seed(60)
    upwards = ids(api.get("/v1/users", order_by=f"+{name}", limit=100).json())
    assert upwards == ids(api.get("/v1/users", order_by=f"-{name}", limit=100).json())[::-1]
    assert sorted(upwards) == sorted(ids(clerk.users.all()))
    if name.endswith("_at"):
        values = [user[name] for user in api.get("/v1/users", order_by=name, limit=100).json()]
        assert values == sorted(values, key=lambda value: (value is None, value or 0))


def test_users_are_found_by_id_and_unknown_ids_are_ignored(clerk: LocalClerk, api: Api) -> None:
    clerk.users.seed(200)
    wanted = ids(clerk.users.all())[:100]
    asked = [("user_id", user_id) for user_id in wanted[:99]]
    found = api.call("GET", "/v1/users", params=[*asked, ("user_id", "user_unknown"), ("limit", "100")]).json()
    assert set(ids(found)) == set(wanted[:99])
    assert len(api.call("GET", "/v1/users", params=asked).json()) == 10  # the default limit applies here, too


def test_a_minus_excludes_and_a_plus_includes(clerk: LocalClerk, api: Api) -> None:
    clerk.users.seed(4)
    everybody = ids(clerk.users.all())
    without = api.call("GET", "/v1/users", params=[("user_id", f"-{everybody[0]}")]).json()
    assert set(ids(without)) == set(everybody[1:])
    assert ids(api.get("/v1/users", user_id=f"+{everybody[2]}").json()) == [everybody[2]]
    assert api.call("GET", f"/v1/users?user_id=+{everybody[2]}").json() == []  # a bare + arrives as a space


def test_filters_by_value_are_exact_and_by_query_partial(clerk: LocalClerk, api: Api) -> None:
    ada = clerk.users.create(first_name="Ada", last_name="Lovelace", email="ada@example.com", external_id="ext-1")["id"]
    bob = clerk.users.create(first_name="Bob", phone="+15551234567", username="bobby", banned=True)["id"]
    for params, expected in (
        ({"email_address": "ADA@example.com"}, [ada]),
        ({"email_address": "ada@example"}, []),
        ({"email_address_query": "ADA@EX"}, [ada]),
        ({"phone_number": "+15551234567"}, [bob]),
        ({"phone_number_query": "1234"}, [bob]),
        ({"username": "bobby"}, [bob]),
        ({"username_query": "OBB"}, [bob]),
        ({"name_query": "a love"}, [ada]),
        ({"query": "lovelace"}, [ada]),
        ({"query": "bobb"}, [bob]),
        ({"query": ada[5:20]}, [ada]),
        ({"external_id": "ext-1"}, [ada]),
        ({"external_id": "-ext-1"}, [bob]),
        ({"banned": "true"}, [bob]),
        ({"banned": "false"}, [ada]),
        ({"organization_id": "org_1"}, []),
    ):
        assert ids(api.get("/v1/users", **params).json()) == expected, params
        assert api.get("/v1/users/count", **params).json()["total_count"] == len(expected), params


def test_accounts_elsewhere_are_found_by_provider_and_id_together(clerk: LocalClerk, api: Api) -> None:
    clerk.users.seed(200)
    user = next(user for user in clerk.users.all() if user["external_accounts"])
    account_id = user["external_accounts"][0]["provider_user_id"]
    found = api.get("/v1/users", provider="google", provider_user_id=account_id).json()
    assert ids(found) == [user["id"]]
    assert api.refusal("GET", "/v1/users?provider=google") == (422, "form_param_missing", "provider_user_id")


@pytest.mark.parametrize("ends_belong", [False, True])
def test_windows_of_created_at_have_ends_that_belong_or_not(clerk: LocalClerk, api: Api, ends_belong: bool) -> None:
    clerk.quirks.window_ends_belong = ends_belong
    for at_ms in (1000, 2000, 3000):
        clerk.users.create(username=f"u{at_ms}", created_at=at_ms)
    window = {"created_at_after": 1000, "created_at_before": 3000}
    expected = [1000, 2000, 3000] if ends_belong else [2000]
    listed = api.get("/v1/users", order_by="created_at", **window).json()
    assert [user["created_at"] for user in listed] == expected
    assert api.get("/v1/users/count", **window).json() == {"object": "total_count", "total_count": len(expected)}


def test_windows_of_last_sign_in_leave_out_who_never_signed_in(clerk: LocalClerk, api: Api) -> None:
    clerk.users.create(username="never")
    recent = clerk.users.create(username="recent", last_sign_in_at=5000, last_active_at=5000)["id"]
    assert ids(api.get("/v1/users", last_sign_in_at_after=4000).json()) == [recent]
    assert ids(api.get("/v1/users", last_active_at_since=5000).json()) == [recent]
    assert api.get("/v1/users", last_active_at_before=5000).json() == []
