"""The function of the database that takes a whole delivery: binding, effect and inbox row, one transaction, one trip.

It saves five round trips a webhook, and PostgreSQL keeps its plans. A migration installs it; a test holds what is
installed equal to this text, so that a change here cannot be forgotten there.
"""

from __future__ import annotations

from clerk_sync.mirror.merge.statements import TYPED_COLUMNS, WRITE_TOMBSTONES, compare_statement, upsert_statement

SNAPSHOT_TYPE = f"CREATE TYPE user_snapshot AS ({TYPED_COLUMNS})"

_COMPARED = compare_statement("(SELECT (snapshot).*, occurred_at AS event_at)")
_UPSERT = upsert_statement(f"({_COMPARED})")
_BURY = WRITE_TOMBSTONES.format(clerk_ids="ARRAY[subject]")
_PAYLOAD = "CASE result WHEN 'parked' THEN body END"

TAKE_EVENT_BODY = f"""
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
            {_UPSERT};
            IF FOUND THEN
                result := 'applied';
                EXIT;
            END IF;
            SELECT standing INTO result FROM ({_COMPARED}) AS compared;
            EXIT WHEN result <> 'wanted';  -- another writer came between the look and the lock: look again
        END LOOP;
    ELSIF effect = 'deleted' THEN
        {_BURY} INTO subject_id;
        result := CASE WHEN FOUND THEN 'applied' ELSE 'stale' END;
    ELSIF effect = 'parked' AND EXISTS (SELECT FROM users WHERE clerk_id = subject AND deleted_at IS NOT NULL) THEN
        result := 'stale';  -- nothing more is kept of whoever is deleted
    END IF;

    IF again THEN
        UPDATE webhook_events
        SET type = event_type, clerk_id = subject, outcome = result, reason = why, payload = {_PAYLOAD}
        WHERE svix_id = delivery_id AND outcome = 'parked';
    ELSE
        INSERT INTO webhook_events (svix_id, type, clerk_id, instance_id, event_at, outcome, reason, payload)
        VALUES (delivery_id, event_type, subject, instance, occurred_at, result, why, {_PAYLOAD})
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
            payload = {_PAYLOAD},
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
"""

TAKE_EVENT = f"""
CREATE OR REPLACE FUNCTION take_event(
    delivery_id text, event_type text, instance text, occurred_at bigint,
    effect text, subject text, snapshot user_snapshot, why text, body text,
    again boolean,  -- what is parked is applied again; it was not received again
    OUT outcome text, OUT reason text, OUT seen_before boolean
) LANGUAGE plpgsql AS $${TAKE_EVENT_BODY}$$
"""

RECEIVE_EVENT_BODY = """
BEGIN
    RETURN QUERY SELECT taken.outcome, taken.seen_before
    FROM take_event($1, $2, $3, $4, $5, $6, $7, $8, $9, false) AS taken;
END
"""

# What the release before this one calls, while it still runs and after a rollback to it.
RECEIVE_EVENT = f"""
CREATE OR REPLACE FUNCTION receive_event(
    delivery_id text, event_type text, instance text, occurred_at bigint,
    effect text, subject text, snapshot user_snapshot, why text, body text
) RETURNS TABLE (outcome text, seen_before boolean) LANGUAGE plpgsql AS $${RECEIVE_EVENT_BODY}$$
"""
