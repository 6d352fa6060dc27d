"""Both commands, end to end and very small: they print every documented figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import sync, web
from bench.checks import check_answers
from bench.command import make_parser, run
from bench.running import responder
from bench.stage import MeasurementSpoiled
from bench.sync_tables import tables

SMALL_WEB = ["--users", "200", "--seconds", "0.1", "--rounds", "1", "--tokens", "50", "--deliveries", "50"]
SMALL_SYNC = ["--users", "1200", "--delayed-users", "600", "--latency-ms", "5"]


@pytest.fixture
def peer(tmp_path: Path) -> Path:
    """A bench of another stack that prints its arguments."""
    (tmp_path / "bench.py").write_text("import sys; print('RATIOS', sys.argv[2:])")
    return tmp_path


def test_bench_measures_every_kind_of_request_and_its_floor(capsys: pytest.CaptureFixture[str], peer: Path) -> None:
    assert web.main([*SMALL_WEB, "--json", "--peer", str(peer)]) == 0

    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert set(found["intervals"]) == {
        "/healthz",
        "/api/session, tokens reused",
        "/api/session, each token once",
        "/api/me",
        "/api/orders",
        "webhooks",
    }
    for interval in found["intervals"].values():
        assert interval["per_s"] > 0
        assert 0 < interval["middle"]["load"]["p50_ms"] <= interval["middle"]["load"]["p99_ms"]
    assert found["intervals"]["/api/session, each token once"]["middle"]["load"]["requests"] == 50
    assert 0 < found["verification"]["first_per_s"] < found["floors"]["rsa"]["per_s"]
    assert found["verification"]["remembered_per_s"] > found["verification"]["first_per_s"]
    for floor in ("select_user", "select_orders", "upsert"):
        assert found["floors"][floor]["per_s"] > 0
    assert found["web_memory_mib"] > 10
    assert found["peer"].startswith("RATIOS ['--only', 'healthz,")


def test_bench_sync_measures_every_way_to_fill_a_mirror(capsys: pytest.CaptureFixture[str]) -> None:
    assert sync.main([*SMALL_SYNC, "--json"]) == 0

    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    fillings = found["fillings"]
    assert {name: filling["users"] for name, filling in fillings.items()} == {
        "empty mirror": 1200,
        "unchanged": 1200,
        "smaller empty mirror": 600,
        "in parallel": 600,
        "one worker": 600,
    }
    for filling in fillings.values():
        assert 0 < filling["start_s"] < filling["seconds"]
        assert filling["users_per_s"] == pytest.approx(filling["users"] / filling["seconds"])
        assert filling["requests"] >= filling["requests_needed"]
        assert filling["peak_mib"] > 20
    assert fillings["empty mirror"]["inserted"] == fillings["unchanged"]["unchanged"] == 1200
    assert fillings["unchanged"]["requests"] <= fillings["unchanged"]["requests_needed"] + 20
    assert found["copied"]["per_s"] > 0
    assert found["stand_in"]["users_per_s"] > 0
    assert "--peer" in found["peer"]


def test_a_spoiled_measurement_prints_why_and_no_figures(capsys: pytest.CaptureFixture[str]) -> None:
    def measure(*_: object) -> sync.Figures:
        raise MeasurementSpoiled("the service answers without a token")

    chosen = make_parser("bench", "").parse_args([])

    assert run(chosen, measure, tables, peer_metrics="") == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "no figures: the service answers without a token\n"


def test_a_service_that_answers_without_a_token_is_not_measured() -> None:
    with responder() as trivial, pytest.raises(MeasurementSpoiled, match="/api/session answers"):
        check_answers(trivial, "token")


def test_more_deliveries_than_users_can_change_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        web.main(["--users", "10", "--deliveries", "50"])

    assert "50 deliveries need 25 users" in capsys.readouterr().err
