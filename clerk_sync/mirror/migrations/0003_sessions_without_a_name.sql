-- A session without a name counts as the application's. psql, pgAdmin and DBeaver name themselves; the driver of a host
-- application usually does not, and the mirror's tables are in its reach.

CREATE OR REPLACE FUNCTION {schema}.is_application_session() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT btrim(name) = '' OR starts_with(name, 'clerk_sync')
        -- PgBouncer with application_name_add_host calls a session without a name so.
        OR starts_with(name, 'app - ')
    FROM current_setting('application_name') AS name
$$;
