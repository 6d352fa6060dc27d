"""Host applications: plain Flask applications that use the extension."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Blueprint, Flask

from clerk_sync import ClerkSync, Settings, claims, current_user, require_admin
from clerk_sync.services import get_services
from tests.stage.changed_settings import changed

MakeHost = Callable[..., Flask]


def private_blueprint(clerk: ClerkSync) -> Blueprint:
    """Return a guarded blueprint as a host application has one."""
    private = Blueprint("private", __name__, url_prefix="/private")
    private.before_request(clerk.guard)

    @private.get("/claims")
    def show_claims() -> dict[str, Any]:
        return {"user": claims().user_id, "session": claims().session_id, "org": claims().org}

    @private.get("/user")
    def show_user() -> dict[str, Any]:
        return {"id": current_user().id, "email": current_user().email}

    @private.get("/admin")
    def show_admin() -> dict[str, Any]:
        return {"role": require_admin().role}

    return private


@pytest.fixture
def make_host(settings: Settings, app: Flask) -> Iterator[MakeHost]:
    """A factory of host applications on the migrated, empty database; settings may be changed."""
    made: list[Flask] = []

    def make(changes: dict[str, Any] | None = None, **options: Any) -> Flask:
        host = Flask("host")
        clerk = ClerkSync(settings=changed(settings, **(changes or {})))
        clerk.init_app(host, **options)
        host.register_blueprint(private_blueprint(clerk))
        made.append(host)
        return host

    yield make
    for each in made:
        get_services(each).pool.dispose()


@pytest.fixture
def host(make_host: MakeHost) -> Flask:
    """One host application."""
    return make_host()
