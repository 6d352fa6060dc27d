"""The result of a storm as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.chaos.storm import Result


def lines_of(result: Result) -> Iterator[str]:
    """Yield the lines of the report. The last one says if everything is right."""
    yield f"storm             seed {result.seed}"
    yield f"deliveries        {result.deliveries} of {result.messages} messages"
    yield f"                  {result.attempts} attempts with retries"
    yield f"                  {result.dropped} messages dropped, {result.given_up} refused until the last retry"
    yield f"answers           {_list(result.statuses)}; the slowest after {result.slowest_ms:.0f} ms"
    yield f"outcomes          {_list(result.outcomes)}"
    yield f"faults            {_list(Counter(result.faults))}"
    yield f"time              {result.delivery_s:.1f} s of deliveries, {result.total_s:.1f} s in all"
    yield f"memory            {result.peak_mib:.0f} MiB at most, with the local Clerk and all its users in it"
    yield f"rows              {_list(result.rows)}"
    yield f"before sync       {result.before_sync} rows differ, all of a drop or a tie but {result.unexplained}"
    for number, sync in enumerate(result.syncs, start=1):
        yield f"sync {number}            {_list(sync)}"
    yield f"wrong answers     {result.wrong_answers}"
    yield f"lost              {result.lost} acknowledged deliveries"
    yield f"differences       {result.differences.total()} {_list(result.differences)}".rstrip()
    yield f"written again     {result.rows_written_by_second_sync} user rows by the second sync"
    yield "right" if result.is_right else "WRONG"


def _list(counts: Mapping[Any, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: str(item[0]))
    return ", ".join(f"{count} {'without answer' if name is None else name}" for name, count in ordered)
