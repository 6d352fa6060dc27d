"""The session token of a request: from the Bearer header if there is one, else from Clerk's cookies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_sync.web.auth import MOST_COOKIES_OF_ONE_NAME, find_bearer, find_session_cookies


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer a.b.c", "a.b.c"),
        ("bearer a.b.c", "a.b.c"),
        ("BEARER a.b.c", "a.b.c"),
        ("Bearer   a.b.c ", "a.b.c"),
        ("Bearer\ta.b.c", "a.b.c"),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("Bearer a.b.c more", "a.b.c more"),
        ("Bearer Bearer a.b.c", "Bearer a.b.c"),
        ("Bearer a.b.c, Basic dTpw", "a.b.c, Basic dTpw"),
    ],
)
def test_a_bearer_header_decides_with_any_content(header: str, token: str) -> None:
    assert find_bearer(header) == token


@pytest.mark.parametrize(
    "header",
    [None, "a.b.c", "Basic dTpw", "Basic é", "Digest x", "Bearera.b.c", "Bearer:a.b.c", "Token x", "Basic Bearer x"],
)
def test_other_schemes_are_ignored(header: str | None) -> None:
    """T12, and a token without a scheme."""
    assert find_bearer(header) is None


@pytest.mark.parametrize("header", ["", " ", "Bearer é", "Bearer\xa0a.b.c", "\xa0Bearer a.b.c", "Béarer a.b.c", "é"])
def test_a_header_that_cannot_be_read_may_have_been_a_bearer_header(header: str) -> None:
    """granian passes a value that is not ASCII as an empty string."""
    assert find_bearer(header) is not None


@pytest.mark.parametrize(
    ("cookies", "tokens"),
    [
        ("", []),
        ("__session=plain", ["plain"]),
        ("__session_AbC=ours; __session=plain", ["ours", "plain"]),
        ("__session=plain;__session_AbC=ours", ["ours", "plain"]),
        ("__session=same; __session_AbC=same", ["same"]),
        ("__session_other=x; __sessionx=x; x__session=x; __SESSION=x; __session_abc=x", []),
        ("__session=; __session_AbC=", []),
        ("__session; __session_AbC", []),
        ("__session=first; __session=second", ["first", "second"]),
        ("__session=; __session=second", ["second"]),
        ("__session=b; __session_AbC=c; __session=a; __session_AbC=d; __session=b", ["c", "d", "b", "a"]),
        ("; ".join(f"__session={number}" for number in range(9)), list("01234567")),
        ("; ".join(f"__session_AbC={number}" for number in range(99)) + "; __session=x", [*"01234567", "x"]),
        ("a=%3B__session%3Dx; b=__session=x", []),
        (" __session = padded ;", ["padded"]),
        ("__session=a=b=c", ["a=b=c"]),
    ],
)
def test_own_cookie_comes_before_the_shared_one(cookies: str, tokens: list[str]) -> None:
    """T9. Whole names are compared: a prefix would match another application's cookie."""
    assert find_session_cookies(cookies, "AbC") == tokens


def test_without_publishable_key_only_the_plain_cookie_counts() -> None:
    assert find_session_cookies("__session_AbC=ours; __session=plain", None) == ["plain"]


@given(header=st.text(), cookies=st.text('_session=; AbC"%,\t') | st.text())
def test_any_header_is_read(header: str, cookies: str) -> None:
    find_bearer(header)
    assert len(find_session_cookies(cookies, "AbC")) <= 2 * MOST_COOKIES_OF_ONE_NAME
