"""A team's own application, with users mirrored from Clerk. Lines that end with ``# clerk_sync`` are the extension's.

``users`` and ``orders`` in the schema ``public`` are the team's own tables. The mirror is in the schema ``clerk``.
"""

from __future__ import annotations

import os
import sys

from flask import Blueprint, Flask, abort, json, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from clerk_sync import ClerkSync, Settings, claims, current_user, require_admin  # clerk_sync


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)
limiter = Limiter(get_remote_address, default_limits=["1000 per hour"], headers_enabled=True, storage_uri="memory://")
clerk = ClerkSync(settings=Settings(schema="clerk"))  # clerk_sync
users = clerk.table(db.metadata)  # clerk_sync


class StaffAccount(db.Model):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)


class Order(db.Model):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    placed_by: Mapped[int] = mapped_column(ForeignKey(StaffAccount.id))


class Project(db.Model):
    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_by: Mapped[int] = mapped_column(ForeignKey(users.c.id), index=True)  # clerk_sync


class Task(db.Model):
    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey(Project.id), index=True)
    title: Mapped[str]
    created_by: Mapped[int] = mapped_column(ForeignKey(users.c.id), index=True)  # clerk_sync


projects = Blueprint("projects", __name__, url_prefix="/projects")
projects.before_request(clerk.guard)  # clerk_sync
reports = Blueprint("reports", __name__, url_prefix="/reports")
reports.before_request(clerk.guard)  # clerk_sync


@projects.get("/")
def list_projects() -> list[dict[str, object]]:
    mine = Project.created_by == current_user().id  # clerk_sync
    found = db.session.scalars(select(Project).where(mine).order_by(Project.id))
    return [{"id": project.id, "name": project.name} for project in found]


@projects.post("/")
def add_project() -> tuple[dict[str, object], int]:
    project = Project(name=request.get_json()["name"], created_by=current_user().id)  # clerk_sync
    db.session.add(project)
    db.session.commit()
    return {"id": project.id, "name": project.name}, 201


@projects.post("/<int:project_id>/tasks")
def add_task(project_id: int) -> tuple[dict[str, object], int]:
    if db.session.get(Project, project_id) is None:
        abort(404)
    author = current_user().id  # clerk_sync
    task = Task(project_id=project_id, title=request.get_json()["title"], created_by=author)
    db.session.add(task)
    db.session.commit()
    return {"id": task.id, "title": task.title}, 201


@reports.get("/tasks")
@limiter.limit("5 per minute", key_func=lambda: claims().user_id)  # clerk_sync
def report_tasks() -> list[dict[str, object]]:
    require_admin()  # clerk_sync
    tasks = select(Task.title, Project.name).join_from(Task, Project)
    tasks = tasks.join(users, users.c.id == Task.created_by).add_columns(users.c.email)  # clerk_sync
    return [{"task": title, "project": name, "by": email} for title, name, email in db.session.execute(tasks)]


def show_error(error: HTTPException) -> Response:
    """Answer in the team's own format. Headers of the error stay, such as Retry-After."""
    response = error.get_response()
    reason = getattr(error, "reason", error.name)
    response.data = json.dumps({"error": {"status": error.code, "reason": reason, "message": error.description}})
    response.content_type = "application/json"
    return response


def create_app() -> Flask:
    app = Flask(__name__)
    # SQLAlchemy 2.1 takes psycopg for postgresql://, and psycopg2 if the URL names it.
    app.config["SQLALCHEMY_DATABASE_URI"] = f"postgresql+psycopg2://{os.environ['DATABASE_URL'].partition('://')[2]}"
    app.register_error_handler(HTTPException, show_error)
    db.init_app(app)
    limiter.init_app(app)
    clerk.init_app(app)  # clerk_sync
    for name in ("clerk_sync_webhooks", "clerk_sync_health"):  # clerk_sync
        limiter.exempt(app.blueprints[name])  # clerk_sync
    Migrate(app, db, include_object=clerk.include_object)  # clerk_sync
    tracer = TracerProvider()
    tracer.add_span_processor(
        SimpleSpanProcessor(ConsoleSpanExporter(sys.stderr, formatter=lambda span: f"{span.to_json(indent=None)}\n"))
    )
    FlaskInstrumentor().instrument_app(app, tracer_provider=tracer)
    app.register_blueprint(projects)
    app.register_blueprint(reports)
    return app
