"""Data for the console: many users, a day of deliveries, parked events, sync runs."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.conftest import clerk_event, clerk_user
from tests.stage.servers import Servers

USERS = 100_000
DELIVERIES = 20_000
GRACE = "user_2grace00000000000000000000"

# All values are computed from n, so that row n is the same in every run. Every 50th user is a tombstone.
_USERS = """
INSERT INTO users (clerk_id, email, email_verified, first_name, last_name, banned, clerk_created_at, clerk_updated_at,
                   deleted_at)
SELECT 'user_2' || left(md5(n::text), 26),
       CASE WHEN lives THEN lower(given || '.' || family || n) || '@example.com' END,
       lives AND n %% 3 > 0, CASE WHEN lives THEN given END, CASE WHEN lives THEN family END, n %% 401 = 0,
       1700000000000 + n, CASE WHEN n %% 907 > 0 THEN 1700000000000 + n ELSE 0 END,
       CASE WHEN NOT lives THEN now() - n * interval '1 minute' END
FROM generate_series(1, %s) AS n, LATERAL (SELECT
    n %% 50 > 0,
    (ARRAY['Anna', 'Bert', 'Chidi', 'Dolores', 'Emeka', 'Fatima', 'Grażyna', 'Hiro', 'Inês', 'Jürgen'])[1 + n %% 10],
    (ARRAY['Okafor', 'Svensson', 'Nowak', 'Tanaka', 'Silva', 'Meyer', 'Haddad'])[1 + n / 10 %% 7]
) AS person (lives, given, family)
"""
# More by day than by night. Some are late, most of them within one hour.
_DELIVERIES = """
INSERT INTO webhook_events (svix_id, type, clerk_id, instance_id, event_at, outcome, received_at, last_received_at)
SELECT 'msg_2' || left(md5('m' || n), 26),
       (ARRAY['user.created', 'user.updated', 'user.updated', 'session.created'])[1 + n %% 4],
       CASE WHEN n %% 4 < 3 THEN 'user_2' || left(md5((1 + n * 37 %% 100000)::text), 26) END, %s,
       (extract(epoch FROM at) * 1000)::bigint - 40 - n %% 90
           - CASE WHEN n %% 17 = 0 THEN 200 + n / 3 %% 9000 ELSE 0 END
           - CASE WHEN n BETWEEN 6200 AND 6900 AND n %% 9 = 0 THEN 5000 + n %% 1800000 ELSE 0 END,
       CASE WHEN n %% 4 = 3 THEN 'ignored' WHEN n %% 13 = 0 THEN 'unchanged' WHEN n %% 29 = 0 THEN 'stale'
            ELSE 'applied' END, at, at
FROM generate_series(1, %s) AS n, LATERAL (SELECT n / 20000.0::float8) AS share (past),
     LATERAL (SELECT past + 0.11 * sin(past * 6.28) + 0.006 * sin(past * 83)) AS uneven (ago),
     LATERAL (SELECT now() - interval '30 seconds' - ago * interval '25 hours') AS moment (at)
"""
_RUN = """
INSERT INTO sync_runs (kind, status, started_at, heartbeat_at, ended_at, seen, inserted, updated, unchanged, reason)
SELECT 'all', %s, at, at, at + %s * interval '1 second', %s, %s, %s, %s, %s
FROM (SELECT now() - %s * interval '1 hour') AS moment (at)
"""
_PARKED = """
INSERT INTO webhook_events (svix_id, type, clerk_id, instance_id, event_at, outcome, reason, payload, received_at,
                            last_received_at)
SELECT %s, %s, %s, %s, %s, 'parked', %s, %s, at, at FROM (SELECT now() - %s * interval '1 minute') AS moment (at)
"""


def fill(servers: Servers) -> None:
    """Fill the servers' database with the data of a busy day."""
    servers.query(_USERS, USERS)
    servers.query(_DELIVERIES, servers.clerk.instance_id, DELIVERIES)
    servers.query(_RUN, "done", 21, 99_000, 99_000, 0, 0, None, 48)
    servers.query(_RUN, "interrupted", 8, 41_500, 0, 12, 41_488, "interrupted", 27)
    servers.query(_RUN, "done", 16, 100_002, 6, 31, 99_965, None, 26)
    servers.query("ANALYZE")
    park(servers, "msg_2understoodByNow", "locale: expected text, found a list", 3, last_name="Hopper")
    park(servers, "msg_2notYetUnderstood", "first_name: expected text, found a number", 44, first_name=7)


def park(servers: Servers, svix_id: str, reason: str, minutes_ago: int, **fields: Any) -> None:
    """Insert a parked event about Grace into the inbox, as an earlier version would leave it."""
    event = clerk_event("user.updated", clerk_user(GRACE, **fields), instance_id=servers.clerk.instance_id)
    event_at = int(time.time() * 1000) - minutes_ago * 60_000
    about = (svix_id, event["type"], GRACE, servers.clerk.instance_id, event_at)
    servers.query(_PARKED, *about, reason, json.dumps(event), minutes_ago)
