"""The Flask extension: ``ClerkSync``, and the functions for guarded requests.

This module is part of the public API. It imports neither Flask nor a database library: ``init_app`` loads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask
    from prometheus_client.registry import Collector
    from sqlalchemy import MetaData, Table

    from clerk_sync.clerk.tokens.policy import SessionClaims
    from clerk_sync.mirror.local_users import LocalUser
    from clerk_sync.settings.settings import Settings

_TWICE = "ClerkSync.init_app was called twice for this application. Call it once."
_HOST_MATCHING = "ClerkSync cannot join an application with host_matching: its routes would belong to no host."
_OTHER_SCHEMA = (
    "ClerkSync.table used the schema {table!r}, and CLERK_SYNC_SCHEMA is now {now!r}. "
    "Load the environment before the models, or give Settings(schema=…)."
)


class ClerkSync:
    """The extension: it joins a Flask application and takes nothing over.

        clerk = ClerkSync()

        def create_app():
            app = Flask(__name__)
            clerk.init_app(app)
            return app

    ``settings`` are those of the environment unless they are given. One object can serve several applications. It may
    be made before any application exists, so that models can use ``table``.
    """

    def __init__(self, app: Flask | None = None, *, settings: Settings | None = None) -> None:
        self._given_settings = settings
        self._used_schema: str | None = None
        if app is not None:
            self.init_app(app)

    def init_app(
        self, app: Flask, *, webhook_path: str = "/api/webhooks/clerk", health: bool = True, cli: bool = True
    ) -> None:
        """Add the webhook route, ``/healthz`` and ``/readyz``, and the commands ``flask sync-clerk`` to ``app``.

            clerk.init_app(app, webhook_path="/hooks/clerk", health=False)

        Nothing else of ``app`` changes: no error handler, hook, middleware, configuration or log handler. No connection
        is opened. Raises ConfigurationError if settings are wrong or missing, RuntimeError at a second call.
        """
        from clerk_sync.cli import is_flask_command, refuse_commands
        from clerk_sync.cli.sync_clerk import sync_clerk
        from clerk_sync.services import get_services
        from clerk_sync.settings.settings import ConfigurationError
        from clerk_sync.web import auth, metrics, webhooks  # noqa: F401 - threads use them later, and must not import
        from clerk_sync.web import health as health_routes

        if "clerk_sync_webhooks" in app.blueprints:
            raise RuntimeError(_TWICE)
        if app.url_map.host_matching:
            raise RuntimeError(_HOST_MATCHING)
        try:
            settings = self._settings
            _require_database(settings)
        except ConfigurationError as error:
            if not (cli and is_flask_command()):
                raise
            # The doctor reports wrong settings, so that it must be found. The other commands refuse.
            _add_commands(app, error.settings)
            refuse_commands(sync_clerk, str(error))
            return
        if self._used_schema not in (None, settings.schema):
            raise RuntimeError(_OTHER_SCHEMA.format(table=self._used_schema, now=settings.schema))
        self.init_commands(app, cli=cli)
        services = get_services(app)
        services.webhook_path, services.has_health_routes = webhook_path, health
        app.register_blueprint(webhooks.make_blueprint(webhook_path))
        if health:
            app.register_blueprint(health_routes.make_blueprint())
        services.warm_up()

    def init_commands(self, app: Flask, *, cli: bool = True) -> None:
        """Add the part of ``init_app`` that commands need: no routes. ``init_app`` may follow."""
        from clerk_sync.services import has_services

        if not has_services(app):
            _add_commands(app, self._settings, cli=cli)

    def guard(self) -> None:
        """Refuse requests without a valid session token: 401 as a ``Problem``. The database is not used.

            tasks = Blueprint("tasks", __name__)
            tasks.before_request(clerk.guard)

        It can also guard a whole application: ``app.before_request(clerk.guard)``. The extension's own webhook and
        health routes stay open.
        """
        from clerk_sync.web import auth

        auth.require_session()

    # How ``web`` knows a guarded blueprint: see ``auth.GUARD_MARK``.
    guard.is_clerk_guard = True  # type: ignore[attr-defined]

    def table(self, metadata: MetaData, name: str = "users") -> Table:
        """Return a mirrored table in ``metadata``, for foreign keys and joins of the application's own models.

            users = clerk.table(db.metadata)

            class Task(db.Model):
                id = db.Column(db.BigInteger, primary_key=True)
                created_by = db.Column(db.ForeignKey(users.c.id), nullable=False)

            db.session.execute(select(Task, users.c.email).join(users))

        A second call returns the same table. ``create_all`` and ``drop_all`` skip it: ``flask sync-clerk migrate``
        makes it. Never write to it. Raises an error if ``metadata`` has another table of that name in that schema.
        """
        from clerk_sync.mirror.host_tables import copy_table

        self._used_schema = self._schema
        return copy_table(name, metadata, self._used_schema)

    def include_object(
        self,
        object: Any,  # noqa: A002 - Alembic's names
        name: str | None,
        type_: str,
        reflected: bool,  # noqa: ARG002
        compare_to: Any,  # noqa: ARG002
    ) -> bool:
        """Return False for what the mirror's own migrations create, for Alembic's autogenerate.

            context.configure(connection=connection, include_object=clerk.include_object)

        With Flask-Migrate: ``Migrate(app, db, include_object=clerk.include_object)``.
        """
        from clerk_sync.mirror.host_tables import is_of_the_mirror

        return not is_of_the_mirror(object, name, type_, self._schema)

    def readiness(self) -> Mapping[str, Mapping[str, bool | str]]:
        """Return whether each dependency is ready, as ``/readyz`` shows it: ``ok`` and ``detail``.

            @app.get("/ready")
            def ready():
                checks = clerk.readiness()
                return checks, 200 if all(check["ok"] for check in checks.values()) else 503

        The dependencies are ``database``, ``migrations``, ``keys`` and ``webhook_secret``. This needs an application
        context.
        """
        from clerk_sync.services import services
        from clerk_sync.web.health import read_readiness

        return read_readiness(services())

    @property
    def _settings(self) -> Settings:
        if self._given_settings is not None:
            return self._given_settings
        from clerk_sync.settings.settings import Settings

        return Settings()

    @property
    def _schema(self) -> str:
        from clerk_sync.settings.settings import ConfigurationError

        try:
            return self._settings.schema
        except ConfigurationError as error:
            return error.settings.schema  # models are declared at import; init_app then reports the problems


def _add_commands(app: Flask, settings: Settings, *, cli: bool = True) -> None:
    from clerk_sync.db.connect import ConnectionFactory
    from clerk_sync.services import Services, install_services

    connect = ConnectionFactory(settings.database_url, Path(app.instance_path) / "postgres")
    install_services(app, Services(settings, connect))
    if cli:
        from clerk_sync.cli.sync_clerk import sync_clerk

        app.cli.add_command(sync_clerk)


def _require_database(settings: Settings) -> None:
    """Raise ConfigurationError if there is no database to connect to."""
    from importlib.util import find_spec

    from clerk_sync.db.connect import EMBEDDED
    from clerk_sync.settings.settings import ConfigurationError

    if settings.database_url is None and find_spec(EMBEDDED) is None:
        problem = "DATABASE_URL: found nothing, expected a postgres:// or postgresql:// URL."
        raise ConfigurationError([problem], settings)


def claims() -> SessionClaims:
    """Return what the session token of this request proves. The database is not used.

        @tasks.get("/whoami")
        def whoami():
            return {"user": claims().user_id, "until": claims().expires_at}

    The claims have ``user_id``, ``session_id``, ``issued_at``, ``expires_at`` (Unix seconds) and ``org``: None or the
    active organization with ``id``, ``slug`` and ``role``. Raises Problem as ``ClerkSync.guard`` does.
    """
    from clerk_sync.web import auth

    return auth.claims()


def current_user() -> LocalUser:
    """Return the row of ``users`` of the signed-in user; its columns are attributes.

        @tasks.post("/tasks")
        def add_task():
            db.session.add(Task(created_by=current_user().id))

    A user who is not mirrored yet gets a row at once. Raises Problem: 401 without a session, 403 for a deleted or
    banned user, 503 if the database cannot be used now.
    """
    from clerk_sync.web import auth

    return auth.current_user()


def require_admin() -> LocalUser:
    """Return the signed-in user if their role is ADMIN; raise Problem otherwise: 403 with the reason ``forbidden``.

        reports.before_request(clerk.guard)

        @reports.before_request
        def admins_only():
            require_admin()

    It returns the user, so it is no hook itself: Flask would send what a hook returns. The row decides, not a claim.
    Only a database session of an operator can change a role.
    """
    from clerk_sync.web import auth

    return auth.require_admin()


def collector() -> Collector:
    """Return a collector of the mirror's metrics for the application's own Prometheus registry.

        with app.app_context():
            registry.register(collector())

    It has the counters of this process, and gauges that each scrape reads from the database: parked events, age of the
    last event, runs of sync. With ``PROMETHEUS_MULTIPROC_DIR``, prometheus_client's own MultiProcessCollector has the
    counters of all processes, and this collector has the gauges only. With several applications in one process, each
    needs a registry of its own.
    """
    from clerk_sync.services import services
    from clerk_sync.web.metrics import MirrorCollector

    return MirrorCollector(services())
