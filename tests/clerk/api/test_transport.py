from __future__ import annotations

import gzip
import threading
from collections.abc import Callable

import pytest

from clerk_sync.clerk.api.transport import RateLimiter, Transport, limiter_for
from clerk_sync.clerk.errors import ApiRefusedError, ApiUnavailableError
from tests.clerk.api.scripted_api import DROPPED, FakeTime, Reply, ScriptedApi, answer, parse_json, refusal
from tests.clerk.conftest import SECRET_KEY

MakeTransport = Callable[..., Transport]


@pytest.mark.parametrize(("secret_key", "allowed"), [("sk_live_x", 1000), ("sk_test_x", 100), ("test_x", 100)])
def test_the_limit_is_that_of_the_keys_instance(secret_key: str, allowed: int, fake_time: FakeTime) -> None:
    limiter = limiter_for(secret_key, clock=fake_time.clock, sleep=fake_time.sleep)
    for _ in range(allowed):
        with limiter.slot():
            pass
    assert fake_time.slept_s == []
    with limiter.slot():
        pass
    assert fake_time.slept_s == [10.0]


def test_429_waits_as_long_as_retry_after_says(transport: Transport, server: ScriptedApi, fake_time: FakeTime) -> None:
    server.will_answer(refusal(429, "too_many_requests", retry_after="3"), answer([1]))
    assert transport.get("/users", parse=parse_json) == [1]
    assert fake_time.slept_s == [3.0]


class Stopped(Exception):
    """Raised by a sleep that is interrupted."""


def stop(seconds: float) -> None:
    raise Stopped


def test_429_pauses_all_transports_that_share_the_limiter(
    make_transport: MakeTransport, server: ScriptedApi, fake_time: FakeTime
) -> None:
    limiter = limiter_for(SECRET_KEY, clock=fake_time.clock, sleep=stop)
    server.will_answer(refusal(429, "too_many_requests", retry_after="3"))
    with pytest.raises(Stopped):
        make_transport(limiter=limiter).get("/users", parse=parse_json)
    with pytest.raises(Stopped):
        make_transport(limiter=limiter).get("/users", parse=parse_json)
    assert len(server.asked) == 1


@pytest.mark.parametrize("headers", [{}, {"retry_after": "soon"}, {"retry_after": "0"}])
def test_429_without_a_usable_retry_after_backs_off(
    headers: dict[str, str], transport: Transport, server: ScriptedApi, fake_time: FakeTime
) -> None:
    server.will_answer(*[refusal(429, "too_many_requests", **headers)] * 3, answer([1]))
    assert transport.get("/users", parse=parse_json) == [1]
    assert fake_time.slept_s == [0.5, 1.0, 2.0]


def test_two_failures_and_then_an_answer_is_an_answer(
    transport: Transport, server: ScriptedApi, fake_time: FakeTime
) -> None:
    server.will_answer(refusal(500, "internal_clerk_error"), answer(b"<html>", 502), answer([1]))
    assert transport.get("/users", parse=parse_json) == [1]
    assert fake_time.slept_s == [0.5, 1.0]


def test_503_waits_as_long_as_retry_after_says(transport: Transport, server: ScriptedApi, fake_time: FakeTime) -> None:
    server.will_answer(refusal(503, "service_unavailable", retry_after="4"), answer([1]))
    assert transport.get("/users", parse=parse_json) == [1]
    assert fake_time.slept_s == [4.0]


def test_jitter_spreads_the_backoff_over_its_upper_half(
    make_transport: MakeTransport, server: ScriptedApi, fake_time: FakeTime
) -> None:
    server.will_answer(*[refusal(500, "internal_clerk_error")] * 3, answer([]))
    rolls = iter([0.0, 0.5, 1.0])
    make_transport(jitter=lambda: next(rolls)).get("/users", parse=parse_json)
    assert fake_time.slept_s == [0.25, 0.75, 2.0]


@pytest.mark.parametrize(
    "torn",
    [
        Reply(parts=[b'[{"id": "user_1"}]'], cut=6),
        Reply(parts=[b'[{"id": "user_1"']),
        Reply(parts=[b"5\r\n[1, 2"], headers={"Transfer-Encoding": "chunked"}, cut=1),
        Reply(parts=[gzip.compress(b"[1, 2, 3]" * 100)[:-20]], headers={"Content-Encoding": "gzip"}),
        Reply(parts=[b"no gzip at all"], headers={"Content-Encoding": "gzip"}),
        Reply(parts=[b"<html>Please log in</html>"]),
        DROPPED,
    ],
    ids=["cut", "torn JSON", "cut chunk", "cut gzip", "no gzip", "no JSON", "no answer"],
)
def test_an_incomplete_response_is_retried(
    torn: Reply, transport: Transport, server: ScriptedApi, fake_time: FakeTime
) -> None:
    server.will_answer(torn, answer([1]))
    assert transport.get("/users", parse=parse_json) == [1]
    assert fake_time.slept_s == [0.5]


def test_a_response_that_does_not_arrive_is_retried(
    make_transport: MakeTransport, server: ScriptedApi, fake_time: FakeTime
) -> None:
    silent = answer([])
    silent.hold = threading.Event()
    server.will_answer(silent, answer([1]))
    assert make_transport(read_timeout_s=0.05).get("/users", parse=parse_json) == [1]
    silent.hold.set()
    assert fake_time.slept_s == [0.5]


def test_failures_end_with_the_budget(transport: Transport, server: ScriptedApi, fake_time: FakeTime) -> None:
    server.will_answer(refusal(503, "service_unavailable"))
    with pytest.raises(ApiUnavailableError, match="503 service_unavailable"):
        transport.get("/users", parse=parse_json)
    assert 50 < sum(fake_time.slept_s) <= 60
    assert max(fake_time.slept_s) == 8.0


def test_a_retry_after_beyond_the_budget_ends_the_retries(
    transport: Transport, server: ScriptedApi, fake_time: FakeTime
) -> None:
    server.will_answer(refusal(429, "too_many_requests", retry_after="3600"))
    with pytest.raises(ApiUnavailableError, match="429"):
        transport.get("/users", parse=parse_json)
    assert fake_time.slept_s == []


def test_waiting_for_a_slot_of_our_own_does_not_use_up_the_budget(
    make_transport: MakeTransport, server: ScriptedApi, fake_time: FakeTime
) -> None:
    limiter = RateLimiter(1, 100.0, clock=fake_time.clock, sleep=fake_time.sleep)
    transport = make_transport(limiter=limiter)
    transport.get("/users", parse=parse_json)
    server.will_answer(refusal(500, "internal_clerk_error"), answer([1]))
    with pytest.raises(ApiUnavailableError):
        make_transport(limiter=limiter, budget_s=0.4).get("/users", parse=parse_json)
    assert fake_time.slept_s == [100.0]
    assert transport.get("/users", parse=parse_json) == [1]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "api_version_invalid"),
        (401, "clerk_key_invalid"),
        (403, "authorization_invalid"),
        (404, "resource_not_found"),
        (422, "form_param_unknown"),
    ],
)
def test_a_refusal_is_final_and_carries_the_code(
    status: int, code: str, transport: Transport, server: ScriptedApi
) -> None:
    server.will_answer(refusal(status, code))
    with pytest.raises(ApiRefusedError) as refused:
        transport.get("/users", parse=parse_json)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert len(server.asked) == 1


def test_an_exception_of_sleep_ends_the_wait_at_once(make_transport: MakeTransport, server: ScriptedApi) -> None:
    server.will_answer(refusal(500, "internal_clerk_error"))
    with pytest.raises(Stopped):
        make_transport(sleep=stop).get("/users", parse=parse_json)
    assert len(server.asked) == 1


def test_an_error_of_the_caller_is_not_a_failure_of_clerk(transport: Transport, server: ScriptedApi) -> None:
    def parse(raw: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        transport.get("/users", parse=parse)
    assert len(server.asked) == 1


def test_each_retry_leaves_one_line_in_the_log(
    transport: Transport, server: ScriptedApi, caplog: pytest.LogCaptureFixture
) -> None:
    server.will_answer(refusal(500, "internal_clerk_error"), answer([]))
    transport.get("/users", parse=parse_json)
    assert caplog.messages == ["/users: answered 500 internal_clerk_error; retrying in 0.5 s"]
