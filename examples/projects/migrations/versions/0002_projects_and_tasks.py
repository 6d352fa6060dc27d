"""Projects and tasks, with foreign keys to the mirrored users: run ``flask sync-clerk migrate`` before."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), sa.ForeignKey("clerk.users.id"), nullable=False, index=True),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("projects.id"), nullable=False, index=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), sa.ForeignKey("clerk.users.id"), nullable=False, index=True),
    )


def downgrade() -> None:
    op.drop_table("tasks")
    op.drop_table("projects")
