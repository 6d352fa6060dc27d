"""The number of modules that one request or one page of a sync passes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence

from flask.testing import FlaskClient

from clerk_sync.emulator import LocalClerk
from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.local_clerk import SEQUENTIAL, Command, clerk, clerk_app, command, sync
from tests.stage.entered_modules import counts_of, recorded

__all__ = ["clerk", "clerk_app", "command", "sync"]

MOST = 8

DISPLAY = ("cli/sync/terminal_observer", "cli/sync/progress")
"""Shows the progress of a run; like the log, it is not counted."""


def assert_few(entries: Sequence[str], *, several: Sequence[str] = ()) -> None:
    """Fail unless ``entries`` are few modules, and only those of ``several`` more than once."""
    counts = counts_of(entries)
    assert len(counts) <= MOST, entries
    assert [name for name, count in counts.items() if count > 1] == [*several], entries


def test_a_webhook_enters_few_modules_and_each_once(client: FlaskClient) -> None:
    for version in (1, 2):
        body = json.dumps(clerk_event("user.updated", clerk_user(updated_at=1_700_000_000_000 + version))).encode()
        headers = sign_delivery(body, f"msg_{uuid.uuid4().hex}")
        with recorded() as found:
            answer = client.post("/api/webhooks/clerk", data=body, headers=headers, content_type="application/json")
        assert answer.get_json() == {"outcome": "applied"}
    assert_few(found.entries)


def test_a_request_with_a_new_token_enters_few_modules_and_each_once(
    client: FlaskClient, bearer: Callable[..., dict[str, str]]
) -> None:
    assert client.get("/api/me", headers=bearer()).status_code == 200
    headers = bearer()
    with recorded() as found:
        assert client.get("/api/me", headers=headers).status_code == 200
    assert_few(found.entries)
    with recorded() as found:
        assert client.get("/api/me", headers=headers).status_code == 200
    assert_few(found.entries)


def test_each_half_of_a_page_of_a_sync_enters_few_modules(clerk: LocalClerk, sync: Command) -> None:
    """A page has two halves: a thread fetches it, and the main thread merges and commits it."""
    clerk.users.seed(1200)  # three pages: the first one opens the run, the last one ends it
    with recorded() as found:
        assert sync(*SEQUENTIAL)["inserted"] == 1200
    _, fetch, _ = parts_of(found.by_thread["prefetch"], begins="mirror/sync/windows")
    assert_few(["mirror/sync/fetch", *fetch])
    # The list is opened, the first page is merged, then the second and the third, and the queue is empty.
    _, _, merge, _, _ = parts_of(found.by_thread["MainThread"], begins="mirror/sync/fetch")
    # The transaction of a page has three statements: the merge, the checkpoint and COMMIT.
    assert_few([name for name in merge if name not in DISPLAY], several=["db/transaction"])


def parts_of(entries: Sequence[str], *, begins: str) -> list[list[str]]:
    """Return ``entries`` cut at each entry into the module ``begins``, without what comes before the first."""
    starts = [place for place, name in enumerate(entries) if name == begins]
    return [list(entries[start:end]) for start, end in zip(starts, [*starts[1:], None], strict=True)]
