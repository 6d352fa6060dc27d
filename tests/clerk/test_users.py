from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from clerk_sync.clerk.errors import NotJsonError, UnusableUserError
from clerk_sync.clerk.users import CONTENT_FIELDS, UserSnapshot, parse_user, parse_user_id
from tests.conftest import clerk_user
from tests.hostile_json import BROKEN_TEXTS, ODD_VALUES, UNREADABLE_VALUES, each, encode


def parse(**changes: Any) -> UserSnapshot:
    return parse_user(encode(clerk_user(**changes)))


def without(*fields: str) -> bytes:
    return json.dumps({name: value for name, value in clerk_user().items() if name not in fields}).encode()


def email(id_: str, address: str, **fields: Any) -> dict[str, Any]:
    return {"id": id_, "email_address": address, "verification": {"status": "verified"}} | fields


def test_a_user_becomes_what_the_mirror_keeps() -> None:
    assert parse(username="grace", created_at=5, updated_at=7) == UserSnapshot(
        clerk_id="user_2aaaaaaaaaaaaaaaaaaaaaaaaaa",
        email="grace@example.com",
        email_verified=True,
        first_name="Grace",
        last_name="Example",
        username="grace",
        image_url="https://img.clerk.com/example",
        banned=False,
        clerk_created_at=5,
        clerk_updated_at=7,
    )


def test_content_is_everything_but_the_id_and_the_version() -> None:
    assert set(UserSnapshot.__struct_fields__) - set(CONTENT_FIELDS) == {"clerk_id", "clerk_updated_at"}


def test_primary_id_without_addresses_gives_no_email() -> None:
    user = parse(email_addresses=[], primary_email_address_id="idn_1")
    assert (user.email, user.email_verified) == (None, False)


def test_addresses_without_a_primary_id_give_no_email() -> None:
    addresses = [email("idn_1", "first@example.com"), email("idn_2", "second@example.com")]
    user = parse(email_addresses=addresses, primary_email_address_id=None)
    assert (user.email, user.email_verified) == (None, False)


def test_an_address_without_an_id_is_not_primary_because_no_id_is_named() -> None:
    assert parse(email_addresses=[email("x", "a@example.com", id=None)], primary_email_address_id=None).email is None


def test_the_primary_address_is_found_behind_others() -> None:
    addresses = [email("idn_1", "first@example.com"), email("idn_2", "second@example.com", verification=None)]
    user = parse(email_addresses=addresses, primary_email_address_id="idn_2")
    assert (user.email, user.email_verified) == ("second@example.com", False)


@pytest.mark.parametrize(
    "verification",
    [None, {}, {"status": None}, {"status": "unverified"}, {"status": "expired"}, {"status": "VERIFIED"}],
)
def test_only_a_verified_status_verifies(verification: object) -> None:
    addresses = [email("idn_1", "grace@example.com", verification=verification)]
    user = parse(email_addresses=addresses)
    assert (user.email, user.email_verified) == ("grace@example.com", False)


def test_a_payload_with_nulls_gaps_and_unknown_fields_is_mapped() -> None:
    raw = json.loads(without("created_at", "banned", "image_url", "locked"))
    raw |= {"private_metadata": None, "public_metadata": None, "birthday": "", "brand_new": [{"deep": 1}]}
    user = parse_user(json.dumps(raw).encode())
    assert (user.clerk_created_at, user.banned, user.image_url) == (0, False, None)


def test_a_user_with_a_phone_only_is_mapped() -> None:
    nothing = dict.fromkeys(("first_name", "last_name", "username", "primary_email_address_id"))
    user = parse(**nothing, email_addresses=[], phone_numbers=[{"id": "idn_3", "phone_number": "+15555550100"}])
    assert (user.first_name, user.last_name, user.username, user.email) == (None, None, None, None)


@pytest.mark.parametrize(
    ("flags", "banned"),
    [
        ({"banned": True}, True),
        ({"deprovisioned": True}, True),
        ({"banned": None, "deprovisioned": None}, False),
        ({"locked": True, "lockout_expires_in_seconds": None}, False),
    ],
)
def test_banned_covers_deprovisioned_and_never_locked(flags: dict[str, Any], banned: bool) -> None:
    assert parse(**flags).banned is banned


def test_names_of_any_script_arrive_as_they_are_and_nul_is_removed() -> None:
    user = parse(first_name="Zoë 👩\u200d🚀", last_name="\u202bشيماء\0", username="\0gr\0ace")
    assert (user.first_name, user.last_name, user.username) == ("Zoë 👩\u200d🚀", "\u202bشيماء", "grace")


def test_nul_is_removed_from_the_email_and_the_image() -> None:
    user = parse(email_addresses=[email("idn_1", "gr\0ace@example.com")], image_url="https://\0x")
    assert (user.email, user.image_url) == ("grace@example.com", "https://x")


def test_half_a_surrogate_pair_becomes_a_replacement_character_wherever_it_stands() -> None:
    # json.dumps writes lone surrogates as the escapes that a careless sender would send.
    user = parse(first_name="a\ud800b", username="\udfff👍", unsafe_metadata={"\udc00": "\ud83d"})
    assert (user.first_name, user.username) == ("a\ufffdb", "\ufffd👍")


def test_an_escaped_backslash_before_u_is_no_surrogate() -> None:
    user = parse(first_name="\ud800", last_name=r"C:\ud800")
    assert (user.first_name, user.last_name) == ("\ufffd", r"C:\ud800")


@each(ODD_VALUES)
def test_odd_values_in_what_is_not_read_do_not_hide_a_ban(odd: Raw) -> None:
    address = email("idn_1", "grace@example.com", linked_to=[odd], reserved=odd)
    address["verification"]["attempts"] = odd
    user = parse(banned=True, email_addresses=[address], unsafe_metadata={"a": [odd]}, external_id=odd, brand_new=odd)
    assert user == parse(banned=True)


def test_metadata_nested_out_of_reach_does_not_hide_a_ban() -> None:
    assert parse(banned=True, unsafe_metadata=Raw(b"[" * 50_000 + b"]" * 50_000)).banned is True


@each(BROKEN_TEXTS)
def test_text_that_is_none_becomes_replacement_characters_in_every_field(odd: Raw) -> None:
    texts = ("first_name", "last_name", "username", "image_url")
    user = parse(**dict.fromkeys(texts, odd), email_addresses=[email("idn_1", "X") | {"email_address": odd}])
    read = [user.email, *(getattr(user, name) for name in texts)]
    assert {text.replace("\ufffd", "") for text in read} == {"a b"}


@each(UNREADABLE_VALUES)
@pytest.mark.parametrize(
    "field",
    ["id", "first_name", "last_name", "username", "image_url", "banned", "deprovisioned", "primary_email_address_id"],
)
def test_an_unreadable_value_is_unmappable_where_it_is_read(field: str, odd: Raw) -> None:
    with pytest.raises(UnusableUserError, match=field):
        parse_user(encode(clerk_user() | {field: odd}))


@pytest.mark.parametrize("milliseconds", [0, 1, 2**53])
def test_versions_from_the_epoch_to_the_last_exact_number_are_taken(milliseconds: int) -> None:
    assert parse(updated_at=milliseconds).clerk_updated_at == milliseconds


NO_TIMES = [
    *(b"-1", b"-62135596800000", b"1.5", b"1.7e12", b"true", b'"1700000000000"', b"9007199254740993", b"9" * 40, b"{}"),
    *ODD_VALUES.values(),
]


@pytest.mark.parametrize("raw", NO_TIMES)
def test_a_version_that_is_no_time_is_unmappable(raw: bytes) -> None:
    with pytest.raises(UnusableUserError, match="updated_at"):
        parse(updated_at=Raw(raw))


@pytest.mark.parametrize("raw", [*NO_TIMES, b"null", b"0"])
def test_a_creation_time_that_is_no_time_since_1970_counts_as_0(raw: bytes) -> None:
    """An import's zero time, -62135596800000, must not keep a later ban from arriving."""
    assert parse(created_at=Raw(raw), banned=True) == parse(created_at=0, banned=True)


@pytest.mark.parametrize("raw", [without("updated_at"), json.dumps(clerk_user(updated_at=None)).encode()])
def test_a_user_without_a_version_is_unmappable(raw: bytes) -> None:
    with pytest.raises(UnusableUserError, match="updated_at"):
        parse_user(raw)


@pytest.mark.parametrize("raw", [without("created_at"), json.dumps(clerk_user(created_at=None)).encode()])
def test_a_user_without_a_creation_time_is_from_the_epoch(raw: bytes) -> None:
    assert parse_user(raw).clerk_created_at == 0


@pytest.mark.parametrize(
    "value",
    ["", "user_", "user_" + "a" * 65, "usr_1", "user_1\n", "user_é", "user_a b", "xuser_1", 7, None, ["user_1"]],
)
def test_what_is_no_user_id_is_unmappable(value: object) -> None:
    with pytest.raises(UnusableUserError, match="id"):
        parse_user(json.dumps(clerk_user() | {"id": value}).encode())
    with pytest.raises(UnusableUserError, match="id"):
        parse_user_id(value)


@pytest.mark.parametrize("value", ["user_1", "user_" + "a" * 64, "user_A-_z9"])
def test_a_user_id_is_taken_as_it_is(value: str) -> None:
    assert parse(user_id=value).clerk_id == parse_user_id(value) == value


def test_an_email_as_long_as_emails_get_is_taken_and_a_longer_one_is_unmappable() -> None:
    assert parse(email_addresses=[email("idn_1", "é" * 320)]).email == "é" * 320
    with pytest.raises(UnusableUserError, match="email_address") as refused:
        parse(email_addresses=[email("idn_1", "é" * 321)])
    assert "éé" not in str(refused.value)


def test_a_long_email_that_is_not_the_primary_one_does_no_harm() -> None:
    addresses = [email("idn_9", "x" * 5000), email("idn_1", "grace@example.com")]
    assert parse(email_addresses=addresses).email == "grace@example.com"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first_name", 4711),
        ("last_name", ["4711"]),
        ("username", {"4711": 1}),
        ("image_url", True),
        ("banned", "4711"),
        ("deprovisioned", 4711),
        ("primary_email_address_id", 4711),
        ("email_addresses", "4711"),
        ("email_addresses", {"4711": 1}),
        ("email_addresses", [None]),
        ("email_addresses", [{"id": 4711}]),
        ("email_addresses", [{"email_address": 4711}]),
        ("email_addresses", [{"verification": "4711"}]),
        ("email_addresses", [{"verification": {"status": 4711}}]),
    ],
)
def test_a_wrong_type_is_unmappable_by_field_and_never_by_value(field: str, value: object) -> None:
    with pytest.raises(UnusableUserError, match=field) as refused:
        parse(**{field: value})
    assert "4711" not in str(refused.value)


@pytest.mark.parametrize("raw", [b"null", b"[]", b"1", b'"user_1"', b"{}", b"true", b"[" * 5000 + b"]" * 5000])
def test_json_that_is_no_user_is_unmappable(raw: bytes) -> None:
    with pytest.raises(UnusableUserError):
        parse_user(raw)


@pytest.mark.parametrize("raw", [b"", b"{", b'{"id":"user_1"', b"<html>", b"\xff", b"NaN"])
def test_what_is_no_json_is_told_apart(raw: bytes) -> None:
    with pytest.raises(NotJsonError):
        parse_user(raw)


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    raw = json.dumps(clerk_user(first_name="X", last_name="Y")).encode()
    user = parse_user(raw.replace(b'"X"', b'"\xff"').replace(b'"Y"', b'"\xed\xa0\x80"'))
    assert (user.first_name, user.last_name) == ("\ufffd", "\ufffd\ufffd\ufffd")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(changes=st.dictionaries(st.sampled_from(sorted(clerk_user())), anything, max_size=4))
def test_any_json_in_any_field_is_a_snapshot_or_unmappable(changes: dict[str, Any]) -> None:
    try:
        user = parse_user(json.dumps(clerk_user() | changes).encode())
    except UnusableUserError:
        return
    texts = (user.clerk_id, user.email, user.first_name, user.last_name, user.username, user.image_url)
    assert not any("\0" in text for text in texts if text)
    assert user.clerk_updated_at in range(2**53 + 1)
