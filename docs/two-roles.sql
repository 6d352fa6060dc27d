-- Two database roles: the owner, who migrates and makes ADMINs, and a login for the application, which can do neither.
--
--     psql "$OWNER_URL" --set ON_ERROR_STOP=1 --file docs/two-roles.sql
--     psql "$OWNER_URL" --command '\password clerk_sync_app'
--
-- Run it as the owner of the tables after each `flask db upgrade` or `flask sync-clerk migrate`; it may be repeated. It
-- revokes only rights of this login on these tables. Another name for the login: --set app=another_name. If
-- CLERK_SYNC_SCHEMA is set: --set schema=clerk. See docs/security.md.

\if :{?app}
\else
    \set app clerk_sync_app
\endif
\if :{?schema}
\else
    \set schema public
\endif

BEGIN;

SELECT set_config('search_path', quote_ident(:'schema'), true) AS search_path \gset

SELECT format('CREATE ROLE %I LOGIN', :'app') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'app') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'app') \gexec
GRANT USAGE ON SCHEMA :"schema" TO :"app";

-- Revoke earlier grants first, so that the login has only the following rights.
REVOKE ALL ON users, role_changes, clerk_sync_version, webhook_events, mirror_binding, sync_runs, sync_missing FROM :"app";

-- Users: every column but the role and the id. No DELETE: a deletion writes a tombstone.
GRANT SELECT ON users TO :"app";
SELECT format('GRANT INSERT (%1$s), UPDATE (%1$s) ON users TO %2$I', string_agg(quote_ident(attname), ', '), :'app')
FROM pg_attribute
WHERE attrelid = 'users'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('id', 'role') \gexec

-- Read only: the audit of roles, and the versions of the migrations.
GRANT SELECT ON role_changes, clerk_sync_version TO :"app";

-- The rest of the mirror. No DELETE on deliveries: their payloads are emptied, their rows stay.
GRANT SELECT, INSERT, UPDATE ON webhook_events, mirror_binding, sync_runs TO :"app";
GRANT SELECT, INSERT, UPDATE, DELETE ON sync_missing TO :"app";

-- The shop, if it is this project's. No DELETE on orders: they stay.
SELECT EXISTS (
    SELECT FROM pg_constraint WHERE conname = 'fk_orders_user_id' AND confrelid = 'users'::regclass
) AS has_shop \gset
\if :has_shop
    SET LOCAL search_path = public;
    GRANT USAGE ON SCHEMA public TO :"app";
    REVOKE ALL ON alembic_version, addresses, carts, cart_items, products, orders, order_items FROM :"app";
    GRANT SELECT ON alembic_version TO :"app";
    GRANT SELECT, INSERT, UPDATE, DELETE ON addresses, carts, cart_items TO :"app";
    GRANT SELECT, INSERT, UPDATE ON products, orders, order_items TO :"app";
\endif

COMMIT;

-- This right is not revoked here: it may belong to PUBLIC, and other applications may need it.
SELECT has_schema_privilege(:'app', :'schema', 'CREATE') AS may_create \gset
\if :may_create
    \warn 'The login may create objects in schema' :schema': see docs/security.md, Two database roles.'
\endif
