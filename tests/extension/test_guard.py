"""Guarded requests of a host application: its own blueprints, hooks, handlers, limiter and tracer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, appcontext_popped, got_request_exception, request, request_finished
from flask.views import MethodView
from flask_limiter import Limiter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from werkzeug.exceptions import HTTPException

from clerk_sync import ClerkSync, Problem, Settings, claims, current_user, require_admin
from clerk_sync.clerk.tokens.rejection import TokenRejection
from tests.extension.conftest import MakeHost
from tests.stage.changed_settings import changed

Bearer = Callable[..., dict[str, str]]
Query = Callable[..., list[tuple[Any, ...]]]

GRACE = "user_grace"


def test_a_guarded_view_knows_what_the_token_proves(host: Flask, bearer: Bearer) -> None:
    answer = host.test_client().get("/private/claims", headers=bearer(GRACE))
    assert answer.get_json() == {"user": GRACE, "session": "sess_2bbbbbbbbbbbbbbbbbbbbbbbbbb", "org": None}


def test_without_a_token_the_default_answer_is_problem_json(host: Flask) -> None:
    answer = host.test_client().get("/private/claims")
    assert (answer.status_code, answer.content_type) == (401, "application/problem+json")
    assert answer.get_json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "A valid session token is required.",
        "instance": "/private/claims",
        "code": TokenRejection.MISSING,
    }
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["x-clerk-auth-reason"] == TokenRejection.MISSING
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("handled", [401, HTTPException, Problem, Exception], ids=str)
def test_the_handlers_of_the_host_decide_how_a_refusal_looks(host: Flask, handled: Any) -> None:
    def show(error: Problem) -> tuple[dict[str, str], int, dict[str, str]]:
        return {"error": error.reason, "message": error.description}, error.code, error.headers

    host.register_error_handler(handled, show)
    answer = host.test_client().get("/private/claims")
    assert answer.status_code == 401
    assert answer.get_json() == {"error": TokenRejection.MISSING, "message": "A valid session token is required."}
    assert answer.headers["x-clerk-auth-status"] == "signed-out"


def test_a_handler_can_change_the_default_answer(host: Flask) -> None:
    @host.errorhandler(HTTPException)
    def show(error: HTTPException) -> Any:
        answer = error.get_response()
        answer.headers["X-Host"] = "yes"
        return answer

    answer = host.test_client().get("/private/claims")
    assert (answer.headers["X-Host"], answer.get_json()["instance"]) == ("yes", "/private/claims")


def test_a_problem_can_be_raised_and_read_outside_of_a_request() -> None:
    problem = Problem(409, "archived", "It is archived.", {"X-More": "1"})
    assert (problem.code, problem.reason, problem.description, problem.name) == (
        409,
        "archived",
        "It is archived.",
        "Conflict",
    )
    answer = problem.get_response()
    assert ("instance" in answer.get_data(as_text=True), answer.headers["X-More"]) == (False, "1")  # type: ignore[attr-defined]
    assert "archived" in str(problem)


def test_the_first_request_of_a_user_makes_the_row(host: Flask, bearer: Bearer, query: Query) -> None:
    client = host.test_client()
    first, second = (client.get("/private/user", headers=bearer(GRACE)).get_json() for _ in range(2))
    assert first == second
    assert query("SELECT id, role, clerk_updated_at FROM users WHERE clerk_id = %s", GRACE) == [
        (first["id"], "CLIENT", 0)
    ]


def test_deleted_and_banned_users_are_refused(host: Flask, bearer: Bearer, query: Query) -> None:
    client = host.test_client()
    client.get("/private/user", headers=bearer(GRACE))
    query("UPDATE users SET banned = true WHERE clerk_id = %s", GRACE)
    assert client.get("/private/user", headers=bearer(GRACE)).get_json()["code"] == "user-banned"
    query("UPDATE users SET deleted_at = now() WHERE clerk_id = %s", GRACE)
    assert client.get("/private/user", headers=bearer(GRACE)).get_json()["code"] == "user-deleted"


def test_only_the_row_makes_an_administrator(host: Flask, bearer: Bearer, query: Query) -> None:
    client = host.test_client()
    refused = client.get("/private/admin", headers=bearer(GRACE))
    assert (refused.status_code, refused.get_json()["code"]) == (403, "forbidden")
    query("UPDATE users SET role = 'ADMIN' WHERE clerk_id = %s", GRACE)
    assert client.get("/private/admin", headers=bearer(GRACE)).get_json() == {"role": "ADMIN"}


def test_every_column_of_the_row_is_an_attribute(host: Flask, bearer: Bearer) -> None:
    @host.get("/row")
    def show_row() -> dict[str, str]:
        user = current_user()
        names = ("id", "clerk_id", "email", "email_verified", "first_name", "last_name", "username", "image_url")
        more = ("role", "banned", "clerk_created_at", "clerk_updated_at", "deleted_at", "synced_at", "created_at")
        return {name: str(getattr(user, name)) for name in (*names, *more)}

    assert host.test_client().get("/row", headers=bearer(GRACE)).get_json()["clerk_id"] == GRACE


def test_async_views_and_method_views_and_nested_blueprints_are_guarded(
    host: Flask, settings: Settings, bearer: Bearer
) -> None:
    clerk = ClerkSync(settings=settings)
    outer = Blueprint("outer", __name__, url_prefix="/outer")
    outer.before_request(clerk.guard)
    inner = Blueprint("inner", __name__, url_prefix="/inner")

    @inner.get("/async")
    async def show_async() -> dict[str, Any]:
        return {"user": claims().user_id, "id": current_user().id, "email": current_user().email}

    class Tasks(MethodView):
        init_every_request = False

        def get(self) -> dict[str, str]:
            return {"user": claims().user_id}

        async def post(self) -> dict[str, str]:
            return {"role": require_admin().role}

    inner.add_url_rule("/tasks", view_func=Tasks.as_view("tasks"))
    outer.register_blueprint(inner)
    host.register_blueprint(outer)

    def check() -> None:
        client = host.test_client()
        assert client.get("/outer/inner/async").status_code == 401
        assert client.get("/outer/inner/async", headers=bearer(GRACE)).get_json()["user"] == GRACE
        assert client.get("/outer/inner/tasks").status_code == 401
        assert client.get("/outer/inner/tasks", headers=bearer(GRACE)).get_json() == {"user": GRACE}
        assert client.post("/outer/inner/tasks", headers=bearer(GRACE)).status_code == 403

    # In a thread of its own: browser tests leave an event loop in the main thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(check).result()


def test_a_guard_for_the_whole_application_leaves_our_own_routes_open(
    settings: Settings, app: Flask, bearer: Bearer
) -> None:
    host = Flask("host")
    clerk = ClerkSync(settings=settings)
    host.before_request(clerk.guard)
    clerk.init_app(host)
    host.add_url_rule("/page", view_func=lambda: claims().user_id)
    client = host.test_client()
    assert client.get("/page").status_code == 401
    assert client.get("/page", headers=bearer(GRACE)).get_data(as_text=True) == GRACE
    assert client.get("/nothing").status_code == 401
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert client.post("/api/webhooks/clerk", json={}).get_json()["code"] == "signature-invalid"


def test_a_cors_preflight_passes_the_guard_and_other_options_requests_do_not(host: Flask) -> None:
    client = host.test_client()
    preflight = {"Origin": "https://shop.example.com", "Access-Control-Request-Method": "GET"}
    assert client.options("/private/claims", headers=preflight).status_code == 200
    assert client.options("/private/claims").status_code == 401


def test_a_view_that_answers_options_itself_is_guarded(host: Flask, settings: Settings) -> None:
    private = Blueprint("options", __name__)
    private.before_request(ClerkSync(settings=settings).guard)
    private.add_url_rule("/options", view_func=lambda: "secret", methods=["OPTIONS"])
    host.register_blueprint(private)
    answer = host.test_client().options("/options", headers={"Access-Control-Request-Method": "GET"})
    assert answer.status_code == 401


def test_hooks_signals_and_teardown_of_the_host_run_in_flasks_order(host: Flask, bearer: Bearer) -> None:
    seen: list[str] = []
    host.before_request(lambda: seen.append("before"))
    host.after_request(lambda response: (seen.append("after"), response)[1])
    host.teardown_request(lambda error: seen.append(f"teardown {error}"))
    # Signals hold weak references, so the receivers are names.
    finished = lambda *_, **__: seen.append("finished")  # noqa: E731
    popped = lambda *_, **__: seen.append("popped")  # noqa: E731
    failed = lambda *_, **__: seen.append("failed")  # noqa: E731
    request_finished.connect(finished, host)
    appcontext_popped.connect(popped, host)
    got_request_exception.connect(failed, host)
    host.test_client().get("/private/claims")
    assert seen == ["before", "after", "finished", "teardown None", "popped"]
    seen.clear()
    host.test_client().get("/private/user", headers=bearer(GRACE))
    assert seen == ["before", "after", "finished", "teardown None", "popped"]


def limited(settings: Settings, *, guards_first: bool) -> Flask:
    """Return a host with a limit of three requests, and a guard on the application before or after the limiter's."""
    host = Flask("host")
    clerk = ClerkSync(settings=settings)
    clerk.init_app(host)
    if guards_first:
        host.before_request(clerk.guard)
    Limiter(lambda: request.remote_addr or "", app=host, default_limits=["3 per hour"], storage_uri="memory://")
    if not guards_first:
        host.before_request(clerk.guard)
    host.add_url_rule("/page", view_func=lambda: claims().user_id)
    return host


def test_the_limiter_of_the_host_counts_guarded_requests_and_refusals(
    settings: Settings, app: Flask, bearer: Bearer
) -> None:
    client = limited(settings, guards_first=False).test_client()
    statuses = [client.get("/page", headers=bearer(GRACE)).status_code, client.get("/page").status_code]
    assert [*statuses, *(client.get("/page", headers=bearer(GRACE)).status_code for _ in range(2))] == [
        200,
        401,
        200,
        429,
    ]


def test_a_guard_before_the_limiter_keeps_refusals_from_counting(
    settings: Settings, app: Flask, bearer: Bearer
) -> None:
    client = limited(settings, guards_first=True).test_client()
    statuses = [client.get("/page").status_code for _ in range(4)]
    assert [*statuses, client.get("/page", headers=bearer(GRACE)).status_code] == [401, 401, 401, 401, 200]


def test_the_tracer_of_the_host_sees_guarded_requests_and_their_status(host: Flask, bearer: Bearer) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    FlaskInstrumentor().instrument_app(host, tracer_provider=provider)
    client = host.test_client()
    client.get("/private/claims")
    client.get("/private/claims", headers=bearer(GRACE))
    client.post("/api/webhooks/clerk", json={})
    found = [(span.name, (span.attributes or {})["http.status_code"]) for span in spans.get_finished_spans()]
    assert found == [("GET /private/claims", 401), ("GET /private/claims", 200), ("POST /api/webhooks/clerk", 400)]


def test_one_request_passed_on_to_another_application_is_verified_there_again(
    make_host: MakeHost, settings: Settings, bearer: Bearer
) -> None:
    outer, inner = make_host(), make_host({"issuer": "https://another.example.com"})
    outer.add_url_rule("/outer", view_func=lambda: _pass_on(inner))
    answer = outer.test_client().get("/outer", headers=bearer(GRACE))
    assert answer.status_code == 401


def test_the_user_of_a_request_that_is_passed_on_is_read_there_again(
    make_host: MakeHost, bearer: Bearer, query: Query
) -> None:
    outer, inner = make_host(), make_host()

    def ban_and_pass_on() -> Response:
        query("UPDATE users SET banned = true WHERE id = %s", current_user().id)
        return _pass_on(inner, "/private/user")

    outer.add_url_rule("/outer", view_func=ban_and_pass_on)
    assert outer.test_client().get("/outer", headers=bearer(GRACE)).get_json()["code"] == "user-banned"


def _pass_on(app: Flask, path: str = "/private/claims") -> Response:
    claims()
    return Response.from_app(app, request.environ | {"PATH_INFO": path})


def test_two_extensions_agree_on_one_application(host: Flask, settings: Settings, bearer: Bearer) -> None:
    private = Blueprint("other", __name__)
    # The application's services decide, not the object whose guard is used.
    private.before_request(ClerkSync(settings=changed(settings, issuer="https://another.example.com")).guard)
    private.add_url_rule("/other", view_func=lambda: claims().user_id)
    host.register_blueprint(private)
    assert host.test_client().get("/other", headers=bearer(GRACE)).status_code == 200


def test_a_problem_may_have_subclasses() -> None:
    class Archived(Problem):
        def __init__(self, name: str) -> None:
            super().__init__(409, "archived", f"{name} is archived.")

    assert type(Problem(409, "archived", "It is archived.")) is type(Problem(409, "other", "Another."))
    with pytest.raises(Problem, match="Apollo is archived"):
        raise Archived("Apollo")
