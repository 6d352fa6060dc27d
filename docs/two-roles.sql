-- Two database roles: the owner, who migrates and makes ADMINs, and a login for the application that cannot.
--
--     psql "$OWNER_URL" --set ON_ERROR_STOP=1 --file docs/two-roles.sql
--     psql "$OWNER_URL" --command '\password clerk_sync_app'
--
-- Run it as the owner of the tables, after `flask db upgrade`, and again after each upgrade: it may be repeated.
-- It takes away rights of this login on these tables only: what else it may do stays as it is.
-- Another name for the login: --set app=another_name. See docs/security.md.

\if :{?app}
\else
    \set app clerk_sync_app
\endif

BEGIN;

SELECT format('CREATE ROLE %I LOGIN', :'app') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'app') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'app') \gexec
GRANT USAGE ON SCHEMA public TO :"app";

-- What an earlier run or another statement has granted on our tables is taken back first: what follows is all there is.
REVOKE ALL ON users, role_changes, clerk_sync_version, alembic_version, webhook_events, mirror_binding, sync_runs,
    sync_missing, addresses, carts, cart_items, products, orders, order_items FROM :"app";

-- Users: every column but the role and the id. Nobody deletes a user row: a deletion is a tombstone.
GRANT SELECT ON users TO :"app";
SELECT format('GRANT INSERT (%1$s), UPDATE (%1$s) ON users TO %2$I', string_agg(quote_ident(attname), ', '), :'app')
FROM pg_attribute
WHERE attrelid = 'users'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('id', 'role') \gexec

-- Who changed whose role, and which migrations have run: to be read.
GRANT SELECT ON role_changes, clerk_sync_version, alembic_version TO :"app";

-- The rest of the mirror. Deliveries are never removed, only emptied.
GRANT SELECT, INSERT, UPDATE ON webhook_events, mirror_binding, sync_runs TO :"app";
GRANT SELECT, INSERT, UPDATE, DELETE ON sync_missing TO :"app";

-- The shop. Orders stay.
GRANT SELECT, INSERT, UPDATE, DELETE ON addresses, carts, cart_items TO :"app";
GRANT SELECT, INSERT, UPDATE ON products, orders, order_items TO :"app";

COMMIT;

-- Other applications may need this right, which may be everybody's, so it is not taken away here.
SELECT has_schema_privilege(:'app', 'public', 'CREATE') AS may_create \gset
\if :may_create
    \warn 'The login may create objects in schema public: see docs/security.md, Two database roles.'
\endif
