"""The highest price of a product: a cart full of it still has a total that a bigint holds.

Rows that cost more keep their price until somebody changes them; an order of theirs that would not fit is refused.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        ALTER TABLE products DROP CONSTRAINT ck_products_price_minor;
        ALTER TABLE products
            ADD CONSTRAINT ck_products_price_minor CHECK (price_minor BETWEEN 0 AND 1000000000000) NOT VALID;
        DO $$
        BEGIN
            ALTER TABLE products VALIDATE CONSTRAINT ck_products_price_minor;
        EXCEPTION WHEN check_violation THEN
            RAISE NOTICE 'some products cost more than 1000000000000 minor units; their rows were kept';
        END $$;
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE products DROP CONSTRAINT ck_products_price_minor;
        ALTER TABLE products ADD CONSTRAINT ck_products_price_minor CHECK (price_minor >= 0);
    """)
