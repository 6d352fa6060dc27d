-- The mirror's functions and triggers. They name their tables with the schema, so they work with any search_path.
-- It replaces what a database of the release before this history has.

-- The application's connections carry this name (db/connect.py). A pooler may append to it.
CREATE OR REPLACE FUNCTION {schema}.is_application_session() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT starts_with(current_setting('application_name'), 'clerk_sync')
$$;

CREATE OR REPLACE FUNCTION {schema}.refuse_role_from_application() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {schema}.is_application_session() THEN
        RAISE EXCEPTION 'the application may not set a role' USING ERRCODE = 'insufficient_privilege',
            HINT = 'Roles change in a database session of a person, such as psql.';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER role_wall_insert BEFORE INSERT ON {schema}.users FOR EACH ROW
    WHEN (NEW.role <> 'CLIENT') EXECUTE FUNCTION {schema}.refuse_role_from_application();
CREATE OR REPLACE TRIGGER role_wall_update BEFORE UPDATE ON {schema}.users FOR EACH ROW
    WHEN (OLD.role IS DISTINCT FROM NEW.role) EXECUTE FUNCTION {schema}.refuse_role_from_application();

CREATE OR REPLACE FUNCTION {schema}.record_role_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {schema}.role_changes
        (user_id, clerk_id, old_role, new_role, changed_by, application_name, client_address)
    VALUES (NEW.id, NEW.clerk_id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.role END, NEW.role, session_user,
            current_setting('application_name'), host(inet_client_addr()));
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER role_audit_insert AFTER INSERT ON {schema}.users FOR EACH ROW
    WHEN (NEW.role <> 'CLIENT') EXECUTE FUNCTION {schema}.record_role_change();
CREATE OR REPLACE TRIGGER role_audit_update AFTER UPDATE ON {schema}.users FOR EACH ROW
    WHEN (OLD.role IS DISTINCT FROM NEW.role) EXECUTE FUNCTION {schema}.record_role_change();

CREATE OR REPLACE FUNCTION {schema}.refuse_audit_from_application() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {schema}.is_application_session() THEN
        RAISE EXCEPTION 'the application may not write the audit of roles' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER audit_wall BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {schema}.role_changes
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse_audit_from_application();

-- A parked payload is personal data.
CREATE OR REPLACE FUNCTION {schema}.forget_deleted_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE {schema}.webhook_events SET payload = NULL, outcome = 'stale', reason = 'the user was deleted'
    WHERE clerk_id = NEW.clerk_id AND outcome = 'parked';
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER forget_deleted_user AFTER UPDATE ON {schema}.users FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION {schema}.forget_deleted_user();
CREATE OR REPLACE TRIGGER forget_unknown_user AFTER INSERT ON {schema}.users FOR EACH ROW
    WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION {schema}.forget_deleted_user();

-- The release before called these two with one argument for each field.
DROP FUNCTION IF EXISTS {schema}.receive_event;
DROP FUNCTION IF EXISTS {schema}.take_event;
DROP TYPE IF EXISTS {schema}.user_snapshot;

CREATE OR REPLACE FUNCTION {schema}.take_event(
    event jsonb, OUT outcome text, OUT reason text, OUT seen_before boolean
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    delivery_id text := event ->> 'delivery_id';
    event_type text := event ->> 'event_type';
    instance text := event ->> 'instance';
    occurred_at bigint := event ->> 'occurred_at';
    effect text := event ->> 'effect';
    subject text := event ->> 'subject';
    why text := event ->> 'why';
    body text := event ->> 'body';
    bound text;
    subject_id text;
    result text := effect;  -- an event without an effect on users names its outcome itself: ignored, parked
BEGIN
    IF instance IS NOT NULL THEN
        SELECT instance_id INTO bound FROM {schema}.mirror_binding;
        IF bound IS NULL THEN
            INSERT INTO {schema}.mirror_binding (instance_id, bound_by) VALUES (instance, 'webhook') ON CONFLICT DO NOTHING;
            SELECT instance_id INTO bound FROM {schema}.mirror_binding;
        END IF;
    END IF;

    IF bound <> instance THEN
        result := 'foreign';
        why := format('from %s; this mirror is bound to %s', instance, bound);
    ELSIF effect = 'changed' THEN
        LOOP
            
    INSERT INTO {schema}.users AS users (clerk_id, email, email_verified, first_name, last_name, username, image_url, banned, clerk_created_at, clerk_updated_at, event_at, content_digest)
    SELECT clerk_id, email, email_verified, first_name, last_name, username, image_url, banned, clerk_created_at, clerk_updated_at, event_at, md5((compared.email, compared.email_verified, compared.first_name, compared.last_name, compared.username, compared.image_url, compared.banned, compared.clerk_created_at)::text)
    -- ON CONFLICT would lock a row that does not change. So such rows are left out here.
    FROM (
    SELECT arriving.*, CASE
        WHEN users.clerk_id IS NULL OR users.deleted_at IS NULL AND (
        users.clerk_updated_at < arriving.clerk_updated_at
        OR users.clerk_updated_at = arriving.clerk_updated_at
           AND (users.email, users.email_verified, users.first_name, users.last_name, users.username, users.image_url, users.banned, users.clerk_created_at) IS DISTINCT FROM (arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at)
           AND (arriving.event_at = 9223372036854775807
                OR md5((arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at)::text) = users.content_digest
                OR (arriving.event_at, md5((arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at)::text)) > (users.event_at, users.content_digest))) THEN 'write'
        WHEN users.deleted_at IS NULL AND users.clerk_updated_at = arriving.clerk_updated_at
             AND (users.email, users.email_verified, users.first_name, users.last_name, users.username, users.image_url, users.banned, users.clerk_created_at) IS NOT DISTINCT FROM (arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at) THEN 'unchanged'
        ELSE 'stale' END AS action
    FROM (SELECT *, occurred_at AS event_at FROM jsonb_to_record(event -> 'snapshot') AS user_now (clerk_id text, email text, email_verified boolean, first_name text, last_name text, username text, image_url text, banned boolean, clerk_created_at bigint, clerk_updated_at bigint)) AS arriving LEFT JOIN {schema}.users AS users USING (clerk_id)
) AS compared WHERE action = 'write'
    ON CONFLICT (clerk_id) DO UPDATE SET
        email = excluded.email, email_verified = excluded.email_verified, first_name = excluded.first_name, last_name = excluded.last_name, username = excluded.username, image_url = excluded.image_url, banned = excluded.banned, clerk_created_at = excluded.clerk_created_at, clerk_updated_at = excluded.clerk_updated_at, event_at = excluded.event_at, content_digest = excluded.content_digest,
        synced_at = now()
    WHERE users.deleted_at IS NULL AND (
        users.clerk_updated_at < excluded.clerk_updated_at
        OR users.clerk_updated_at = excluded.clerk_updated_at
           AND (users.email, users.email_verified, users.first_name, users.last_name, users.username, users.image_url, users.banned, users.clerk_created_at) IS DISTINCT FROM (excluded.email, excluded.email_verified, excluded.first_name, excluded.last_name, excluded.username, excluded.image_url, excluded.banned, excluded.clerk_created_at)
           AND (excluded.event_at = 9223372036854775807
                OR excluded.content_digest = users.content_digest
                OR (excluded.event_at, excluded.content_digest) > (users.event_at, users.content_digest)))
;
            IF FOUND THEN
                result := 'applied';
                EXIT;
            END IF;
            SELECT action INTO result FROM (
    SELECT arriving.*, CASE
        WHEN users.clerk_id IS NULL OR users.deleted_at IS NULL AND (
        users.clerk_updated_at < arriving.clerk_updated_at
        OR users.clerk_updated_at = arriving.clerk_updated_at
           AND (users.email, users.email_verified, users.first_name, users.last_name, users.username, users.image_url, users.banned, users.clerk_created_at) IS DISTINCT FROM (arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at)
           AND (arriving.event_at = 9223372036854775807
                OR md5((arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at)::text) = users.content_digest
                OR (arriving.event_at, md5((arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at)::text)) > (users.event_at, users.content_digest))) THEN 'write'
        WHEN users.deleted_at IS NULL AND users.clerk_updated_at = arriving.clerk_updated_at
             AND (users.email, users.email_verified, users.first_name, users.last_name, users.username, users.image_url, users.banned, users.clerk_created_at) IS NOT DISTINCT FROM (arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at) THEN 'unchanged'
        ELSE 'stale' END AS action
    FROM (SELECT *, occurred_at AS event_at FROM jsonb_to_record(event -> 'snapshot') AS user_now (clerk_id text, email text, email_verified boolean, first_name text, last_name text, username text, image_url text, banned boolean, clerk_created_at bigint, clerk_updated_at bigint)) AS arriving LEFT JOIN {schema}.users AS users USING (clerk_id)
) AS compared;
            EXIT WHEN result <> 'write';  -- another transaction wrote the row after the comparison: compare again
        END LOOP;
    ELSIF effect = 'deleted' THEN
        
    INSERT INTO {schema}.users AS users (clerk_id, deleted_at)
    SELECT clerk_id, now() FROM unnest(ARRAY[subject]) AS clerk_id
    GROUP BY clerk_id ORDER BY clerk_id
    ON CONFLICT (clerk_id) DO UPDATE SET
        deleted_at = now(), synced_at = now(), email = null, email_verified = false, first_name = null, last_name = null, username = null, image_url = null, content_digest = ''
    WHERE users.deleted_at IS NULL
    RETURNING clerk_id
 INTO subject_id;
        result := CASE WHEN FOUND THEN 'applied' ELSE 'stale' END;
    ELSIF effect = 'parked' AND EXISTS (SELECT FROM {schema}.users WHERE clerk_id = subject AND deleted_at IS NOT NULL) THEN
        result := 'stale';  -- a parked event would keep a payload of a deleted user
    END IF;

    IF event -> 'again' = 'true' THEN
        UPDATE {schema}.webhook_events
        SET type = event_type, clerk_id = subject, outcome = result, reason = why, payload = CASE result WHEN 'parked' THEN body END
        WHERE svix_id = delivery_id AND outcome = 'parked';
    ELSE
        INSERT INTO {schema}.webhook_events (svix_id, type, clerk_id, instance_id, event_at, outcome, reason, payload)
        VALUES (delivery_id, event_type, subject, instance, occurred_at, result, why, CASE result WHEN 'parked' THEN body END)
        ON CONFLICT (svix_id) DO NOTHING;
        seen_before := NOT FOUND;
    END IF;
    IF seen_before THEN
        UPDATE {schema}.webhook_events SET
            deliveries = deliveries + 1,
            last_received_at = now(),
            type = event_type,
            clerk_id = subject,
            reason = why,
            payload = CASE result WHEN 'parked' THEN body END,
            -- A repeated delivery keeps the first outcome unless it changes something.
            outcome = CASE
                WHEN result IN ('unchanged', 'stale', 'ignored') AND outcome IN ('applied', 'unchanged', 'stale')
                THEN outcome ELSE result END
        WHERE svix_id = delivery_id;
    END IF;
    outcome := result;
    reason := why;
END
$$;
