"""The function that takes a delivery when it arrives and when it is replayed; the one before calls it."""

from alembic import op

from clerk_sync.mirror.merge.sql_functions import RECEIVE_EVENT, TAKE_EVENT

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(TAKE_EVENT)
    # The workers of the release before call this one: they take their decisions in the same place.
    op.execute(RECEIVE_EVENT)


def downgrade() -> None:
    pass  # the release before needs receive_event, and that needs take_event: 0004 drops both
