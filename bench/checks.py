"""Check the responses before and after they are measured: the rate of wrong responses means nothing."""

from __future__ import annotations

import msgspec

from bench.running import Running
from bench.seed import LINES_EACH, ORDERS_EACH
from bench.stage import MeasurementSpoiled
from bench.traffic import user_id
from tests.stage.postgres import run_statement


def check_answers(web: Running, token: str) -> None:
    """Raise MeasurementSpoiled unless ``token`` authenticates seeded user 1, and damaged or missing tokens get 401."""
    owner = {"Authorization": f"Bearer {token}"}
    session, me = web.get("/api/session", **owner), web.get("/api/me", **owner)
    _require(session[0] == 200 and user_id(1).encode() in session[1], f"/api/session answers {session}")
    _require(me[0] == 200 and user_id(1).encode() in me[1], f"/api/me answers {me}")
    damaged = token[:-9] + ("A" if token[-9] != "A" else "B") + token[-8:]
    for path in ("/api/session", "/api/me", "/api/orders"):
        _require(web.get(path)[0] == 401, f"{path} answers without a token")
        _require(web.get(path, Authorization=f"Bearer {damaged}")[0] == 401, f"{path} accepts a damaged token")
    orders = msgspec.json.decode(web.get("/api/orders?limit=20", **owner)[1])["orders"]
    lines = [len(order["items"]) for order in orders]
    _require(lines == [LINES_EACH] * ORDERS_EACH, f"/api/orders answers orders with {lines} lines")


def check_applied(url: str, deliveries: int) -> None:
    """Raise MeasurementSpoiled unless every delivery changed the mirror."""
    applied = run_statement(url, "SELECT count(*) FROM webhook_events WHERE outcome = 'applied'")[0][0]
    _require(applied == deliveries, f"of {deliveries} deliveries {applied} are applied")


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise MeasurementSpoiled(otherwise)
