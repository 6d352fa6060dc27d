"""The function that finds an active user and a page of their orders in one statement."""

from alembic import op

from clerk_sync.shop.sql_functions import ORDERS_PAGE, OWN_ORDERS_PAGE

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(OWN_ORDERS_PAGE)
    # Its text has changed since it was installed.
    op.execute(ORDERS_PAGE)


def downgrade() -> None:
    op.execute("DROP FUNCTION own_orders_page")
