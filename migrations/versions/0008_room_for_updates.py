"""Room on the pages of users for the next version of a row.

A user changes more often than one comes. Where the new version fits beside the old one, and no indexed column has
changed, PostgreSQL leaves the four indexes alone. Rows that are there already keep their place.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE users SET (fillfactor = 85)")


def downgrade() -> None:
    op.execute("ALTER TABLE users RESET (fillfactor)")
