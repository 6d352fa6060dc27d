"""The environment becomes settings, or one report of everything that is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from clerk_sync import config
from clerk_sync.config import ConfigurationError, Environment, Settings

ROOT = Path(__file__).resolve().parent.parent
PRODUCTION = {
    "CLERK_SYNC_ENV": "production",
    "DATABASE_URL": "postgres://u:p@db.example.com/shop",
    "CLERK_AUTHORIZED_PARTIES": "https://shop.example.com",
}


def problems_of(**environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env(environ)
    return caught.value.problems


def test_an_empty_environment_is_a_development_machine() -> None:
    assert Settings.from_env({}) == Settings()
    assert Settings.from_env({}).environment is Environment.DEVELOPMENT


def test_a_variable_set_to_nothing_counts_as_not_set() -> None:
    assert Settings.from_env({"PORT": "", "CLERK_SECRET_KEY": " ", "DATABASE_URL": ""}) == Settings()


def test_a_dyno_is_production_unless_told_otherwise() -> None:
    environ = {**PRODUCTION, "DYNO": "web.1"}
    del environ["CLERK_SYNC_ENV"]
    assert Settings.from_env(environ).is_production
    assert not Settings.from_env({"DYNO": "web.1", "CLERK_SYNC_ENV": "development"}).is_production


def test_production_does_not_start_without_database_and_parties() -> None:
    problems = problems_of(CLERK_SYNC_ENV="production")
    assert [problem.partition(":")[0] for problem in problems] == ["DATABASE_URL", "CLERK_AUTHORIZED_PARTIES"]


def test_every_problem_is_in_one_report_with_one_sentence_each() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({"PORT": "http", "CLERK_MISSING_AZP": "maybe", "CLERK_API_URL": "api.clerk.com"})
    report = str(caught.value)
    assert "3 settings are wrong or missing" in report
    assert "PORT: found 'http', expected a whole number from 1 to 65535." in report
    assert "CLERK_MISSING_AZP: found 'maybe', expected reject or allow." in report


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://admin:hunter2@host/db"),
        ("CLERK_SECRET_KEY", "hunter2"),
        ("CLERK_WEBHOOK_SIGNING_SECRET", "whsec_hunter2!"),
        ("CLERK_JWT_KEY", "hunter2"),
        ("CLERK_PUBLISHABLE_KEY", "sk_live_hunter2"),
        ("CLERK_API_URL", "https://user:hunter2@api.example.com"),
        ("CLERK_API_URL", "https://api.example.com?key=hunter2"),
        ("DATABASE_URL", "postgres://u:hunter2@host/db?pgbouncer=true"),
        ("DATABASE_URL", "postgres://u:hunter2%zz@host/db"),
        ("METRICS_TOKEN", "hunter2é"),
        ("CLERK_SECRET_KEY", "sk_test_hunter2…"),
    ],
)
def test_a_wrong_secret_is_named_but_never_shown(name: str, value: str) -> None:
    (problem,) = problems_of(**{name: value})
    assert problem.startswith(f"{name}: found a value that cannot be used, expected ")
    assert "hunter2" not in problem


def test_secrets_do_not_show_in_the_settings_themselves() -> None:
    settings = Settings.from_env(
        {
            "DATABASE_URL": "postgres://u:hunter2@host/db",
            "CLERK_SECRET_KEY": "sk_test_hunter2",
            "CLERK_WEBHOOK_SIGNING_SECRET": "whsec_aHVudGVyMg==",
            "METRICS_TOKEN": "hunter2",
        }
    )
    assert "hunter2" not in repr(settings)
    assert "aHVudGVyMg" not in repr(settings)


def test_herokus_form_of_the_database_url_is_accepted() -> None:
    settings = Settings.from_env({"DATABASE_URL": "postgres://u:p@host:5432/name?sslmode=require"})
    assert settings.database_url == "postgresql://u:p@host:5432/name?sslmode=require"


def test_a_database_url_may_name_a_socket_directory() -> None:
    url = "postgresql://postgres:@/shop?host=/var/run/postgresql"
    assert Settings.from_env({"DATABASE_URL": url}).database_url == url


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
def test_the_cookie_suffix_is_that_of_clerks_own_libraries(key: str, suffix: str) -> None:
    publishable_key = Settings.from_env({"CLERK_PUBLISHABLE_KEY": key}).publishable_key
    assert publishable_key is not None
    assert publishable_key.cookie_suffix == suffix


def test_the_publishable_key_gives_the_issuer_and_the_key_sets_address() -> None:
    settings = Settings.from_env({"CLERK_PUBLISHABLE_KEY": "pk_test_ZXhhbXBsZS5hY2NvdW50cy5kZXYk"})
    assert settings.issuer == "https://example.accounts.dev"
    assert settings.publishable_key is not None
    assert settings.publishable_key.key_set_url == "https://example.accounts.dev/.well-known/jwks.json"


def test_an_issuer_of_its_own_overrides_the_keys() -> None:
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
def test_a_pem_loads_in_every_form_that_people_paste(form: config.Callable[[str], str]) -> None:
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
def test_a_party_that_no_browser_can_send_is_refused(origin: str) -> None:
    assert problems_of(CLERK_AUTHORIZED_PARTIES=origin)


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
def test_other_values_that_could_never_work_are_refused(name: str, value: str) -> None:
    (problem,) = problems_of(**{name: value})
    assert "such as https://" in problem or "whsec_ and base64" in problem


def test_spaces_around_entries_of_lists_are_ignored() -> None:
    settings = Settings.from_env(
        {
            "CLERK_AUTHORIZED_PARTIES": " https://a.example.com , http://127.0.0.1:3000,,",
            "CLERK_WEBHOOK_SIGNING_SECRET": "whsec_AAECAwQFBgcICQoLDA0ODxAR , whsec_ZGVmZ2hpamtsbW5vcHFyc3R1",
        }
    )
    assert settings.authorized_parties == ("https://a.example.com", "http://127.0.0.1:3000")
    assert len(settings.webhook_signing_secrets) == 2


def test_parties_of_nothing_but_commas_do_not_count_in_production() -> None:
    assert problems_of(**PRODUCTION | {"CLERK_AUTHORIZED_PARTIES": " , "})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:4010", "http://localhost:4010", "http://[::1]:4010", "https://api.example.com"]
)
def test_production_calls_clerk_over_https_or_loopback(url: str) -> None:
    assert Settings.from_env(PRODUCTION | {"CLERK_API_URL": url}).api_url == url


def test_production_does_not_send_its_secret_key_in_the_clear() -> None:
    assert "loopback" in problems_of(**PRODUCTION | {"CLERK_API_URL": "http://api.example.com"})[0]


def test_the_api_url_is_given_without_its_version() -> None:
    assert Settings.from_env({"CLERK_API_URL": "https://api.clerk.com/"}).api_url == "https://api.clerk.com"
    assert "without /v1" in problems_of(CLERK_API_URL="https://api.clerk.com/v1")[0]


def test_the_example_file_names_exactly_the_variables_that_are_read() -> None:
    source = Path(config.__file__).read_text()
    read = set(re.findall(r'read\(\s*"([A-Z_]+)"', source))
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert example == read


def test_the_contracts_table_of_variables_is_the_example_file() -> None:
    contract = ROOT.parent / "shared" / "CONTRACT.md"
    if not contract.exists():
        pytest.skip("the contract is not beside this checkout")
    section = contract.read_text().partition("## 2.")[0]
    named = {
        name
        for row in re.findall(r"^\| (`[A-Z_`, ]+) \|", section, re.MULTILINE)
        for name in re.findall(r"[A-Z_]{3,}", row)
    }
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert example == named
