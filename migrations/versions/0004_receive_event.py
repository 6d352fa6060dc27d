"""The function that takes a whole delivery in one round trip."""

from alembic import op

from clerk_sync.mirror.merge.sql_functions import RECEIVE_EVENT, SNAPSHOT_TYPE, TAKE_EVENT

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(SNAPSHOT_TYPE)
    op.execute(TAKE_EVENT)
    op.execute(RECEIVE_EVENT)


def downgrade() -> None:
    op.execute("DROP FUNCTION receive_event")
    op.execute("DROP FUNCTION IF EXISTS take_event")
    op.execute("DROP TYPE user_snapshot")
