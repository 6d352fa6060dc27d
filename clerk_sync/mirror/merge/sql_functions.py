"""``take_event``, the database function that applies one delivery: binding, effect and inbox row in one transaction.

It saves five round trips for each webhook, and PostgreSQL keeps its plans. A migration installs it with frozen text.
A test compares the installed function with this text. ``python -m clerk_sync.mirror.merge.sql_functions`` prints it for
the next migration; ``{schema}`` is the placeholder for the mirror's schema.
"""

from __future__ import annotations

from clerk_sync.mirror.merge.statements import TYPED_COLUMNS, compare_statement, tombstone_statement, upsert_statement

_USERS, _INBOX, _BINDING = "{schema}.users", "{schema}.webhook_events", "{schema}.mirror_binding"
_ARRIVING = (
    f"(SELECT *, occurred_at AS event_at FROM jsonb_to_record(event -> 'snapshot') AS user_now ({TYPED_COLUMNS}))"
)
_COMPARED = compare_statement(_ARRIVING, _USERS)
_PAYLOAD = "CASE result WHEN 'parked' THEN body END"

TAKE_EVENT_BODY = f"""
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
        SELECT instance_id INTO bound FROM {_BINDING};
        IF bound IS NULL THEN
            INSERT INTO {_BINDING} (instance_id, bound_by) VALUES (instance, 'webhook') ON CONFLICT DO NOTHING;
            SELECT instance_id INTO bound FROM {_BINDING};
        END IF;
    END IF;

    IF bound <> instance THEN
        result := 'foreign';
        why := format('from %s; this mirror is bound to %s', instance, bound);
    ELSIF effect = 'changed' THEN
        LOOP
            {upsert_statement(f"({_COMPARED})", _USERS)};
            IF FOUND THEN
                result := 'applied';
                EXIT;
            END IF;
            SELECT action INTO result FROM ({_COMPARED}) AS compared;
            EXIT WHEN result <> 'write';  -- another transaction wrote the row after the comparison: compare again
        END LOOP;
    ELSIF effect = 'deleted' THEN
        {tombstone_statement("ARRAY[subject]", _USERS)} INTO subject_id;
        result := CASE WHEN FOUND THEN 'applied' ELSE 'stale' END;
    ELSIF effect = 'parked' AND EXISTS (SELECT FROM {_USERS} WHERE clerk_id = subject AND deleted_at IS NOT NULL) THEN
        result := 'stale';  -- a parked event would keep a payload of a deleted user
    END IF;

    IF event -> 'again' = 'true' THEN
        UPDATE {_INBOX}
        SET type = event_type, clerk_id = subject, outcome = result, reason = why, payload = {_PAYLOAD}
        WHERE svix_id = delivery_id AND outcome = 'parked';
    ELSE
        INSERT INTO {_INBOX} (svix_id, type, clerk_id, instance_id, event_at, outcome, reason, payload)
        VALUES (delivery_id, event_type, subject, instance, occurred_at, result, why, {_PAYLOAD})
        ON CONFLICT (svix_id) DO NOTHING;
        seen_before := NOT FOUND;
    END IF;
    IF seen_before THEN
        UPDATE {_INBOX} SET
            deliveries = deliveries + 1,
            last_received_at = now(),
            type = event_type,
            clerk_id = subject,
            reason = why,
            payload = {_PAYLOAD},
            -- A repeated delivery keeps the first outcome unless it changes something.
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
CREATE OR REPLACE FUNCTION {{schema}}.take_event(
    event jsonb, OUT outcome text, OUT reason text, OUT seen_before boolean
) LANGUAGE plpgsql AS $${TAKE_EVENT_BODY}$$;
"""

if __name__ == "__main__":
    print(TAKE_EVENT)  # noqa: T201 - for a new migration
