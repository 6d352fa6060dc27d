"""The function that reads a page of orders with a plan that is kept."""

from alembic import op

from clerk_sync.shop.sql_functions import ORDERS_PAGE

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(ORDERS_PAGE)


def downgrade() -> None:
    op.execute("DROP FUNCTION orders_page")
