"""Proxies and certificates of the environment."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from clerk_sync.clerk.api.transport import Transport
from clerk_sync.clerk.errors import ApiUnavailableError
from tests.clerk.api.scripted_api import FakeTime, ScriptedApi
from tests.cli.fixed_server import fixed_server, self_signed_certificate

MakeTransport = Callable[..., Transport]

ELSEWHERE = "http://api.clerk.test"


@pytest.fixture(autouse=True)
def no_proxy_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "SSL_CERT_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy"])
def test_requests_to_a_remote_clerk_use_the_proxy_of_the_environment(
    make_transport: MakeTransport, server: ScriptedApi, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, server.url)
    assert make_transport(ELSEWHERE).get("/users", parse=bytes) == b"[]"
    assert server.asked[0].headers["Host"] == "api.clerk.test"


def test_a_proxy_gets_its_login_in_a_header(
    make_transport: MakeTransport, server: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url.replace("http://", "http://grace:s%40cret@"))
    make_transport(ELSEWHERE).get("/users", parse=bytes)
    login = base64.b64encode(b"grace:s@cret").decode()
    assert server.asked[0].headers["proxy-authorization"] == f"Basic {login}"


def test_a_proxy_without_a_scheme_is_an_http_proxy(
    make_transport: MakeTransport, server: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url.removeprefix("http://"))
    assert make_transport(ELSEWHERE).get("/users", parse=bytes) == b"[]"


def test_no_proxy_exempts_a_host(
    make_transport: MakeTransport, server: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.1")
    # Spelled so that it does not count as this machine, and the environment is read.
    assert make_transport(server.url.replace("127.0.0.1", "127.1")).get("/users", parse=bytes) == b"[]"


def test_a_server_with_an_untrusted_certificate_does_not_get_the_key(
    make_transport: MakeTransport, fake_time: FakeTime, tmp_path: Path
) -> None:
    with (
        fixed_server(200, certificate=self_signed_certificate(tmp_path)) as url,
        pytest.raises(ApiUnavailableError) as refused,
    ):
        make_transport(url).get("/users", parse=bytes)
    assert ssl.SSLCertVerificationError.__name__ in str(refused.value)


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_that_the_operator_names_are_trusted(
    make_transport: MakeTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    certificate = self_signed_certificate(tmp_path)
    monkeypatch.setenv(name, str(certificate))
    with fixed_server(200, b"[]", certificate=certificate) as url:
        assert make_transport(url).get("/users", parse=bytes) == b"[]"


def test_missing_certificates_are_an_error_at_once(
    make_transport: MakeTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fake_time: FakeTime
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))
    before = fake_time.now_s
    with pytest.raises(ApiUnavailableError, match="REQUESTS_CA_BUNDLE names certificates that are not there"):
        make_transport("https://127.0.0.1:9").get("/users", parse=bytes)
    assert fake_time.now_s == before


def test_certificates_may_be_in_a_folder(
    make_transport: MakeTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = self_signed_certificate(tmp_path)
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "empty"))
    with (
        fixed_server(200, b"[]", certificate=certificate) as url,
        pytest.raises(ApiUnavailableError, match="CERTIFICATE"),
    ):
        make_transport(url).get("/users", parse=bytes)


@pytest.mark.parametrize("proxy", ["http://grace:p#ss@127.0.0.1:9", "http://grace:p€ss@127.0.0.1:9", "http://[::1"])
def test_a_proxy_whose_address_cannot_be_read_is_refused_without_being_quoted(
    make_transport: MakeTransport, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(ApiUnavailableError, match="the environment's proxy cannot be read") as refused:
        make_transport(ELSEWHERE).get("/users", parse=bytes)
    assert "grace" not in str(refused.value)
