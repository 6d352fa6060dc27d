"""Settings that are addresses: the database, Clerk, and the authorized parties."""

from __future__ import annotations

import pytest

from clerk_sync.settings.settings import Settings
from tests.settings.environments import PRODUCTION, problems_of


def test_herokus_form_of_the_database_url_is_accepted() -> None:
    settings = Settings.from_env({"DATABASE_URL": "postgres://u:p@host:5432/name?sslmode=require"})
    assert settings.database_url == "postgresql://u:p@host:5432/name?sslmode=require"


def test_a_database_url_may_name_a_socket_directory() -> None:
    url = "postgresql://postgres:@/shop?host=/var/run/postgresql"
    assert Settings.from_env({"DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    "origin",
    [
        "shop.example.com",
        "https://shop.example.com/",
        "https://shop.example.com/path",
        "https://Shop.example.com",
        "https://shop.example.com:443",
        "http://shop.example.com:80",
        "*",
        "https://",
        "https://-",
        "https://a:b:c",
    ],
)
def test_an_authorized_party_that_no_browser_sends_is_refused(origin: str) -> None:
    assert problems_of(CLERK_AUTHORIZED_PARTIES=origin)


def test_production_refuses_a_list_of_parties_that_has_only_commas() -> None:
    assert problems_of(**PRODUCTION | {"CLERK_AUTHORIZED_PARTIES": " , "})


def test_spaces_around_entries_of_lists_are_ignored() -> None:
    settings = Settings.from_env(
        {
            "CLERK_AUTHORIZED_PARTIES": " https://a.example.com , http://127.0.0.1:3000,,",
            "CLERK_WEBHOOK_SIGNING_SECRET": "whsec_AAECAwQFBgcICQoLDA0ODxAR , whsec_ZGVmZ2hpamtsbW5vcHFyc3R1",
        }
    )
    assert settings.authorized_parties == ("https://a.example.com", "http://127.0.0.1:3000")
    assert len(settings.webhook_signing_secrets) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLERK_API_URL", "https://h:99999"),
        ("CLERK_API_URL", "https://api.clerk.com#f"),
        ("CLERK_API_URL", "http://[::1"),
        ("CLERK_ISSUER", "https://x y"),
        ("CLERK_ISSUER", "http://[::1"),
        ("CLERK_WEBHOOK_SIGNING_SECRET", ","),
        ("CLERK_WEBHOOK_SIGNING_SECRET", "whsec_é"),
    ],
)
def test_other_values_that_cannot_work_are_refused(name: str, value: str) -> None:
    (problem,) = problems_of(**{name: value})
    assert "such as https://" in problem or "whsec_ followed by base64" in problem


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:4010", "http://localhost:4010", "http://[::1]:4010", "https://api.example.com"]
)
def test_production_calls_clerk_over_https_or_loopback(url: str) -> None:
    assert Settings.from_env(PRODUCTION | {"CLERK_API_URL": url}).api_url == url


def test_production_does_not_send_its_secret_key_unencrypted() -> None:
    assert "loopback" in problems_of(**PRODUCTION | {"CLERK_API_URL": "http://api.example.com"})[0]


def test_an_api_url_with_a_version_is_refused() -> None:
    assert Settings.from_env({"CLERK_API_URL": "https://api.clerk.com/"}).api_url == "https://api.clerk.com"
    assert "without /v1" in problems_of(CLERK_API_URL="https://api.clerk.com/v1")[0]
