"""Workers share what they know of a key set, and only in a place that nobody else can write to."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from clerk_sync.clerk.jwks.cache import COOLDOWN_S, TIME_TO_LIVE_S
from clerk_sync.clerk.jwks.fetch import parse_key_set
from clerk_sync.clerk.jwks.key_shelf import FileShelf, NoShelf, Shelved, shelf_of_this_server
from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.clerk.tokens.verifier import TokenVerifier
from tests.clerk.api.scripted_api import DROPPED, Reply, ScriptedApi, answer
from tests.clerk.jwks import key_storm
from tests.clerk.jwks.published_keys import make_verifier, outcome
from tests.clerk.jwks.waiting import wait_until
from tests.clerk.tokens.token_factory import FOREIGN, NOW, OURS, USER_ID, Clock

ENTRIES = parse_key_set(json.dumps({"keys": [OURS.jwk]}).encode())
SHELVED = Shelved(NOW, NOW - 5, ENTRIES)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "clerk_sync"


@pytest.fixture
def shelf(directory: Path) -> FileShelf:
    """A shelf on which one process has put something."""
    shelf = FileShelf(directory, "keys")
    with shelf.hold(wait=True) as is_held:
        assert is_held
        shelf.put(SHELVED)
    return shelf


def test_what_one_process_puts_another_finds(shelf: FileShelf, directory: Path) -> None:
    other = FileShelf(directory, "keys")
    assert other.find() == SHELVED
    assert other.find_change() == SHELVED
    assert other.find_change() is None
    shelf.put(Shelved(NOW + 1))
    assert other.find_change() == Shelved(NOW + 1)


def test_nobody_else_may_look(shelf: FileShelf, directory: Path) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in [directory, *directory.iterdir()]}
    assert modes == {"clerk_sync": 0o700, "keys.json": 0o600, "keys.lock": 0o600}


def test_one_process_at_a_time(shelf: FileShelf, directory: Path) -> None:
    other = FileShelf(directory, "keys")
    with shelf.hold(wait=False), other.hold(wait=False) as is_held:
        assert not is_held
    with other.hold(wait=False) as is_held:
        assert is_held


def _open_to_others(directory: Path) -> None:
    directory.chmod(0o755)


def _owned_by_another(directory: Path) -> None:
    os.chown(directory, 12345, 12345)


def _a_link(directory: Path) -> None:
    directory.rename(directory.with_name("elsewhere"))
    directory.symlink_to(directory.with_name("elsewhere"))


def _a_file(directory: Path) -> None:
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    directory.write_text("a file in its place")


@pytest.mark.parametrize("spoil", [_open_to_others, _owned_by_another, _a_link, _a_file])
def test_place_that_another_could_have_touched_is_not_used(
    shelf: FileShelf, directory: Path, spoil: Callable[[Path], None]
) -> None:
    """Whoever writes there could sign in as anybody. Each process goes on by itself."""
    if spoil is _owned_by_another and os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    spoil(directory)
    with shelf.hold(wait=False) as is_held:
        assert is_held
        shelf.put(Shelved(NOW + 1))
    assert shelf.find() is None


def test_link_in_place_of_the_file_is_not_followed(shelf: FileShelf, directory: Path) -> None:
    file = directory / "keys.json"
    file.rename(directory.with_name("elsewhere.json"))
    file.symlink_to(directory.with_name("elsewhere.json"))
    assert shelf.find() is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"attempted_at":"x"}', '{"entries":[{"kid":1}]}', '{"entries":[{"kid":"\xff"}]}']
)
def test_damaged_file_is_as_good_as_none(shelf: FileShelf, directory: Path, text: str) -> None:
    (directory / "keys.json").write_bytes(text.encode("latin-1"))
    assert shelf.find() is None


def test_what_a_former_server_left_is_swept_away(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    old, fresh = directory / "old.json", directory / "fresh.json"
    for path, age_s in ((old, 2 * 3600), (fresh, 60)):
        path.touch()
        os.utime(path, (time.time() - age_s, time.time() - age_s))
    FileShelf(directory, "keys").put(SHELVED)
    assert sorted(path.name for path in directory.iterdir()) == ["fresh.json", "keys.json"]


def test_process_without_siblings_shares_nothing() -> None:
    assert isinstance(shelf_of_this_server("https://api.clerk.com/v1/jwks", "sk_test_x"), NoShelf)


def workers(server: ScriptedApi, directory: Path, clock: Clock) -> tuple[TokenVerifier, TokenVerifier]:
    one, other = (make_verifier(server, clock, FileShelf(directory, "keys")) for _ in range(2))
    return one, other


def test_one_fetch_serves_all_workers(server: ScriptedApi, directory: Path) -> None:
    server.will_answer(answer({"keys": [OURS.jwk]}))
    for worker in workers(server, directory, Clock()):
        assert outcome(worker, OURS.mint()) == "proven"
        assert outcome(worker, FOREIGN.mint()) == TokenRejection.UNKNOWN_KEY
    assert len(server.asked) == 1


def test_failed_attempt_of_one_worker_counts_for_all(server: ScriptedApi, directory: Path) -> None:
    server.will_answer(answer({"keys": [OURS.jwk]}), DROPPED)
    clock = Clock()
    one, other = workers(server, directory, clock)
    assert outcome(one, OURS.mint()) == outcome(other, OURS.mint()) == "proven"
    clock.now += COOLDOWN_S
    assert outcome(one, FOREIGN.mint()) == outcome(other, FOREIGN.mint()) == TokenRejection.UNKNOWN_KEY
    assert len(server.asked) == 2


def test_what_one_worker_fetches_reaches_the_other_within_a_second(server: ScriptedApi, directory: Path) -> None:
    """A new key there, and a removed one with its remembered tokens."""
    clock = Clock()
    one, other = workers(server, directory, clock)
    server.will_answer(answer({"keys": [OURS.jwk]}))
    removed, new = OURS.mint(), FOREIGN.mint()
    assert outcome(one, removed) == outcome(other, removed) == "proven"
    server.will_answer(answer({"keys": [FOREIGN.jwk]}))
    clock.now += COOLDOWN_S
    assert outcome(one, new) == "proven"
    clock.now += 1
    assert outcome(other, removed) == TokenRejection.UNKNOWN_KEY
    assert outcome(other, new) == "proven"
    assert len(server.asked) == 2


def test_worker_that_starts_during_an_outage_finds_the_keys(server: ScriptedApi, directory: Path) -> None:
    server.will_answer(answer({"keys": [OURS.jwk]}), DROPPED)
    clock = Clock()
    one, other = workers(server, directory, clock)
    assert outcome(one, OURS.mint()) == "proven"
    clock.now += COOLDOWN_S
    assert outcome(one, FOREIGN.mint()) == TokenRejection.UNKNOWN_KEY
    assert outcome(other, OURS.mint()) == "proven"


def test_shelf_that_lost_its_keys_takes_nobody_elses(server: ScriptedApi, directory: Path, shelf: FileShelf) -> None:
    """The temporary directory was emptied, and a worker that starts during an outage has put down its attempt."""
    server.will_answer(DROPPED)
    clock = Clock()
    worker, _ = workers(server, directory, clock)
    assert outcome(worker, OURS.mint()) == "proven"
    shelf.put(Shelved(NOW))
    clock.now += 1
    assert outcome(worker, OURS.mint()) == "proven"
    assert server.asked == []


def test_shelf_that_cannot_be_written_does_not_end_the_cooldown(
    server: ScriptedApi, directory: Path, shelf: FileShelf
) -> None:
    """A full disk: what is on it is older than what this process has just done."""
    server.will_answer(DROPPED)
    clock = Clock(NOW + TIME_TO_LIVE_S)
    worker, _ = workers(server, directory, clock)
    draft = directory / f"keys.{os.getpid()}.tmp"
    draft.mkdir()
    for _ in range(COOLDOWN_S):
        assert outcome(worker, OURS.mint(exp=NOW + 1000)) == "proven"
        clock.now += 1
    assert len(server.asked) == 1
    draft.rmdir()
    assert outcome(worker, FOREIGN.mint()) == TokenRejection.UNKNOWN_KEY
    assert shelf.find() == Shelved(clock.now, NOW - 5, ENTRIES)


def test_worker_without_keys_waits_for_the_fetch_of_another(server: ScriptedApi, directory: Path) -> None:
    """Both are started into traffic; the second finds an attempt on the shelf, and no keys yet."""
    hold = threading.Event()
    server.will_answer(Reply(parts=answer({"keys": [OURS.jwk]}).parts, hold=hold))
    one, other = workers(server, directory, Clock())
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(outcome, one, OURS.mint())
        wait_until(lambda: len(server.asked) == 1)
        second = pool.submit(outcome, other, OURS.mint())
        assert not wait([second], timeout=0.05).done
        hold.set()
        assert first.result() == second.result() == "proven"
    assert len(server.asked) == 1


def test_storm_on_two_processes_costs_one_fetch(
    server: ScriptedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T17, with real processes, started as a server starts its workers."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    server.will_answer(answer({"keys": [OURS.jwk]}))
    now = int(time.time())
    good = OURS.mint(iat=now, nbf=now, exp=now + 60)
    tokens = [good, *(FOREIGN.mint(header={"kid": f"ins_{number}"}) for number in range(50)), good]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, key_storm.start, (context.Barrier(2),)) as pool:
        told = list(pool.map(key_storm.work, [server.url] * 2, [tokens] * 2))
    assert told == [[USER_ID, *[TokenRejection.UNKNOWN_KEY] * 50, USER_ID]] * 2
    assert len(server.asked) == 1
