"""The function that takes a delivery merges its user by a statement made for one row."""

from alembic import op

from clerk_sync.mirror.merge.sql_functions import TAKE_EVENT

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(TAKE_EVENT)


def downgrade() -> None:
    pass  # the decisions are the same, and so are name and parameters
