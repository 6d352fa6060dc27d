from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw

from clerk_sync.clerk.api.client import ClerkApi, Instance
from clerk_sync.clerk.errors import ApiProtocolError, ApiRefusedError, CursorRefusedError, UnusableUserError
from clerk_sync.clerk.users import parse_user
from tests.clerk.api.scripted_api import FakeTime, ScriptedApi, answer, refusal
from tests.conftest import clerk_user
from tests.hostile_json import ODD_VALUES, UNREADABLE_VALUES, each, encode


def parameters(server: ScriptedApi) -> list[tuple[str, str]]:
    return server.asked[-1].parameters


def test_the_first_page_is_asked_for_oldest_first_and_as_large_as_may_be(api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(answer([clerk_user("user_1"), clerk_user("user_2")]))
    page = api.list_users()
    assert [user.clerk_id for user in page.users] == ["user_1", "user_2"]
    assert page.last_id == "user_2"
    assert server.asked[0].path == "/v1/users"
    assert parameters(server) == [("limit", "500"), ("order_by", "created_at")]


def test_a_page_in_a_window_behind_a_cursor(api: ClerkApi, server: ScriptedApi) -> None:
    api.list_users(limit=100, starting_after="user_9", created_at_after=0, created_at_before=7)
    assert dict(parameters(server)) == {
        "limit": "100",
        "order_by": "created_at",
        "starting_after": "user_9",
        "created_at_after": "0",
        "created_at_before": "7",
    }


@each(ODD_VALUES)
def test_odd_values_that_are_not_read_do_not_cost_an_answer(api: ClerkApi, server: ScriptedApi, odd: Raw) -> None:
    user = clerk_user("user_1", unsafe_metadata=odd, created_at=odd)
    instance = {"id": "ins_1", "environment_type": "development", "allowed_origins": odd}
    for body, ask, expected in (
        ({"total_count": 7, "object": odd}, api.count_users, 7),
        (instance, api.get_instance, Instance("ins_1", "development")),
        (user, lambda: api.find_user("user_1"), parse_user(encode(user))),
        ([user], lambda: api.find_users(["user_1"]).users, [parse_user(encode(user))]),
    ):
        server.will_answer(answer(encode(body)))
        assert ask() == expected


@each(UNREADABLE_VALUES)
def test_an_unreadable_count_or_instance_is_a_protocol_error(api: ClerkApi, server: ScriptedApi, odd: Raw) -> None:
    server.will_answer(answer(encode({"total_count": odd, "id": odd, "environment_type": odd})))
    with pytest.raises(ApiProtocolError):
        api.count_users()
    with pytest.raises(ApiProtocolError):
        api.get_instance()


def test_a_page_by_offset(api: ClerkApi, server: ScriptedApi) -> None:
    api.list_users(offset=450)
    assert ("offset", "450") in parameters(server)


@pytest.mark.parametrize("limit", [0, 501, -1])
def test_a_limit_that_clerk_would_silently_replace_is_refused(limit: int, api: ClerkApi, server: ScriptedApi) -> None:
    with pytest.raises(ValueError, match="1 to 500"):
        api.list_users(limit=limit)
    assert server.asked == []


@pytest.mark.parametrize("code", ["form_param_unknown", "form_param_value_invalid"])
def test_a_refused_cursor_is_told_apart(code: str, api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(refusal(422, code, "starting_after is not a valid parameter"))
    with pytest.raises(CursorRefusedError) as refused:
        api.list_users(starting_after="user_1")
    assert (refused.value.status, refused.value.code) == (422, code)


def test_a_refusal_without_a_cursor_is_no_refusal_of_the_cursor(api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(refusal(422, "form_param_unknown"))
    with pytest.raises(ApiRefusedError) as refused:
        api.list_users(created_at_after=1)
    assert not isinstance(refused.value, CursorRefusedError)


def test_a_revoked_key_is_no_refusal_of_the_cursor(api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(refusal(401, "clerk_key_invalid"))
    with pytest.raises(ApiRefusedError) as refused:
        api.list_users(starting_after="user_1")
    assert (type(refused.value), refused.value.code) == (ApiRefusedError, "clerk_key_invalid")


def test_a_torn_page_is_asked_for_again(api: ClerkApi, server: ScriptedApi, fake_time: FakeTime) -> None:
    server.will_answer(answer(b'[{"id":"user_1","upda'), answer([clerk_user("user_1")]))
    assert api.list_users().count == 1
    assert fake_time.slept_s == [0.5]


def test_a_page_of_another_shape_is_nonsense_at_once(api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(answer({"users": []}))
    with pytest.raises(ApiProtocolError):
        api.list_users()
    assert len(server.asked) == 1


def test_users_are_counted_in_a_window(api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(answer({"object": "total_count", "total_count": 4711}))
    assert api.count_users(created_at_after=5, created_at_before=9) == 4711
    assert server.asked[0].path == "/v1/users/count"
    assert parameters(server) == [("created_at_after", "5"), ("created_at_before", "9")]


@pytest.mark.parametrize("body", [{}, [], {"total_count": -1}, {"total_count": "7"}, {"total_count": None}, None])
def test_a_count_that_is_none_is_nonsense(body: object, api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(answer(body))
    with pytest.raises(ApiProtocolError):
        api.count_users()


def test_a_torn_count_is_asked_for_again(api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(answer(b'{"total_count": 1'), answer({"total_count": 12}))
    assert api.count_users() == 12


def test_one_user_is_found_by_id(api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(answer(clerk_user("user_1")))
    found = api.find_user("user_1")
    assert found is not None
    assert found.clerk_id == "user_1"
    assert server.asked[0].path == "/v1/users/user_1"


def test_an_unknown_user_is_none(api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(refusal(404, "resource_not_found"))
    assert api.find_user("user_1") is None


@pytest.mark.parametrize("reply", [answer(b"<html>", 404), refusal(404, "host_invalid"), answer({}, 404)])
def test_a_404_without_the_code_of_a_missing_user_is_an_error(reply: Any, api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(reply)
    with pytest.raises(ApiRefusedError):
        api.find_user("user_1")


def test_a_user_who_cannot_be_mapped_is_told_apart(api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(answer(clerk_user("user_1", updated_at="now")))
    with pytest.raises(UnusableUserError, match="updated_at"):
        api.find_user("user_1")


def test_a_torn_user_is_asked_for_again(api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(answer(b'{"id": "user_1"'), answer(clerk_user("user_1")))
    assert api.find_user("user_1") is not None


@pytest.mark.parametrize("clerk_id", ["", "..", "user_1/../../instance", "user_1?x=1"])
def test_what_is_no_user_id_never_becomes_a_path(clerk_id: str, api: ClerkApi, server: ScriptedApi) -> None:
    with pytest.raises(UnusableUserError):
        api.find_user(clerk_id)
    assert server.asked == []


def test_a_hundred_users_are_found_at_once(api: ClerkApi, server: ScriptedApi) -> None:
    ids = [f"user_{number}" for number in range(100)]
    server.will_answer(answer([clerk_user("user_7"), clerk_user("user_8", banned="maybe")]))
    page = api.find_users(ids)
    assert [user.clerk_id for user in page.users] == ["user_7"]
    assert [one.clerk_id for one in page.unmappable] == ["user_8"]
    assert parameters(server) == [("limit", "100"), *(("user_id", clerk_id) for clerk_id in ids)]


@pytest.mark.parametrize("number", [0, 101])
def test_only_as_many_as_clerk_looks_up_are_asked_for(number: int, api: ClerkApi, server: ScriptedApi) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        api.find_users(["user_1"] * number)
    assert server.asked == []


def test_a_server_that_ignores_the_ids_gives_no_answer(api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(answer([clerk_user("user_1"), clerk_user("user_2")]))
    with pytest.raises(ApiProtocolError, match="1 others"):
        api.find_users(["user_1"])


def test_the_instance_of_the_key_is_returned(api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(
        answer({"object": "instance", "id": "ins_1", "environment_type": "development", "allowed_origins": None})
    )
    assert api.get_instance() == Instance("ins_1", "development")
    assert server.asked[0].path == "/v1/instance"


@pytest.mark.parametrize("body", [{}, {"id": ""}, {"id": None, "environment_type": "production"}, []])
def test_an_instance_without_an_id_is_a_protocol_error(body: object, api: ClerkApi, server: ScriptedApi) -> None:
    server.will_answer(answer(body))
    with pytest.raises(ApiProtocolError):
        api.get_instance()
