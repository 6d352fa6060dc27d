"""How a visit begins: who may sign in, and what the browser is given."""

from __future__ import annotations

from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.users.schemas import Session, User


def find_by_identifier(clerk: Instance, identifier: str) -> User | None:
    """Return the user with this id, e-mail address, username or phone number."""
    return (
        clerk.directory.find(identifier)
        or clerk.directory.find_by_identifier("email", identifier.lower())
        or clerk.directory.find_by_identifier("username", identifier.lower())
        or clerk.directory.find_by_identifier("phone", identifier)
    )


def get_visitor(clerk: Instance, identifier: str) -> User:
    """Return the user who may sign in with ``identifier``; no password is asked for. Raise the refusal otherwise."""
    user = find_by_identifier(clerk, identifier)
    if user is None:
        text = "Couldn't find your account."
        raise ClerkApiError(422, "form_identifier_not_found", text, text, param="identifier")
    if user.banned or user.locked or user.deprovisioned:
        text = "This account cannot sign in."
        raise ClerkApiError(403, "user_locked" if user.locked else "user_banned", text, text)
    return user


def begin_visit(clerk: Instance, user: User, azp: str | None) -> tuple[Session, str]:
    """Sign the user in; return the session and its first token, which names ``azp`` as the authorized party."""
    session = clerk.sessions.create(user.id)
    clerk.accounts.note_sign_in(user.id)
    return session, clerk.session_jwt(session.id, user.id, azp=azp)
