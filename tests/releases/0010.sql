-- A database of the release before the migrations were squashed: revision 0010, made with pg_dump --inserts.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE TYPE public.user_snapshot AS (
	clerk_id text,
	email text,
	email_verified boolean,
	first_name text,
	last_name text,
	username text,
	image_url text,
	banned boolean,
	clerk_created_at bigint,
	clerk_updated_at bigint
);

CREATE FUNCTION public.forget_deleted_user() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM addresses WHERE user_id = NEW.id;
    DELETE FROM carts WHERE user_id = NEW.id;
    UPDATE webhook_events SET payload = NULL, outcome = 'stale', reason = 'the user was deleted'
    WHERE clerk_id = NEW.clerk_id AND outcome = 'parked';
    RETURN NULL;
END $$;

CREATE FUNCTION public.is_application_session() RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT starts_with(current_setting('application_name'), 'clerk_sync')
$$;

CREATE FUNCTION public.orders_page(owner_id bigint, before timestamp without time zone, before_id bigint, page_size bigint) RETURNS TABLE(id bigint, created_at timestamp with time zone, number text, status text, currency text, total_minor bigint, shipping_address text, sku text, name text, quantity bigint, unit_price_minor bigint)
    LANGUAGE plpgsql STABLE
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY 
SELECT orders.id, orders.created_at, number, status, currency, total_minor, CAST(shipping_address AS text),
       sku, name, quantity, unit_price_minor
FROM (
    SELECT id, created_at, number, status, currency, total_minor, CAST(shipping_address AS text) AS shipping_address
    FROM orders
    WHERE user_id = owner_id AND (created_at, id) < (before AT TIME ZONE 'UTC', before_id)
    ORDER BY created_at DESC, id DESC LIMIT page_size
) AS orders LEFT JOIN order_items ON order_items.order_id = orders.id

    ORDER BY orders.created_at DESC, orders.id DESC, order_items.line;
END
$$;

CREATE FUNCTION public.own_orders_page(owner text, before timestamp without time zone, before_id bigint, page_size bigint) RETURNS TABLE(id bigint, created_at timestamp with time zone, number text, status text, currency text, total_minor bigint, shipping_address text, sku text, name text, quantity bigint, unit_price_minor bigint)
    LANGUAGE plpgsql STABLE
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY 
SELECT orders.id, orders.created_at, number, status, currency, total_minor, CAST(shipping_address AS text),
       sku, name, quantity, unit_price_minor
FROM (
    SELECT id, created_at, number, status, currency, total_minor, CAST(shipping_address AS text) AS shipping_address
    FROM orders
    WHERE user_id = (SELECT users.id FROM users WHERE users.clerk_id = owner AND deleted_at IS NULL AND NOT banned) AND (created_at, id) < (before AT TIME ZONE 'UTC', before_id)
    ORDER BY created_at DESC, id DESC LIMIT page_size
) AS orders LEFT JOIN order_items ON order_items.order_id = orders.id

    ORDER BY orders.created_at DESC, orders.id DESC, order_items.line;
END
$$;

CREATE FUNCTION public.receive_event(delivery_id text, event_type text, instance text, occurred_at bigint, effect text, subject text, snapshot public.user_snapshot, why text, body text) RETURNS TABLE(outcome text, seen_before boolean)
    LANGUAGE plpgsql
    AS $_$
BEGIN
    RETURN QUERY SELECT taken.outcome, taken.seen_before
    FROM take_event($1, $2, $3, $4, $5, $6, $7, $8, $9, false) AS taken;
END
$_$;

CREATE FUNCTION public.record_role_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO role_changes (user_id, clerk_id, old_role, new_role, changed_by, application_name, client_address)
    VALUES (NEW.id, NEW.clerk_id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.role END, NEW.role, session_user,
            current_setting('application_name'), host(inet_client_addr()));
    RETURN NULL;
END $$;

CREATE FUNCTION public.refuse_audit_from_application() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF is_application_session() THEN
        RAISE EXCEPTION 'the application may not write the audit of roles' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.refuse_role_from_application() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF is_application_session() THEN
        RAISE EXCEPTION 'the application may not set a role' USING ERRCODE = 'insufficient_privilege',
            HINT = 'Roles change in a database session of a person, such as psql.';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.take_event(delivery_id text, event_type text, instance text, occurred_at bigint, effect text, subject text, snapshot public.user_snapshot, why text, body text, again boolean, OUT outcome text, OUT reason text, OUT seen_before boolean) RETURNS record
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    bound text;
    subject_id text;
    result text := effect;  -- what has no effect on users says its outcome itself: ignored, parked
BEGIN
    IF instance IS NOT NULL THEN
        SELECT instance_id INTO bound FROM mirror_binding;
        IF bound IS NULL THEN
            INSERT INTO mirror_binding (instance_id, bound_by) VALUES (instance, 'webhook') ON CONFLICT DO NOTHING;
            SELECT instance_id INTO bound FROM mirror_binding;
        END IF;
    END IF;

    IF bound <> instance THEN
        result := 'foreign';
        why := format('from %s; this mirror is bound to %s', instance, bound);
    ELSIF effect = 'changed' THEN
        LOOP
            
    INSERT INTO users (clerk_id, email, email_verified, first_name, last_name, username, image_url, banned, clerk_created_at, clerk_updated_at, event_at, content_digest)
    SELECT clerk_id, email, email_verified, first_name, last_name, username, image_url, banned, clerk_created_at, clerk_updated_at, event_at, md5((compared.email, compared.email_verified, compared.first_name, compared.last_name, compared.username, compared.image_url, compared.banned, compared.clerk_created_at)::text)
    -- Rows that would not change are told apart here, so that they are neither locked nor logged.
    FROM (
    SELECT arriving.*, CASE
        WHEN users.clerk_id IS NULL OR users.deleted_at IS NULL AND (
        users.clerk_updated_at < arriving.clerk_updated_at
        OR users.clerk_updated_at = arriving.clerk_updated_at
           AND (users.email, users.email_verified, users.first_name, users.last_name, users.username, users.image_url, users.banned, users.clerk_created_at) IS DISTINCT FROM (arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at)
           AND (arriving.event_at = 9223372036854775807
                OR md5((arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at)::text) = users.content_digest
                OR (arriving.event_at, md5((arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at)::text)) > (users.event_at, users.content_digest))) THEN 'wanted'
        WHEN users.deleted_at IS NULL AND users.clerk_updated_at = arriving.clerk_updated_at
             AND (users.email, users.email_verified, users.first_name, users.last_name, users.username, users.image_url, users.banned, users.clerk_created_at) IS NOT DISTINCT FROM (arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at) THEN 'unchanged'
        ELSE 'stale' END AS standing
    FROM (SELECT (snapshot).*, occurred_at AS event_at) AS arriving LEFT JOIN users USING (clerk_id)
) AS compared WHERE standing = 'wanted'
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
            SELECT standing INTO result FROM (
    SELECT arriving.*, CASE
        WHEN users.clerk_id IS NULL OR users.deleted_at IS NULL AND (
        users.clerk_updated_at < arriving.clerk_updated_at
        OR users.clerk_updated_at = arriving.clerk_updated_at
           AND (users.email, users.email_verified, users.first_name, users.last_name, users.username, users.image_url, users.banned, users.clerk_created_at) IS DISTINCT FROM (arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at)
           AND (arriving.event_at = 9223372036854775807
                OR md5((arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at)::text) = users.content_digest
                OR (arriving.event_at, md5((arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at)::text)) > (users.event_at, users.content_digest))) THEN 'wanted'
        WHEN users.deleted_at IS NULL AND users.clerk_updated_at = arriving.clerk_updated_at
             AND (users.email, users.email_verified, users.first_name, users.last_name, users.username, users.image_url, users.banned, users.clerk_created_at) IS NOT DISTINCT FROM (arriving.email, arriving.email_verified, arriving.first_name, arriving.last_name, arriving.username, arriving.image_url, arriving.banned, arriving.clerk_created_at) THEN 'unchanged'
        ELSE 'stale' END AS standing
    FROM (SELECT (snapshot).*, occurred_at AS event_at) AS arriving LEFT JOIN users USING (clerk_id)
) AS compared;
            EXIT WHEN result <> 'wanted';  -- another writer came between the look and the lock: look again
        END LOOP;
    ELSIF effect = 'deleted' THEN
        
INSERT INTO users (clerk_id, deleted_at)
SELECT clerk_id, now() FROM unnest(ARRAY[subject]) AS clerk_id
GROUP BY clerk_id ORDER BY clerk_id
ON CONFLICT (clerk_id) DO UPDATE SET
    deleted_at = now(), synced_at = now(), email = NULL, email_verified = false, first_name = NULL, last_name = NULL,
    username = NULL, image_url = NULL, content_digest = ''
WHERE users.deleted_at IS NULL
RETURNING clerk_id
 INTO subject_id;
        result := CASE WHEN FOUND THEN 'applied' ELSE 'stale' END;
    ELSIF effect = 'parked' AND EXISTS (SELECT FROM users WHERE clerk_id = subject AND deleted_at IS NOT NULL) THEN
        result := 'stale';  -- nothing more is kept of whoever is deleted
    END IF;

    IF again THEN
        UPDATE webhook_events
        SET type = event_type, clerk_id = subject, outcome = result, reason = why, payload = CASE result WHEN 'parked' THEN body END
        WHERE svix_id = delivery_id AND outcome = 'parked';
    ELSE
        INSERT INTO webhook_events (svix_id, type, clerk_id, instance_id, event_at, outcome, reason, payload)
        VALUES (delivery_id, event_type, subject, instance, occurred_at, result, why, CASE result WHEN 'parked' THEN body END)
        ON CONFLICT (svix_id) DO NOTHING;
        seen_before := NOT FOUND;
    END IF;
    IF seen_before THEN
        UPDATE webhook_events SET
            deliveries = deliveries + 1,
            last_received_at = now(),
            type = event_type,
            clerk_id = subject,
            reason = why,
            payload = CASE result WHEN 'parked' THEN body END,
            -- A repeated delivery that changes nothing keeps the outcome of the first; one that does something
            -- replaces it.
            outcome = CASE
                WHEN result IN ('unchanged', 'stale', 'ignored') AND outcome IN ('applied', 'unchanged', 'stale')
                THEN outcome ELSE result END
        WHERE svix_id = delivery_id;
    END IF;
    outcome := result;
    reason := why;
END
$$;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.addresses (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    name text,
    line1 text NOT NULL,
    line2 text,
    city text NOT NULL,
    region text,
    postal_code text,
    country text NOT NULL,
    phone text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_addresses_country CHECK ((country ~ '^[A-Z]{2}$'::text))
);

ALTER TABLE public.addresses ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.addresses_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.cart_items (
    cart_id bigint NOT NULL,
    product_id bigint NOT NULL,
    user_id bigint NOT NULL,
    quantity bigint NOT NULL,
    added_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_cart_items_quantity CHECK (((quantity >= 1) AND (quantity <= 999)))
);

CREATE TABLE public.carts (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.carts ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.carts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.mirror_binding (
    only_row boolean DEFAULT true NOT NULL,
    instance_id text NOT NULL,
    bound_by text NOT NULL,
    bound_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_mirror_binding_only_row CHECK (only_row)
);

CREATE TABLE public.order_items (
    order_id bigint NOT NULL,
    line bigint NOT NULL,
    user_id bigint NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,
    quantity bigint NOT NULL,
    unit_price_minor bigint NOT NULL,
    CONSTRAINT ck_order_items_quantity CHECK ((quantity >= 1)),
    CONSTRAINT ck_order_items_unit_price_minor CHECK ((unit_price_minor >= 0))
);

CREATE TABLE public.orders (
    id bigint NOT NULL,
    number text NOT NULL,
    user_id bigint NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    currency text NOT NULL,
    total_minor bigint NOT NULL,
    shipping_address jsonb NOT NULL,
    idempotency_key text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_orders_currency CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT ck_orders_status CHECK ((status = ANY (ARRAY['pending'::text, 'paid'::text, 'shipped'::text, 'delivered'::text, 'cancelled'::text]))),
    CONSTRAINT ck_orders_total_minor CHECK ((total_minor >= 0))
);

ALTER TABLE public.orders ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.orders_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.products (
    id bigint NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    price_minor bigint NOT NULL,
    currency text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_products_currency CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT ck_products_price_minor CHECK (((price_minor >= 0) AND (price_minor <= '1000000000000'::bigint)))
);

ALTER TABLE public.products ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.products_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.role_changes (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    clerk_id text NOT NULL,
    old_role text,
    new_role text NOT NULL,
    changed_by text NOT NULL,
    application_name text NOT NULL,
    client_address text,
    changed_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.role_changes ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.role_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.sync_missing (
    run_id bigint NOT NULL,
    clerk_id text NOT NULL
);

CREATE TABLE public.sync_runs (
    id bigint NOT NULL,
    kind text NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    instance_id text,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    heartbeat_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    cursor jsonb,
    seen bigint DEFAULT 0 NOT NULL,
    inserted bigint DEFAULT 0 NOT NULL,
    updated bigint DEFAULT 0 NOT NULL,
    unchanged bigint DEFAULT 0 NOT NULL,
    stale bigint DEFAULT 0 NOT NULL,
    deleted bigint DEFAULT 0 NOT NULL,
    failed bigint DEFAULT 0 NOT NULL,
    reason text,
    CONSTRAINT ck_sync_runs_status CHECK ((status = ANY (ARRAY['running'::text, 'done'::text, 'failed'::text, 'refused'::text, 'interrupted'::text, 'lost'::text])))
);

ALTER TABLE public.sync_runs ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.sync_runs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.users (
    id bigint NOT NULL,
    clerk_id text NOT NULL,
    email text,
    email_verified boolean DEFAULT false NOT NULL,
    first_name text,
    last_name text,
    username text,
    image_url text,
    role text DEFAULT 'CLIENT'::text NOT NULL,
    banned boolean DEFAULT false NOT NULL,
    clerk_created_at bigint DEFAULT 0 NOT NULL,
    clerk_updated_at bigint DEFAULT 0 NOT NULL,
    event_at bigint DEFAULT 0 NOT NULL,
    content_digest text DEFAULT ''::text NOT NULL,
    deleted_at timestamp with time zone,
    synced_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_users_role CHECK ((role = ANY (ARRAY['CLIENT'::text, 'ADMIN'::text])))
)
WITH (fillfactor='85');

ALTER TABLE public.users ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.webhook_events (
    svix_id text NOT NULL,
    type text,
    clerk_id text,
    instance_id text,
    event_at bigint DEFAULT 0 NOT NULL,
    outcome text NOT NULL,
    reason text,
    deliveries bigint DEFAULT 1 NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    last_received_at timestamp with time zone DEFAULT now() NOT NULL,
    payload text
);

INSERT INTO public.addresses VALUES
	(1, 1, NULL, '1 Harbour Road', NULL, 'Galway', NULL, NULL, 'IE', NULL, '2026-11-26 13:10:32.887554+00', '2026-11-26 13:10:32.887554+00');

INSERT INTO public.alembic_version VALUES
	('0010');

INSERT INTO public.cart_items VALUES
	(1, 1, 1, 2, '2026-11-26 13:10:32.887554+00');

INSERT INTO public.carts VALUES
	(1, 1, '2026-11-26 13:10:32.887554+00', '2026-11-26 13:10:32.887554+00');

INSERT INTO public.mirror_binding VALUES
	(true, 'ins_2testtesttesttesttesttest', 'webhook', '2026-11-26 13:10:32.87015+00');

INSERT INTO public.order_items VALUES
	(1, 2, 1, 'TEA', 'Tea', 2, 1290),
	(1, 1, 1, 'MUG', 'Mug', 1, 990),
	(2, 2, 3, 'TEA', 'Tea', 2, 1290),
	(2, 1, 3, 'MUG', 'Mug', 1, 990);

INSERT INTO public.orders VALUES
	(1, 'A-1', 1, 'pending', 'EUR', 3570, '{"city": "Galway", "line1": "1 Harbour Road", "country": "IE"}', 'once', '2026-11-26 13:10:32.887554+00', '2026-11-26 13:10:32.887554+00'),
	(2, 'A-3', 3, 'pending', 'EUR', 3570, '{"city": "Galway", "line1": "1 Harbour Road", "country": "IE"}', 'once', '2026-11-26 13:10:32.887554+00', '2026-11-26 13:10:32.887554+00');

INSERT INTO public.products VALUES
	(1, 'TEA', 'Tea', '', 1290, 'EUR', true, '2026-11-26 13:10:32.887554+00', '2026-11-26 13:10:32.887554+00'),
	(2, 'MUG', 'Mug', '', 990, 'EUR', true, '2026-11-26 13:10:32.887554+00', '2026-11-26 13:10:32.887554+00');

INSERT INTO public.role_changes VALUES
	(1, 2, 'user_boss', 'CLIENT', 'ADMIN', 'postgres', 'psql', NULL, '2026-11-26 13:10:32.887554+00');

INSERT INTO public.sync_missing VALUES
	(2, 'user_placeholder');

INSERT INTO public.sync_runs VALUES
	(1, 'full', 'done', 'ins_2testtesttesttesttesttest', '2026-11-26 13:10:32.887554+00', '2026-11-26 13:10:32.887554+00', '2026-11-26 13:10:32.887554+00', NULL, 4, 1, 0, 3, 0, 0, 0, NULL),
	(2, 'full', 'interrupted', 'ins_2testtesttesttesttesttest', '2026-11-26 13:10:32.887554+00', '2026-11-26 13:10:32.887554+00', '2026-11-26 13:10:32.887554+00', '{"done": []}', 2, 0, 0, 0, 0, 0, 0, 'SIGTERM');

INSERT INTO public.users VALUES
	(1, 'user_grace', 'grace@example.com', true, 'Grace', 'Hopper', NULL, 'https://img.clerk.com/example', 'CLIENT', false, 1700000000000, 1700000000500, 1700000000018, 'd005327682b351e26488c0d7609c7827', NULL, '2026-11-26 13:10:32.884135+00', '2026-11-26 13:10:32.87015+00'),
	(5, 'user_placeholder', NULL, false, NULL, NULL, NULL, NULL, 'CLIENT', false, 0, 0, 0, '', NULL, '2026-11-26 13:10:32.887554+00', '2026-11-26 13:10:32.887554+00'),
	(2, 'user_boss', 'ada@example.com', true, 'Ada', 'Example', 'ada', 'https://img.clerk.com/example', 'ADMIN', false, 1700000000000, 1700000000000, 1700000000018, '6c23d9cb6aa2ae481e428a27370b5bdb', NULL, '2026-11-26 13:10:32.879847+00', '2026-11-26 13:10:32.879847+00'),
	(3, 'user_gone', NULL, false, NULL, NULL, NULL, NULL, 'CLIENT', false, 1700000000000, 1700000000000, 1700000000018, '', '2026-11-26 13:10:32.894567+00', '2026-11-26 13:10:32.894567+00', '2026-11-26 13:10:32.882346+00'),
	(7, 'user_unknown', NULL, false, NULL, NULL, NULL, NULL, 'CLIENT', false, 0, 0, 0, '', '2026-11-26 13:10:32.896995+00', '2026-11-26 13:10:32.896995+00', '2026-11-26 13:10:32.896995+00');

INSERT INTO public.webhook_events VALUES
	('msg_release_1', 'user.created', 'user_grace', 'ins_2testtesttesttesttesttest', 1700000000018, 'applied', NULL, 1, '2026-11-26 13:10:32.87015+00', '2026-11-26 13:10:32.87015+00', NULL),
	('msg_release_2', 'user.created', 'user_boss', 'ins_2testtesttesttesttesttest', 1700000000018, 'applied', NULL, 1, '2026-11-26 13:10:32.879847+00', '2026-11-26 13:10:32.879847+00', NULL),
	('msg_release_3', 'user.created', 'user_gone', 'ins_2testtesttesttesttesttest', 1700000000018, 'applied', NULL, 1, '2026-11-26 13:10:32.882346+00', '2026-11-26 13:10:32.882346+00', NULL),
	('msg_release_4', 'user.updated', 'user_grace', 'ins_2testtesttesttesttesttest', 1700000000018, 'applied', NULL, 1, '2026-11-26 13:10:32.884135+00', '2026-11-26 13:10:32.884135+00', NULL),
	('msg_release_5', 'user.deleted', 'user_gone', 'ins_2testtesttesttesttesttest', 1700000000018, 'applied', NULL, 1, '2026-11-26 13:10:32.894567+00', '2026-11-26 13:10:32.894567+00', NULL),
	('msg_release_6', 'user.deleted', 'user_unknown', 'ins_2testtesttesttesttesttest', 1700000000018, 'applied', NULL, 1, '2026-11-26 13:10:32.896995+00', '2026-11-26 13:10:32.896995+00', NULL),
	('msg_release_7', 'user.updated', 'user_parked', 'ins_2testtesttesttesttesttest', 1700000000018, 'parked', 'Object missing required field `updated_at`', 1, '2026-11-26 13:10:32.89888+00', '2026-11-26 13:10:32.89888+00', '{"object": "event", "type": "user.updated", "data": {"id": "user_parked", "first_name": "Pat"}, "timestamp": 1700000000018, "instance_id": "ins_2testtesttesttesttesttest"}'),
	('msg_release_8', 'organization.created', NULL, 'ins_2testtesttesttesttesttest', 1700000000018, 'ignored', NULL, 1, '2026-11-26 13:10:32.900109+00', '2026-11-26 13:10:32.900109+00', NULL),
	('msg_release_9', 'user.updated', 'user_grace', 'ins_other', 1700000000018, 'foreign', 'from ins_other; this mirror is bound to ins_2testtesttesttesttesttest', 1, '2026-11-26 13:10:32.900875+00', '2026-11-26 13:10:32.900875+00', NULL);

SELECT pg_catalog.setval('public.addresses_id_seq', 2, true);

SELECT pg_catalog.setval('public.carts_id_seq', 2, true);

SELECT pg_catalog.setval('public.orders_id_seq', 2, true);

SELECT pg_catalog.setval('public.products_id_seq', 2, true);

SELECT pg_catalog.setval('public.role_changes_id_seq', 1, true);

SELECT pg_catalog.setval('public.sync_runs_id_seq', 2, true);

SELECT pg_catalog.setval('public.users_id_seq', 7, true);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.addresses
    ADD CONSTRAINT pk_addresses PRIMARY KEY (id);

ALTER TABLE ONLY public.cart_items
    ADD CONSTRAINT pk_cart_items PRIMARY KEY (cart_id, product_id);

ALTER TABLE ONLY public.carts
    ADD CONSTRAINT pk_carts PRIMARY KEY (id);

ALTER TABLE ONLY public.mirror_binding
    ADD CONSTRAINT pk_mirror_binding PRIMARY KEY (only_row);

ALTER TABLE ONLY public.order_items
    ADD CONSTRAINT pk_order_items PRIMARY KEY (order_id, line);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT pk_orders PRIMARY KEY (id);

ALTER TABLE ONLY public.products
    ADD CONSTRAINT pk_products PRIMARY KEY (id);

ALTER TABLE ONLY public.role_changes
    ADD CONSTRAINT pk_role_changes PRIMARY KEY (id);

ALTER TABLE ONLY public.sync_missing
    ADD CONSTRAINT pk_sync_missing PRIMARY KEY (run_id, clerk_id);

ALTER TABLE ONLY public.sync_runs
    ADD CONSTRAINT pk_sync_runs PRIMARY KEY (id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT pk_users PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook_events
    ADD CONSTRAINT pk_webhook_events PRIMARY KEY (svix_id);

ALTER TABLE ONLY public.carts
    ADD CONSTRAINT uq_carts_user_id UNIQUE (user_id);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT uq_orders_number UNIQUE (number);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT uq_orders_user_id_idempotency_key UNIQUE (user_id, idempotency_key);

ALTER TABLE ONLY public.products
    ADD CONSTRAINT uq_products_sku UNIQUE (sku);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT uq_users_clerk_id UNIQUE (clerk_id);

CREATE INDEX ix_addresses_user_id ON public.addresses USING btree (user_id);

CREATE INDEX ix_cart_items_product_id ON public.cart_items USING btree (product_id);

CREATE INDEX ix_orders_user_id_created_at ON public.orders USING btree (user_id, created_at DESC, id DESC);

CREATE INDEX ix_role_changes_user_id ON public.role_changes USING btree (user_id);

CREATE INDEX ix_sync_runs_started_at ON public.sync_runs USING btree (started_at);

CREATE INDEX ix_users_clerk_created_at ON public.users USING btree (clerk_created_at);

CREATE INDEX ix_users_email_lower ON public.users USING btree (lower(email));

CREATE INDEX ix_webhook_events_clerk_id ON public.webhook_events USING btree (clerk_id);

CREATE INDEX ix_webhook_events_parked ON public.webhook_events USING btree (received_at) WHERE (outcome = 'parked'::text);

CREATE INDEX ix_webhook_events_received_at ON public.webhook_events USING btree (received_at);

CREATE UNIQUE INDEX uq_sync_runs_running ON public.sync_runs USING btree (status) WHERE (status = 'running'::text);

CREATE TRIGGER audit_wall BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.role_changes FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_audit_from_application();

CREATE TRIGGER forget_deleted_user AFTER UPDATE ON public.users FOR EACH ROW WHEN (((old.deleted_at IS NULL) AND (new.deleted_at IS NOT NULL))) EXECUTE FUNCTION public.forget_deleted_user();

CREATE TRIGGER forget_unknown_user AFTER INSERT ON public.users FOR EACH ROW WHEN ((new.deleted_at IS NOT NULL)) EXECUTE FUNCTION public.forget_deleted_user();

CREATE TRIGGER role_audit_insert AFTER INSERT ON public.users FOR EACH ROW WHEN ((new.role <> 'CLIENT'::text)) EXECUTE FUNCTION public.record_role_change();

CREATE TRIGGER role_audit_update AFTER UPDATE ON public.users FOR EACH ROW WHEN ((old.role IS DISTINCT FROM new.role)) EXECUTE FUNCTION public.record_role_change();

CREATE TRIGGER role_wall_insert BEFORE INSERT ON public.users FOR EACH ROW WHEN ((new.role <> 'CLIENT'::text)) EXECUTE FUNCTION public.refuse_role_from_application();

CREATE TRIGGER role_wall_update BEFORE UPDATE ON public.users FOR EACH ROW WHEN ((old.role IS DISTINCT FROM new.role)) EXECUTE FUNCTION public.refuse_role_from_application();

ALTER TABLE ONLY public.addresses
    ADD CONSTRAINT fk_addresses_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.cart_items
    ADD CONSTRAINT fk_cart_items_cart_id FOREIGN KEY (cart_id) REFERENCES public.carts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.cart_items
    ADD CONSTRAINT fk_cart_items_product_id FOREIGN KEY (product_id) REFERENCES public.products(id);

ALTER TABLE ONLY public.cart_items
    ADD CONSTRAINT fk_cart_items_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.carts
    ADD CONSTRAINT fk_carts_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.order_items
    ADD CONSTRAINT fk_order_items_order_id FOREIGN KEY (order_id) REFERENCES public.orders(id);

ALTER TABLE ONLY public.order_items
    ADD CONSTRAINT fk_order_items_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT fk_orders_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.role_changes
    ADD CONSTRAINT fk_role_changes_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.sync_missing
    ADD CONSTRAINT fk_sync_missing_run_id FOREIGN KEY (run_id) REFERENCES public.sync_runs(id);
