"""The function of the database that takes a whole delivery: binding, effect and inbox row, one transaction, one trip.

It saves five round trips a webhook, and PostgreSQL keeps its plans. A migration installs it; a test holds what is
installed equal to this text, so that a change here cannot be forgotten there.
"""

from __future__ import annotations

from clerk_sync.mirror.sql import BURY, RECORD, TYPED_COLUMNS, merge_statement

SNAPSHOT_TYPE = f"CREATE TYPE user_snapshot AS ({TYPED_COLUMNS})"

_MERGE = merge_statement(source="(SELECT (snapshot).*)", event_at="occurred_at")
_BURY = BURY.format(clerk_ids="ARRAY[subject]")
_RECORD = RECORD.format(
    svix_id="delivery_id",
    type="event_type",
    clerk_id="subject",
    instance_id="instance",
    event_at="occurred_at",
    outcome="result",
    reason="why",
    payload="CASE result WHEN 'parked' THEN body END",
)

RECEIVE_EVENT_BODY = f"""
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
            {_MERGE} INTO subject_id, result;
            EXIT WHEN result <> 'wanted';  -- another writer came between its look and its lock: look again
        END LOOP;
        IF result IN ('inserted', 'updated') THEN
            result := 'applied';
        END IF;
    ELSIF effect = 'deleted' THEN
        {_BURY} INTO subject_id;
        result := CASE WHEN FOUND THEN 'applied' ELSE 'stale' END;
    ELSIF effect = 'parked' AND EXISTS (SELECT FROM users WHERE clerk_id = subject AND deleted_at IS NOT NULL) THEN
        result := 'stale';  -- nothing more is kept of whoever is deleted
    END IF;

    {_RECORD} INTO seen_before;
    outcome := result;
    RETURN NEXT;
END
"""

RECEIVE_EVENT = f"""
CREATE OR REPLACE FUNCTION receive_event(
    delivery_id text, event_type text, instance text, occurred_at bigint,
    effect text, subject text, snapshot user_snapshot, why text, body text
) RETURNS TABLE (outcome text, seen_before boolean) LANGUAGE plpgsql AS $${RECEIVE_EVENT_BODY}$$
"""
