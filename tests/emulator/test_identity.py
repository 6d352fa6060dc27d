from __future__ import annotations

import base64

import pytest

from clerk_sync.emulator.identity import Identity, local_identity


def identity_with(publishable_key: str) -> Identity:
    return Identity(host="", instance_id="", secret_key="", publishable_key=publishable_key, webhook_secret="")


@pytest.mark.parametrize(
    ("publishable_key", "suffix"),
    [
        ("pk_test_Y2xlcmsuY2xlcmsuZGV2JA", "QvfNY2dr"),
        ("pk_live_Y2xlcmsuY2xlcmsuZGV2JA", "1Z8AzTQD"),
        ("pk_test_ZW5vdWdoLWFscGFjYS04Mi5jbGVyay5hY2NvdW50cy5sY2xjbGVyay5jb20k", "jtYvyt_H"),
        ("pk_live_ZmFrZS1jbGVyay10ZXN0LmNsZXJrLmFjY291bnRzLmRldiQ=", "qReyu04C"),
    ],
)
def test_the_cookie_suffix_is_the_one_that_clerk_js_computes(publishable_key: str, suffix: str) -> None:
    assert identity_with(publishable_key).cookie_suffix == suffix


def test_the_publishable_key_names_the_host_from_which_the_issuer_comes() -> None:
    identity = local_identity()
    encoded = identity.publishable_key.removeprefix("pk_test_")
    assert base64.b64decode(encoded + "=" * (-len(encoded) % 4)).decode() == identity.host + "$"
    assert identity.issuer == f"https://{identity.host}"


def test_an_identity_is_the_same_at_every_start_and_shares_nothing_with_another_number() -> None:
    assert local_identity(1) == local_identity(1)
    first, second = local_identity(1), local_identity(2)
    for name in ("host", "instance_id", "secret_key", "publishable_key", "webhook_secret"):
        assert getattr(first, name) != getattr(second, name)


def test_secrets_do_not_show_in_a_printed_identity() -> None:
    identity = local_identity()
    assert identity.secret_key not in repr(identity)
    assert identity.webhook_secret not in repr(identity)


def test_a_number_that_makes_no_host_name_of_clerks_is_refused() -> None:
    with pytest.raises(ValueError, match="from 1 to 99"):
        local_identity(100)
