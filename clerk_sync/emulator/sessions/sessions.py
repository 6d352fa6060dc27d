"""Sessions, from sign-in to sign-out, revocation or the deletion of the user."""

from __future__ import annotations

import threading
from collections.abc import Callable

from msgspec import structs

from clerk_sync.emulator.errors import session_not_found
from clerk_sync.emulator.identity import Ids
from clerk_sync.emulator.users.schemas import Session, as_json
from clerk_sync.emulator.users.user_store import UserStore

LIFETIME_MS = 7 * 24 * 3600 * 1000
ABANDONED_AFTER_MS = 30 * 24 * 3600 * 1000

Emit = Callable[[str, object, int], object]
"""Sends an event: its type, its data, and when it happened in milliseconds."""


class Sessions:
    """All sessions of this instance, oldest first."""

    def __init__(self, user_store: UserStore, ids: Ids, clock_ms: Callable[[], int], emit: Emit) -> None:
        self._user_store = user_store
        self._ids = ids
        self._clock_ms = clock_ms
        self._emit = emit
        self._lock = threading.RLock()
        self._sessions: dict[str, Session] = {}
        self.revision = 0

    def create(self, user_id: str, client_id: str | None = None) -> Session:
        """Sign the user in and emit ``session.created``; raise the 404 for an unknown user."""
        self._user_store.get(user_id)
        now_ms = self._clock_ms()
        session = Session(
            id=self._ids.new("sess", now_ms),
            client_id=client_id or self._ids.new("client", now_ms),
            user_id=user_id,
            last_active_at=now_ms,
            expire_at=now_ms + LIFETIME_MS,
            abandon_at=now_ms + ABANDONED_AFTER_MS,
            created_at=now_ms,
            updated_at=now_ms,
        )
        with self._lock:
            self._sessions[session.id] = session
            self.revision += 1
        self._emit_event("session.created", session, now_ms)
        return session

    def find(self, session_id: str) -> Session | None:
        """Return the session. Its status is ``expired`` if its time has passed."""
        session = self._sessions.get(session_id)
        if session is None or session.status != "active" or self._clock_ms() < session.expire_at:
            return session
        return structs.replace(session, status="expired")

    def get_active(self, session_id: str) -> Session:
        """Return the session; raise the 404 if it is unknown, finished or expired."""
        session = self.find(session_id)
        if session is None or session.status != "active":
            raise session_not_found(session_id)
        return session

    def get(self, session_id: str) -> Session:
        """Return the session in any state; raise the 404 if it is unknown."""
        session = self.find(session_id)
        if session is None:
            raise session_not_found(session_id)
        return session

    def all(self) -> list[Session]:
        """Return every session, newest first."""
        with self._lock:
            known = list(self._sessions)
        return [session for session in map(self.find, reversed(known)) if session]

    def active_of(self, user_id: str) -> Session | None:
        """Return the user's newest active session."""
        return next((each for each in self.all() if each.user_id == user_id and each.status == "active"), None)

    def finish(self, session_id: str, status: str) -> Session:
        """Set the final status (``revoked``, ``ended``, ``removed``) and emit its event, unless it is already final."""
        with self._lock:
            session = self.get(session_id)
            if session.status != "active":
                return session
            now_ms = self._clock_ms()
            finished = structs.replace(session, status=status, updated_at=now_ms)
            self._sessions[session_id] = finished
            self.revision += 1
        self._emit_event(f"session.{status}", finished, now_ms)
        return finished

    def finish_all_of(self, user_id: str, status: str) -> None:
        """Finish every active session of the user, as a ban or a deletion does."""
        for session in self.all():
            if session.user_id == user_id and session.status == "active":
                self.finish(session.id, status)

    def restore(self, sessions: list[Session]) -> None:
        """Continue with the sessions of an earlier run."""
        with self._lock:
            self._sessions = {session.id: session for session in sessions}

    def _emit_event(self, event_type: str, session: Session, at_ms: int) -> None:
        user = self._user_store.find(session.user_id)
        self._emit(event_type, {**as_json(session), "user": user}, at_ms)
