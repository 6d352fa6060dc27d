"""Every response conforms to the OpenAPI document; over the network, with valid sessions.

schemathesis makes valid and invalid requests from the document. Its check ``positive_data_acceptance`` is excluded:
the shop may refuse a valid request, as the document says (a full address book, an empty cart, a product off sale).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, CheckContext, CheckFunction, Response
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from clerk_sync import app
from clerk_sync.settings import settings as config
from clerk_sync.shop.fields import LARGEST_ID
from tests.conftest import examples, sign_delivery
from tests.stage.migrations import migrate
from tests.stage.servers import TIMEOUT_S, Servers, start_servers

EXAMPLES = examples(40)
# Headers that every response may have undescribed: HTTP's own, and those of the document's introduction.
UNIVERSAL = {
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "server",
    "vary",
    "x-request-id",
}

Test = Callable[[Case[Any], "Api"], None]


def _description() -> Any:
    # This runs while tests are collected. Making the application opens no connection.
    made = app.create_app(config.Settings(env="test"))
    document = made.test_client().get("/api/openapi.json").get_json()
    generation = GenerationConfig(max_examples=EXAMPLES, with_security_parameters=False)
    projects = ProjectsConfig(default=ProjectConfig(generation=generation))
    return schemathesis.openapi.from_dict(document, config=SchemathesisConfig(projects=projects))


API = _description()


def each_operation(**selection: str) -> Callable[[Test], None]:
    """Make a test for every selected operation, with EXAMPLES requests and the limits of its schema.

    Each test has its own name. schemathesis gives all the same name, and pytest-xdist would run only one of them.
    """
    selected = API.include(**selection) if selection else API

    def define(test: Test) -> None:
        for found in selected.get_all_operations():
            operation = found.ok()
            globals()[f"{test.__name__}[{operation.label}]"] = _test_of(operation, test)

    return define


def _test_of(operation: Any, test: Test) -> Any:
    @API.include(method=operation.method.upper(), path=operation.path).parametrize()  # type: ignore[untyped-decorator]  # schemathesis leaves it so
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def run(case: Case[Any], api: Api) -> None:
        test(case, api)

    return run


@dataclass(frozen=True)
class Api:
    """A service with an ADMIN, and a CLIENT who owns rows."""

    servers: Servers
    client_id: str
    admin_id: str
    things: dict[str, Any]
    """Values of path parameters for existing rows, by parameter name."""

    def send(
        self, case: Case[Any], user_id: str, *, also_excluded: Sequence[CheckFunction] = (), **options: Any
    ) -> Response:
        """Send ``case`` with a session of this user, and check the response against the document."""
        return case.call_and_validate(
            base_url=self.servers.service.url,
            headers={
                "Authorization": f"Bearer {self.servers.clerk.session_token(user_id)}",
                **options.pop("headers", {}),
            },
            additional_checks=[headers_are_described],
            excluded_checks=[positive_data_acceptance, *also_excluded],
            timeout=TIMEOUT_S,
            **options,
        )


@schemathesis.check
def headers_are_described(_: CheckContext, response: Response, case: Case[Any]) -> None:
    """Fail if a response has a header that the document does not describe."""
    document = case.operation.schema.raw_schema
    promised = case.operation.definition.raw["responses"].get(str(response.status_code))
    if promised is None:
        return  # another check fails
    reference = promised.get("$ref", "").rpartition("/")[2]
    promised = document["components"]["responses"][reference] if reference else promised
    announced = {name.lower() for name in promised.get("headers", {})}
    assert set(response.headers) - UNIVERSAL <= announced, f"not announced: {set(response.headers) - UNIVERSAL}"


@pytest.fixture(scope="module")
def api(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with start_servers(migrate(new_database()), tmp_path_factory.mktemp("logs")) as servers:
        servers.flask("shop", "load-products")
        client_id, admin_id = (
            servers.clerk.users.create(email=f"{name}@example.com")["id"] for name in ("ada", "boss")
        )
        servers.clerk.webhook_sender.wait_idle()
        servers.query("UPDATE users SET role = 'ADMIN' WHERE clerk_id = %s", admin_id)
        yield Api(servers, client_id, admin_id, _things(servers, client_id))


def _things(servers: Servers, user_id: str) -> dict[str, Any]:
    sku = servers.call("GET", "/api/products", user_id).json()["products"][0]["sku"]
    servers.call("PUT", f"/api/cart/items/{sku}", user_id, json={"quantity": 1})
    home = {"line1": "1 Harbour Road", "city": "Galway", "country": "IE"}
    address_id = servers.call("POST", "/api/addresses", user_id, json=home).json()["id"]
    order = servers.call(
        "POST",
        "/api/cart/checkout",
        user_id,
        json={"address_id": address_id},
        headers={"Idempotency-Key": "first"},
    ).json()
    servers.call("PUT", f"/api/cart/items/{sku}", user_id, json={"quantity": 1})
    return {"sku": sku, "number": order["number"], "address_id": address_id, "user_id": user_id}


@each_operation()
def test_every_request_of_a_client_is_answered_as_described(case: Case[Any], api: Api) -> None:
    api.send(case, api.client_id)


@each_operation(path_regex="^/api/admin/")
def test_every_request_of_an_admin_is_answered_as_described(case: Case[Any], api: Api) -> None:
    api.send(case, api.admin_id)


@each_operation(path_regex="{|checkout")
def test_every_request_for_existing_rows_is_answered_as_described(case: Case[Any], api: Api) -> None:
    things = api.things | {"id": api.things["user_id" if "/users/" in case.path else "address_id"]}
    for name in list(case.path_parameters):
        case.path_parameters[name] = things[name]
    body: Any = case.body
    # Replace valid ids only: invalid ones must be rejected.
    if isinstance(body, dict) and type(body.get("address_id")) is int and 1 <= body["address_id"] <= LARGEST_ID:
        body["address_id"] = things["address_id"]
    api.send(case, api.admin_id if "/admin/" in case.path else api.client_id)


@each_operation(path_regex="^/api/webhooks/", method="POST")
def test_every_signed_delivery_is_answered_as_described(case: Case[Any], api: Api) -> None:
    body = b"" if case.body is NOT_SET else json.dumps(case.body).encode()
    signed = sign_delivery(body, "msg_conformance", api.servers.clerk.environment["CLERK_WEBHOOK_SIGNING_SECRET"])
    # The valid signature replaces invalid headers, so nothing has to be rejected.
    api.send(case, api.client_id, also_excluded=[negative_data_rejection], headers=signed, data=body)
