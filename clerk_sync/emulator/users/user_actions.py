"""The actions on users. Each one stores the change and emits its event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import UNSET, structs

from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.forms import (
    EmailReplacement,
    MetadataChange,
    NewUser,
    Profile,
    UserChange,
    parse_instant_ms,
    plausible_email,
)
from clerk_sync.emulator.identity import Ids
from clerk_sync.emulator.sessions.sessions import Emit, Sessions
from clerk_sync.emulator.users.factories import new_email, new_phone, new_user, new_wallet
from clerk_sync.emulator.users.schemas import ADMIN_VERIFICATION, EMAIL_CODE_PENDING, Deleted, EmailAddress, User
from clerk_sync.emulator.users.user_store import UserStore

_PLAIN_TEXT = ("first_name", "last_name", "username", "external_id", "locale")
_PLAIN_FLAGS = ("delete_self_enabled", "create_organization_enabled", "bypass_client_trust", "banned", "locked")
_METADATA = ("public_metadata", "private_metadata", "unsafe_metadata")


class UserActions:
    """Creates, changes and deletes users.

    Both happen under the store's lock, so the events of one user are queued in the order of its versions.
    """

    def __init__(
        self, user_store: UserStore, sessions: Sessions, ids: Ids, clock_ms: Callable[[], int], emit: Emit
    ) -> None:
        self._user_store = user_store
        self._sessions = sessions
        self._ids = ids
        self._clock_ms = clock_ms
        self._emit = emit

    def create(self, form: NewUser) -> User:
        """Create a user from a client's request."""
        now_ms = self._clock_ms()
        fields = _profile_fields(form, now_ms)
        created_at_ms = fields.pop("created_at", now_ms)
        emails = [
            new_email(self._ids, plausible_email(address), now_ms, reserved=status == "reserved")
            for address, status in _paired(
                "email_address", form.email_address, list(form.email_address_identification_status)
            )
        ]
        phones = [
            new_phone(self._ids, number, now_ms, reserved=status == "reserved")
            for number, status in _paired(
                "phone_number", form.phone_number, list(form.phone_number_identification_status)
            )
        ]
        wallets = [new_wallet(self._ids, wallet, now_ms) for wallet in form.web3_wallet]
        if not (emails or phones or wallets or form.username or form.skip_user_requirement is True):
            raise ClerkApiError(
                422, "form_data_missing", "Missing data", "A user needs an e-mail address, phone number or username."
            )
        user = new_user(
            self._ids,
            created_at_ms=created_at_ms,
            updated_at_ms=now_ms,
            emails=emails,
            phones=phones,
            wallets=wallets,
            **fields,
        )
        return self.add(user)

    def add(self, user: User) -> User:
        """Store a new user and emit ``user.created``."""
        with self._user_store.lock:
            self._user_store.put(user)
            self._emit("user.created", user, user.updated_at)
        return user

    def change(self, user_id: str, form: UserChange) -> User:
        """Update a user from a client's request."""
        now_ms = self._clock_ms()
        with self._user_store.lock:
            user = self._user_store.get(user_id)
            fields = {**_profile_fields(form, now_ms), **_primary_fields(form, user)}
            changed = self.alter(user_id, fields, at_ms=now_ms)
        if form.sign_out_of_other_sessions is True:
            self._sessions.finish_all_of(user_id, "revoked")
        return changed

    def alter(self, user_id: str, fields: Mapping[str, Any], *, at_ms: int | None = None) -> User:
        """Replace ``fields`` of Clerk's user object, as a version of ``at_ms``, and emit ``user.updated``."""
        with self._user_store.lock:
            user = self._user_store.get(user_id)
            now_ms = self._clock_ms() if at_ms is None else at_ms
            changed = structs.replace(user, **{"updated_at": now_ms, **fields})
            self._user_store.put(changed)
            if (changed.banned and not user.banned) or (changed.deprovisioned and not user.deprovisioned):
                self._sessions.finish_all_of(user_id, "revoked")
            self._emit("user.updated", changed, changed.updated_at)
        return changed

    def merge_metadata(self, user_id: str, form: MetadataChange) -> User:
        """Merge metadata deeply; a null removes its key."""
        with self._user_store.lock:
            user = self._user_store.get(user_id)
            changes = {name: value for name, value in structs.asdict(form).items() if value is not UNSET}
            merged = {name: _merged(getattr(user, name) or {}, value or {}) for name, value in changes.items()}
            return self.alter(user_id, merged)

    def replace_metadata(self, user_id: str, form: MetadataChange) -> User:
        """Replace all metadata; a null is stored as null."""
        changes = {name: value for name, value in structs.asdict(form).items() if value is not UNSET}
        return self.alter(user_id, changes)

    def replace_email(self, user_id: str, form: EmailReplacement, at_ms: int | None = None) -> EmailAddress:
        """Replace all e-mail addresses by this one."""
        now_ms = self._clock_ms() if at_ms is None else at_ms
        status = form.identification_status
        verification = ADMIN_VERIFICATION if status == "verified" else EMAIL_CODE_PENDING
        address = plausible_email(form.email_address)
        email = new_email(self._ids, address, now_ms, verification=verification, reserved=status == "reserved")
        self.alter(user_id, {"email_addresses": (email,), "primary_email_address_id": email.id}, at_ms=now_ms)
        return email

    def note_sign_in(self, user_id: str) -> User:
        """Store the time of the sign-in. Clerk does not document an event for it, so this emits none."""
        with self._user_store.lock:
            now_ms = self._clock_ms()
            user = structs.replace(self._user_store.get(user_id), last_sign_in_at=now_ms, last_active_at=now_ms)
            self._user_store.put(user)
        return user

    def delete(self, user_id: str, *, at_ms: int | None = None) -> Deleted:
        """Delete the user, remove the sessions and emit ``user.deleted``."""
        with self._user_store.lock:
            self._user_store.get(user_id)
            self._sessions.finish_all_of(user_id, "removed")
            user = self._user_store.remove(user_id)
            deleted = Deleted(id=user_id, external_id=user.external_id or UNSET)
            self._emit("user.deleted", deleted, self._clock_ms() if at_ms is None else at_ms)
        return deleted


def _profile_fields(form: Profile, now_ms: int) -> dict[str, Any]:
    """Return the fields of the user object that the form sets."""
    given = {name: value for name, value in structs.asdict(form).items() if value is not UNSET}
    fields: dict[str, Any] = {name: given[name] for name in _PLAIN_TEXT if name in given}
    fields |= {name: bool(given[name]) for name in _PLAIN_FLAGS if given.get(name) is not None}
    fields |= {name: given[name] or {} for name in _METADATA if name in given}
    fields |= {
        name: parse_instant_ms(name, given[name]) for name in ("created_at", "legal_accepted_at") if given.get(name)
    }
    if given.get("create_organizations_limit") is not None:
        fields["create_organizations_limit"] = given["create_organizations_limit"]
    if given.get("password") or given.get("password_digest"):
        _refuse_short_password(given)
        fields |= {"password_enabled": True, "password_last_updated_at": now_ms}
    if given.get("totp_secret"):
        fields |= {"totp_enabled": True, "two_factor_enabled": True, "mfa_enabled_at": now_ms}
    if given.get("backup_codes"):
        fields["backup_code_enabled"] = True
    return fields


def _refuse_short_password(given: Mapping[str, Any]) -> None:
    if given.get("password") and len(given["password"]) < 8 and not given.get("skip_password_checks"):
        text = "Passwords must be 8 characters or more."
        raise ClerkApiError(422, "form_password_length_too_short", text, param="password")


def _primary_fields(form: UserChange, user: User) -> dict[str, Any]:
    owned = {
        "primary_email_address_id": [email.id for email in user.email_addresses],
        "primary_phone_number_id": [phone.id for phone in user.phone_numbers],
        "primary_web3_wallet_id": [wallet.id for wallet in user.web3_wallets],
    }
    fields = {name: getattr(form, name) for name in owned if getattr(form, name) is not UNSET}
    for name, wanted in fields.items():
        if wanted is not None and wanted not in owned[name]:
            raise ClerkApiError(
                404, "resource_not_found", "not found", f"{name} is not an id that belongs to this user.", param=name
            )
    return fields


def _paired(param: str, values: list[str], statuses: list[str]) -> list[tuple[str, str]]:
    if statuses and len(statuses) != len(values):
        text = f"{param}_identification_status must have one item for each item of {param}."
        raise ClerkApiError(422, "form_param_value_invalid", "is invalid", text, param=f"{param}_identification_status")
    return list(zip(values, statuses or ["verified"] * len(values), strict=True))


def _merged(before: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(before)
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict) and isinstance(before.get(name), dict):
            merged[name] = _merged(before[name], value)
        else:
            merged[name] = value
    return merged
