from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from msgspec import Raw

from clerk_sync.clerk.api.user_pages import UnusableUser, parse_users
from clerk_sync.clerk.errors import ApiProtocolError, NotJsonError
from tests.conftest import clerk_user
from tests.hostile_json import ODD_VALUES, UNREADABLE_VALUES, each, encode, texts


def page_of(*users: object) -> bytes:
    return json.dumps(users).encode()


def ids(*numbers: int) -> list[str]:
    return [f"user_{number}" for number in numbers]


def users(*numbers: int, **changes: Any) -> list[dict[str, Any]]:
    return [clerk_user(user_id, **changes) for user_id in ids(*numbers)]


def test_a_page_keeps_its_order_and_ends_with_its_cursor() -> None:
    page = parse_users(page_of(*users(3, 1, 2)))
    assert [user.clerk_id for user in page.users] == ids(3, 1, 2)
    assert (page.unmappable, page.last_id, page.count) == ([], "user_2", 3)


def test_an_empty_page_has_no_cursor() -> None:
    page = parse_users(b"[]")
    assert (page.users, page.unmappable, page.last_id, page.count) == ([], [], None, 0)


def test_a_wrapped_list_is_a_page_too() -> None:
    wrapped = json.dumps({"data": users(1, 2), "totalCount": 2}).encode()
    assert parse_users(wrapped) == parse_users(page_of(*users(1, 2)))


def test_a_wrapped_list_with_a_bad_user_keeps_the_others() -> None:
    page = parse_users(json.dumps({"data": [*users(1), None]}).encode())
    assert ([user.clerk_id for user in page.users], page.count) == (ids(1), 2)


@pytest.mark.parametrize(
    "bad",
    [
        clerk_user("user_2", first_name=4711),
        clerk_user("user_2", updated_at=None),
        clerk_user("user_2", email_addresses=[{"id": "idn_1", "email_address": "4711" * 100}]),
    ],
)
def test_one_bad_user_does_not_cost_the_page(bad: dict[str, Any]) -> None:
    page = parse_users(page_of(*users(1), bad, *users(3)))
    assert [user.clerk_id for user in page.users] == ids(1, 3)
    assert [(one.clerk_id, "4711" in one.reason) for one in page.unmappable] == [("user_2", False)]
    assert (page.count, page.last_id) == (3, "user_3")


@pytest.mark.parametrize("bad", [None, 7, "user_2", [], {}, clerk_user("nobody"), clerk_user() | {"id": 7}])
def test_a_bad_user_without_a_readable_id_is_counted_and_gives_no_cursor(bad: object) -> None:
    page = parse_users(page_of(*users(1), bad))
    assert page.unmappable == [UnusableUser(None, page.unmappable[0].reason)]
    assert (page.count, page.last_id) == (2, None)


def test_the_cursor_may_be_the_id_of_a_bad_user() -> None:
    page = parse_users(page_of(*users(1), *users(2, banned="maybe")))
    assert page.last_id == "user_2"


def test_a_user_nested_out_of_reach_does_not_cost_the_page() -> None:
    deep = json.dumps(clerk_user("user_2", unsafe_metadata="X")).replace('"X"', '{"a":' * 9000 + "1" + "}" * 9000)
    raw = f"[{json.dumps(users(1)[0])},{deep},{json.dumps(users(3, first_name='a]}' + chr(34))[0])}]"
    page = parse_users(raw.encode())
    assert [user.clerk_id for user in page.users] == ids(1, 2, 3)
    assert page.users[2].first_name == 'a]}"'


def test_half_a_surrogate_pair_does_not_cost_the_page() -> None:
    page = parse_users(page_of(*users(1, first_name="\ud800"), *users(2, unsafe_metadata="\udfff"), *users(3)))
    assert [user.clerk_id for user in page.users] == ids(1, 2, 3)
    assert page.users[0].first_name == "\ufffd"


def test_an_odd_user_beside_a_bad_one_is_still_mapped() -> None:
    page = parse_users(page_of(*users(1, first_name="\ud800"), *users(2, first_name=4711), None))
    assert [user.clerk_id for user in page.users] == ids(1)
    assert [one.clerk_id for one in page.unmappable] == ["user_2", None]


@each(ODD_VALUES)
def test_an_odd_value_that_is_not_read_does_not_cost_its_user(odd: Raw) -> None:
    listed = [*users(1), *users(2, unsafe_metadata={"a": odd}, created_at=odd, brand_new=odd), *users(3)]
    for raw in (encode(listed), encode({"data": listed, "total_count": odd})):
        page = parse_users(raw)
        assert [user.clerk_id for user in page.users] == ids(1, 2, 3)
        assert page.users[1].clerk_created_at == 0


@each(UNREADABLE_VALUES)
def test_an_unreadable_value_costs_its_user_and_no_other(odd: Raw) -> None:
    page = parse_users(encode([odd, *users(1), *users(2, first_name=odd), *users(3, updated_at=odd), *users(4)]))
    assert [user.clerk_id for user in page.users] == ids(1, 4)
    assert [one.clerk_id for one in page.unmappable] == [None, *ids(2, 3)]


def test_creation_times_of_a_page_are_those_that_are_known() -> None:
    odd, known, later = users(1, created_at="odd"), users(2, created_at=5), users(3, created_at=7)
    for listed, expected in [
        ([*odd, *known, *odd, *later, *odd], (5, 7)),
        (odd, (None, None)),
        ([], (None, None)),
    ]:
        page = parse_users(page_of(*listed))
        assert (page.first_ms, page.last_ms) == expected


@given(raw=texts(["data", *clerk_user()], [encode(clerk_user())]))
def test_any_bytes_are_a_page_or_nonsense_or_no_json(raw: bytes) -> None:
    with suppress(ApiProtocolError, NotJsonError):
        parse_users(raw)


@pytest.mark.parametrize("cut", [1, 2, 40, 400])
def test_a_torn_page_is_no_json(cut: int) -> None:
    with pytest.raises(NotJsonError):
        parse_users(page_of(*users(1, 2))[:-cut])


def test_a_torn_page_with_a_bad_user_in_front_is_no_json() -> None:
    with pytest.raises(NotJsonError):
        parse_users(page_of(*users(1, banned="maybe"), *users(2))[:-5])


@pytest.mark.parametrize("raw", [b"{}", b"null", b"7", b'{"errors":[]}', b'{"data":{}}', b'"users"'])
def test_json_that_is_no_list_of_users_is_nonsense(raw: bytes) -> None:
    with pytest.raises(ApiProtocolError):
        parse_users(raw)
