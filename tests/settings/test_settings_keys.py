"""Settings that are keys of Clerk: what they contain, and which forms are accepted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from clerk_sync.settings.settings import Settings
from tests.settings.environments import problems_of


@pytest.mark.parametrize(
    ("key", "suffix"),
    [
        ("pk_test_Y2xlcmsuY2xlcmsuZGV2JA", "QvfNY2dr"),
        ("pk_live_Y2xlcmsuY2xlcmsuZGV2JA", "1Z8AzTQD"),
        ("pk_live_Y2xlcmsuaW5zcGlyZWQucHVtYS03NC5sY2wuZGV2JA", "MqCvchyS"),
        ("pk_test_Y2xlcmsuaW5zcGlyZWQucHVtYS03NC5sY2wuZGV2JA", "vWCgMp3A"),
        ("pk_test_ZW5vdWdoLWFscGFjYS04Mi5jbGVyay5hY2NvdW50cy5sY2xjbGVyay5jb20k", "jtYvyt_H"),
        ("pk_live_ZmFrZS1jbGVyay10ZXN0LmNsZXJrLmFjY291bnRzLmRldiQ=", "qReyu04C"),
        ("pk_live_ZmFrZS1jbGVyay10ZXN0LmNsZXJrLmFjY291bnRzLmRldiQ", "GptbXqnu"),
        ("pk_test_aGFwcHktaGlwcG8tMS5jbGVyay5hY2NvdW50cy5kZXYk", "MWTw9P_R"),
    ],
)
def test_the_cookie_suffix_equals_that_of_clerks_libraries(key: str, suffix: str) -> None:
    publishable_key = Settings.from_env({"CLERK_PUBLISHABLE_KEY": key}).publishable_key
    assert publishable_key is not None
    assert publishable_key.cookie_suffix == suffix


def test_the_publishable_key_contains_the_issuer_and_the_address_of_the_key_set() -> None:
    settings = Settings.from_env({"CLERK_PUBLISHABLE_KEY": "pk_test_ZXhhbXBsZS5hY2NvdW50cy5kZXYk"})
    assert settings.issuer == "https://example.accounts.dev"
    assert settings.publishable_key is not None
    assert settings.publishable_key.key_set_url == "https://example.accounts.dev/.well-known/jwks.json"


def test_a_configured_issuer_overrides_that_of_the_publishable_key() -> None:
    environ = {
        "CLERK_PUBLISHABLE_KEY": "pk_test_ZXhhbXBsZS5hY2NvdW50cy5kZXYk",
        "CLERK_ISSUER": "https://shop.example.com/__clerk",
    }
    assert Settings.from_env(environ).issuer == "https://shop.example.com/__clerk"


@pytest.mark.parametrize(
    "key",
    [
        "pk_test",
        "pk_prod_Y2xlcmsuY2xlcmsuZGV2JA",
        "pk_test_bm9kb3Qk",
        "pk_test_YS5iJGMuZCQ",
        "pk_test_YS5i",
        "sk_test_x_y",
    ],
)
def test_a_publishable_key_that_clerk_would_refuse_is_refused(key: str) -> None:
    assert problems_of(CLERK_PUBLISHABLE_KEY=key)


def public_pem() -> str:
    return (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@pytest.mark.parametrize(
    "form",
    [
        lambda pem: pem,
        lambda pem: pem.replace("\n", "\\n"),
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: f'"{pem}"',
        lambda pem: f"'{pem.strip()}'".replace("\n", "\\n"),
        lambda pem: pem.replace("\n", ""),
        lambda pem: pem.replace("\n", " "),
        lambda pem: "".join(pem.splitlines()[1:-1]),
        lambda pem: "\n".join("    " + line for line in pem.splitlines()),
    ],
    ids=["multi-line", "escaped", "crlf", "quoted", "quoted and escaped", "one line", "spaces", "bare", "indented"],
)
def test_a_pem_loads_in_every_common_form(form: Callable[[str], str]) -> None:
    pem = public_pem()
    assert Settings.from_env({"CLERK_JWT_KEY": form(pem)}).jwt_key == pem


def test_a_key_that_is_not_rsa_is_refused() -> None:
    pem = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    assert problems_of(CLERK_JWT_KEY=pem)
