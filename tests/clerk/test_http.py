from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from clerk_sync.clerk.api.transport import LARGEST_BODY, Transport
from clerk_sync.clerk.errors import ApiError, ApiRefusedError, ApiUnavailableError, RetryableError
from clerk_sync.clerk.http import HttpClient
from tests.clerk.api.scripted_api import DROPPED, FakeTime, Reply, ScriptedApi, answer, parse_json, refusal
from tests.clerk.conftest import SECRET_KEY

MakeTransport = Callable[..., Transport]


def test_a_request_names_its_key_its_version_and_its_sender(transport: Transport, server: ScriptedApi) -> None:
    assert transport.get("/users", [("user_id", "a"), ("user_id", "+b")], parse=bytes) == b"[]"
    asked = server.asked[0]
    assert (asked.path, asked.parameters) == ("/v1/users", [("user_id", "a"), ("user_id", "+b")])
    assert asked.headers["Authorization"] == f"Bearer {SECRET_KEY}"
    assert asked.headers["Clerk-API-Version"] == "2026-05-12"
    assert asked.headers["User-Agent"].startswith("clerk_sync/")


def test_one_connection_serves_request_after_request(transport: Transport, server: ScriptedApi) -> None:
    for _ in range(5):
        transport.get("/users", parse=bytes)
    assert len({asked.client_port for asked in server.asked}) == 1


def test_threads_have_a_connection_each_and_no_warning(
    transport: Transport, server: ScriptedApi, caplog: pytest.LogCaptureFixture
) -> None:
    together = threading.Barrier(8)

    def ask(_: int) -> None:
        for _ in range(3):
            together.wait(10)
            transport.get("/users", parse=bytes)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    assert len(server.asked) == 24
    assert len({asked.client_port for asked in server.asked}) <= 8
    assert caplog.records == []


def test_cookies_are_not_kept(transport: Transport, server: ScriptedApi) -> None:
    server.will_answer(answer([], set_cookie="__cf_bm=1; Path=/"))
    transport.get("/users", parse=bytes)
    transport.get("/users", parse=bytes)
    assert "Cookie" not in server.asked[1].headers


def test_a_packed_body_is_unpacked(transport: Transport, server: ScriptedApi) -> None:
    body = json.dumps(["x" * 1000] * 1000).encode()
    server.will_answer(answer(gzip.compress(body), content_encoding="gzip"))
    assert transport.get("/users", parse=bytes) == body
    assert "gzip" in server.asked[0].headers["Accept-Encoding"]


def test_a_netrc_that_knows_the_host_does_not_replace_the_key(
    make_transport: MakeTransport, server: ScriptedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("no_proxy", "*")
    # Spelled so that it does not count as this machine, and the environment is read.
    make_transport(server.url.replace("127.0.0.1", "127.1")).get("/users", parse=bytes)
    assert server.asked[0].headers["Authorization"] == f"Bearer {SECRET_KEY}"


def test_requests_to_a_local_clerk_use_no_proxy(
    transport: Transport, server: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert transport.get("/users", parse=bytes) == b"[]"


def test_a_body_that_trickles_does_not_outlast_the_budget(
    transport: Transport, server: ScriptedApi, fake_time: FakeTime
) -> None:
    def pass_time() -> None:
        fake_time.now_s += 40

    server.will_answer(Reply(parts=[b"[", b"1", b",", b"2", b"]"], between=pass_time))
    with pytest.raises(ApiUnavailableError, match="too slowly"):
        transport.get("/users", parse=parse_json)


def test_a_response_may_take_longer_than_the_connect_timeout(
    make_transport: MakeTransport, server: ScriptedApi, fake_time: FakeTime
) -> None:
    late = answer([1])
    late.hold = threading.Event()
    server.will_answer(late)
    timer = threading.Timer(0.3, late.hold.set)
    timer.start()
    assert make_transport(connect_timeout_s=0.1).get("/users", parse=parse_json) == [1]
    timer.join()
    assert fake_time.slept_s == []


def test_a_body_that_is_too_large_is_refused(
    transport: Transport, server: ScriptedApi, caplog: pytest.LogCaptureFixture
) -> None:
    bomb = gzip.compress(bytes(LARGEST_BODY + 1), compresslevel=1)
    server.will_answer(answer(bomb, content_encoding="gzip"), answer([1]))
    assert transport.get("/users", parse=parse_json) == [1]
    assert "more than" in caplog.text


def test_a_refused_connection_is_named(make_transport: MakeTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ApiUnavailableError, match=f"127.0.0.1:{port}.*Connection refused"):
        make_transport(f"http://127.0.0.1:{port}").get("/users", parse=parse_json)


def test_an_invalid_address_is_not_retried(make_transport: MakeTransport, fake_time: FakeTime) -> None:
    with pytest.raises(ApiUnavailableError, match="cannot be requested"):
        make_transport("http://.example..com").get("/users", parse=parse_json)
    assert fake_time.slept_s == []


def test_a_redirect_is_not_followed(transport: Transport, server: ScriptedApi) -> None:
    server.will_answer(answer([], 302, location=f"{server.url}/elsewhere"))
    with pytest.raises(ApiRefusedError, match="302"):
        transport.get("/users", parse=parse_json)
    assert [asked.path for asked in server.asked] == ["/v1/users"]


def everything_shown_by(error: BaseException | None) -> str:
    shown = ""
    while error is not None:
        shown += "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
        request = getattr(error, "request", None)
        shown += repr(request and request.headers)
        error = error.__cause__ or error.__context__
    return shown


@pytest.mark.parametrize(
    "reply",
    [
        DROPPED,
        refusal(401, "clerk_key_invalid", f"the key {SECRET_KEY} is invalid"),
        refusal(503, "service_unavailable", SECRET_KEY),
        answer(b"torn"),
        answer([], 302, location="https://elsewhere.example.com"),
    ],
    ids=["dropped", "401", "503", "torn", "302"],
)
def test_the_secret_key_is_in_no_error_no_log_and_no_repr(
    reply: Reply, transport: Transport, server: ScriptedApi, caplog: pytest.LogCaptureFixture
) -> None:
    server.will_answer(reply)
    with caplog.at_level(logging.DEBUG), pytest.raises(ApiError) as failed:
        transport.get("/users", parse=parse_json)
    assert SECRET_KEY not in everything_shown_by(failed.value)
    assert SECRET_KEY not in caplog.text
    assert SECRET_KEY not in repr(transport)


def test_the_secret_key_is_not_in_what_one_failed_request_raises(server: ScriptedApi) -> None:
    server.will_answer(DROPPED)
    headers = {"Authorization": f"Bearer {SECRET_KEY}"}
    client = HttpClient(server.url, headers=headers, connect_timeout_s=5, read_timeout_s=5)
    with closing(client), pytest.raises(RetryableError) as failed:
        client.request("GET", "/users", timeout_s=5)
    assert SECRET_KEY not in everything_shown_by(failed.value) + repr(client)


@pytest.mark.parametrize("secret_key", ["sk_test_ä", "sk_test_a\nb"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_quoted(
    secret_key: str, make_transport: MakeTransport
) -> None:
    with pytest.raises(ValueError, match="secret key") as refused:
        make_transport(secret_key=secret_key)
    assert secret_key not in str(refused.value)


def test_a_malformed_response_makes_no_unprintable_error(make_transport: MakeTransport) -> None:
    """A TLS server answers a plain-text request like this."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def answer_all() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                peer.recv(65536)
                peer.sendall(b"\x15\x03\x01\x00\x02\x02\n")
                peer.close()

        threading.Thread(target=answer_all, daemon=True).start()
        with pytest.raises(ApiError) as failed:
            make_transport(f"http://127.0.0.1:{listener.getsockname()[1]}").get("/users", parse=bytes)
        listener.shutdown(socket.SHUT_RDWR)
    assert str(failed.value).isprintable()
