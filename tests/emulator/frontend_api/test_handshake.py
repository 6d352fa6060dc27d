"""The handshake of the local Clerk: a signed list of cookies for a page that a server renders."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from jose import jwt

from clerk_sync.emulator import LocalClerk

APP = "http://127.0.0.1:5000/page?a=1"


def shake(clerk: LocalClerk, http: Any = requests, redirect_url: str = APP) -> Any:
    parameters = {"redirect_url": redirect_url}
    return http.get(f"{clerk.url}/v1/client/handshake", params=parameters, allow_redirects=False, timeout=10)


def cookies_in(clerk: LocalClerk, answer: Any) -> dict[str, str]:
    [token] = parse_qs(urlsplit(answer.headers["Location"]).query)["__clerk_handshake"]
    directives = jwt.decode(token, clerk.public_key_pem, algorithms=["RS256"])["handshake"]
    pairs = (directive.partition(";")[0].partition("=") for directive in directives)
    return {name: value for name, _, value in pairs}


def test_whoever_is_signed_in_comes_back_with_a_fresh_token(clerk: LocalClerk) -> None:
    user = clerk.users.create(email="ada@example.com")
    with requests.Session() as http:
        http.trust_env = False
        form = {"identifier": user["id"], "redirect_url": APP}
        http.post(f"{clerk.url}/sign-in", data=form, allow_redirects=False, timeout=10)
        answer = shake(clerk, http)
    assert answer.status_code == 307
    assert answer.headers["Location"].startswith(f"{APP}&__clerk_handshake=")
    cookies = cookies_in(clerk, answer)
    assert cookies["__session"] == cookies[f"__session_{clerk.cookie_suffix}"]
    claims = jwt.decode(cookies["__session"], clerk.public_key_pem, algorithms=["RS256"])
    assert (claims["sub"], claims["azp"]) == (user["id"], "http://127.0.0.1:5000")
    assert cookies["__client_uat"] != "0"


def test_a_handshake_is_signed_like_a_session_token(clerk: LocalClerk) -> None:
    [handshake] = parse_qs(urlsplit(shake(clerk).headers["Location"]).query)["__clerk_handshake"]
    session_token = clerk.session_token("user_ada")
    assert jwt.get_unverified_header(handshake) == jwt.get_unverified_header(session_token)


def test_whoever_is_not_comes_back_signed_out(clerk: LocalClerk) -> None:
    cookies = cookies_in(clerk, shake(clerk))
    assert (cookies["__session"], cookies["__client_uat"]) == ("", "0")


@pytest.mark.parametrize("target", ["https://evil.example.com/", "//evil.example.com", "javascript:alert(1)"])
def test_tokens_are_handed_to_nobody_elsewhere(clerk: LocalClerk, target: str) -> None:
    assert shake(clerk, redirect_url=target).status_code == 422
