"""A deletion removes the user's addresses and open cart. The mirror's own trigger no longer does it.

The functions that read pages of orders go: nothing calls them any more.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# With the schemas in the text, it works with any search_path.
CLEAR = """
CREATE FUNCTION {shop}.clear_deleted_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM {shop}.addresses WHERE user_id = NEW.id;
    DELETE FROM {shop}.carts WHERE user_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER clear_deleted_user AFTER UPDATE ON {mirror}.users FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION {shop}.clear_deleted_user();

DROP FUNCTION IF EXISTS {shop}.orders_page, {shop}.own_orders_page;
"""
UNDO = """
DROP TRIGGER clear_deleted_user ON {mirror}.users;
DROP FUNCTION {shop}.clear_deleted_user;
"""


def _execute(sql: str) -> None:
    schemas = op.get_context().opts
    op.execute(sql.format(mirror=schemas["mirror_schema"], shop=schemas["shop_schema"]))


def upgrade() -> None:
    _execute(CLEAR)


def downgrade() -> None:
    _execute(UNDO)
