"""The role wall: the application cannot set a role, and whoever else does is written down."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The application's connections carry this name (clerk_sync/db/connect.py); a pooler may add to its end.
SESSION = """
CREATE FUNCTION is_application_session() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT starts_with(current_setting('application_name'), 'clerk_sync')
$$;
"""

WALL = """
CREATE FUNCTION refuse_role_from_application() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF is_application_session() THEN
        RAISE EXCEPTION 'the application may not set a role' USING ERRCODE = 'insufficient_privilege',
            HINT = 'Roles change in a database session of a person, such as psql.';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER role_wall_insert BEFORE INSERT ON users FOR EACH ROW
    WHEN (NEW.role <> 'CLIENT') EXECUTE FUNCTION refuse_role_from_application();
CREATE TRIGGER role_wall_update BEFORE UPDATE ON users FOR EACH ROW
    WHEN (OLD.role IS DISTINCT FROM NEW.role) EXECUTE FUNCTION refuse_role_from_application();
"""

AUDIT = """
CREATE FUNCTION record_role_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO role_changes (user_id, clerk_id, old_role, new_role, changed_by, application_name, client_address)
    VALUES (NEW.id, NEW.clerk_id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.role END, NEW.role, session_user,
            current_setting('application_name'), host(inet_client_addr()));
    RETURN NULL;
END $$;

CREATE TRIGGER role_audit_insert AFTER INSERT ON users FOR EACH ROW
    WHEN (NEW.role <> 'CLIENT') EXECUTE FUNCTION record_role_change();
CREATE TRIGGER role_audit_update AFTER UPDATE ON users FOR EACH ROW
    WHEN (OLD.role IS DISTINCT FROM NEW.role) EXECUTE FUNCTION record_role_change();

CREATE FUNCTION refuse_audit_from_application() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF is_application_session() THEN
        RAISE EXCEPTION 'the application may not write the audit of roles' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER audit_wall BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON role_changes FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_audit_from_application();
"""


def upgrade() -> None:
    op.create_table(
        "role_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("clerk_id", sa.Text(), nullable=False),
        sa.Column("old_role", sa.Text(), nullable=True),
        sa.Column("new_role", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("application_name", sa.Text(), nullable=False),
        sa.Column("client_address", sa.Text(), nullable=True),
        sa.Column("changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_role_changes_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_changes")),
    )
    op.create_index("ix_role_changes_user_id", "role_changes", ["user_id"], unique=False)
    op.execute(SESSION)
    op.execute(WALL)
    op.execute(AUDIT)


def downgrade() -> None:
    op.execute("DROP TRIGGER role_wall_insert ON users; DROP TRIGGER role_wall_update ON users")
    op.execute("DROP TRIGGER role_audit_insert ON users; DROP TRIGGER role_audit_update ON users")
    op.drop_table("role_changes")
    op.execute(
        "DROP FUNCTION refuse_role_from_application(), record_role_change(), refuse_audit_from_application(), "
        "is_application_session()"
    )
