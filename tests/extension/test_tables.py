"""The mirrored tables in the host's models, and what its migrations must leave alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    insert,
    inspect,
    select,
)
from sqlalchemy.pool import NullPool

from clerk_sync import ClerkSync, Settings
from clerk_sync.mirror import migrations
from clerk_sync.mirror.host_tables import TableNameTakenError
from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.mirror.models import MIRROR_TABLES
from tests.stage.changed_settings import changed

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(params=["clerk", "public", "Odd name"])
def schema(request: pytest.FixtureRequest) -> str:
    """The mirror's schema."""
    return str(request.param)


@pytest.fixture
def clerk(settings: Settings, schema: str) -> ClerkSync:
    """An extension that has not joined an application."""
    return ClerkSync(settings=changed(settings, schema=schema))


def psycopg2_url(url: str) -> str:
    """Return ``url`` with the driver's name: without it, SQLAlchemy 2.1 takes psycopg."""
    return f"postgresql+psycopg2://{url.partition('://')[2]}"


@pytest.fixture
def engine(schema: str, new_database: Callable[[], str]) -> Iterator[Engine]:
    """The host's own connections to a database whose mirror is in the schema."""
    url = new_database()
    with (
        closing(psycopg2.connect(url, application_name="psql")) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        migrations.upgrade(connection, schema)
    made = create_engine(psycopg2_url(url), poolclass=NullPool)
    yield made
    made.dispose()


def tasks_of(metadata: MetaData, users: Table) -> Table:
    """Return a table of the host with a foreign key to the mirrored user."""
    return Table(
        "tasks",
        metadata,
        Column("id", Integer, Identity(), primary_key=True),
        Column("title", Text, nullable=False),
        Column("created_by", BigInteger, ForeignKey(users.c.id), nullable=False),
        Index("ix_tasks_created_by", "created_by"),
    )


def differences(engine: Engine, metadata: MetaData, clerk: ClerkSync, *, all_schemas: bool) -> list[Any]:
    """Return what Alembic's autogenerate would put into the host's next migration."""
    with engine.connect() as connection:
        options = {"include_object": clerk.include_object, "include_schemas": all_schemas}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def test_a_table_has_every_column_of_the_database_that_is_not_internal(
    clerk: ClerkSync, engine: Engine, schema: str
) -> None:
    users = clerk.table(MetaData())
    with engine.connect() as connection:
        columns = {column["name"] for column in inspect(connection).get_columns("users", schema)}
        assert {column.name for column in users.columns} == columns - {"event_at", "content_digest"}
        assert connection.execute(select(users)).all() == []


def test_the_same_metadata_gets_the_same_table(clerk: ClerkSync) -> None:
    metadata, other = MetaData(), MetaData()
    assert clerk.table(metadata) is clerk.table(metadata, "users")
    assert clerk.table(metadata) is not clerk.table(other)


def test_the_schema_of_the_hosts_metadata_is_not_the_mirrors(clerk: ClerkSync, schema: str) -> None:
    assert clerk.table(MetaData(schema="host")).schema == schema


def test_an_unknown_table_is_named(clerk: ClerkSync) -> None:
    with pytest.raises(ValueError, match="'tasks'; the tables are: users"):
        clerk.table(MetaData(), "tasks")


def test_models_can_be_declared_from_the_environment_before_an_application_exists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLERK_SYNC_SCHEMA", "clerk")
    users = ClerkSync().table(MetaData())
    assert (users.schema, users.fullname) == ("clerk", "clerk.users")


@pytest.mark.parametrize("all_schemas", [False, True])
def test_the_hosts_migrations_see_only_the_hosts_tables(clerk: ClerkSync, engine: Engine, all_schemas: bool) -> None:
    metadata = MetaData()
    tasks = tasks_of(metadata, clerk.table(metadata))
    found = differences(engine, metadata, clerk, all_schemas=all_schemas)
    assert [(kind, item.name) for kind, item in found] == [("add_table", "tasks"), ("add_index", "ix_tasks_created_by")]
    metadata.create_all(engine)
    assert differences(engine, metadata, clerk, all_schemas=all_schemas) == []
    metadata.drop_all(engine, [tasks])
    metadata.remove(tasks)
    assert differences(engine, metadata, clerk, all_schemas=all_schemas) == []


def test_rows_of_the_host_join_the_mirrored_user(clerk: ClerkSync, engine: Engine) -> None:
    metadata = MetaData()
    users = clerk.table(metadata)
    tasks = tasks_of(metadata, users)
    metadata.create_all(engine)
    with engine.begin() as connection:
        row = insert(users).values(clerk_id="user_grace", email="grace@example.com").returning(users.c.id)
        user_id = connection.execute(row).scalar_one()
        connection.execute(insert(tasks).values(title="First", created_by=user_id))
        joined = select(tasks.c.title, users.c.email).join_from(tasks, users)
        assert connection.execute(joined).all() == [("First", "grace@example.com")]


def test_create_all_and_drop_all_of_the_host_leave_the_mirror_alone(
    clerk: ClerkSync, engine: Engine, schema: str
) -> None:
    metadata = MetaData()
    tasks_of(metadata, clerk.table(metadata))
    before = set(inspect(engine).get_table_names(schema))
    for _ in range(2):
        metadata.create_all(engine)
        metadata.drop_all(engine)
    assert set(inspect(engine).get_table_names(schema)) == before
    assert before >= MIRROR_TABLES


def test_create_all_makes_no_mirror_where_none_is(clerk: ClerkSync, new_database: Callable[[], str]) -> None:
    engine = create_engine(psycopg2_url(new_database()), poolclass=NullPool)
    metadata = MetaData()
    clerk.table(metadata)
    metadata.create_all(engine)
    assert inspect(engine).get_table_names("public") == []
    engine.dispose()


def test_tables_of_the_host_with_our_names_are_compared(settings: Settings, new_database: Callable[[], str]) -> None:
    clerk = ClerkSync(settings=changed(settings, schema="clerk"))
    metadata = MetaData()
    clerk.table(metadata)
    Table("users", metadata, Column("id", Integer, primary_key=True), Column("login", Text))
    engine = create_engine(psycopg2_url(new_database()), poolclass=NullPool)
    found = differences(engine, metadata, clerk, all_schemas=False)
    assert [(kind, item.name, item.schema) for kind, item in found] == [("add_table", "users", None)]
    engine.dispose()


def test_a_table_of_the_application_is_never_taken_for_the_mirrors() -> None:
    metadata = MetaData()
    Table("users", metadata, Column("id", BigInteger, primary_key=True))
    with pytest.raises(TableNameTakenError, match="CLERK_SYNC_SCHEMA"):
        ClerkSync(settings=Settings(schema="public")).table(metadata)
    assert ClerkSync(settings=Settings(schema="clerk")).table(metadata).schema == "clerk"


def test_the_table_has_the_columns_that_a_user_has_as_attributes() -> None:
    table = ClerkSync(settings=Settings(schema="clerk")).table(MetaData())
    assert set(table.c.keys()) == set(LocalUser.__struct_fields__)


def test_models_and_application_use_one_schema(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = ClerkSync()
    monkeypatch.delenv("CLERK_SYNC_SCHEMA", raising=False)
    clerk.table(MetaData())
    monkeypatch.setenv("CLERK_SYNC_SCHEMA", "clerk")
    monkeypatch.setenv("DATABASE_URL", str(settings.database_url))
    with pytest.raises(RuntimeError, match="'public', and CLERK_SYNC_SCHEMA is now 'clerk'"):
        clerk.init_app(Flask("host"))
