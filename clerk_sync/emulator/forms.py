"""The bodies of Clerk's write requests, validated as Clerk does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from clerk_sync.emulator.errors import ClerkApiError, invalid_value

Status = Literal["verified", "reserved"]
Text = str | None | UnsetType
Flag = bool | None | UnsetType
Form = TypeVar("Form", bound=Struct)

MOST_LEVELS = 100  # deeper values could not be encoded again inside a user, a list or a webhook


class Profile(Struct, kw_only=True, forbid_unknown_fields=True):
    """The fields that both creating and updating a user accept."""

    first_name: Text = UNSET
    last_name: Text = UNSET
    username: Text = UNSET
    external_id: Text = UNSET
    locale: Text = UNSET
    created_at: Text = UNSET
    legal_accepted_at: Text = UNSET
    password: Text = UNSET
    password_digest: Text = UNSET
    password_hasher: Text = UNSET
    totp_secret: Text = UNSET
    backup_codes: list[str] | UnsetType | None = UNSET
    delete_self_enabled: Flag = UNSET
    create_organization_enabled: Flag = UNSET
    create_organizations_limit: int | UnsetType | None = UNSET
    bypass_client_trust: Flag = UNSET
    skip_password_checks: Flag = UNSET
    skip_legal_checks: Flag = UNSET
    # Deprecated on PATCH since 2026-05-12, but still accepted.
    public_metadata: dict[str, Any] | UnsetType | None = UNSET
    private_metadata: dict[str, Any] | UnsetType | None = UNSET
    unsafe_metadata: dict[str, Any] | UnsetType | None = UNSET


class NewUser(Profile):
    """The body of ``POST /v1/users``."""

    email_address: list[str] = []
    email_address_identification_status: list[Status] = []
    phone_number: list[str] = []
    phone_number_identification_status: list[Status] = []
    web3_wallet: list[str] = []
    skip_password_requirement: Flag = UNSET
    skip_user_requirement: Flag = UNSET
    banned: Flag = UNSET
    locked: Flag = UNSET


class UserChange(Profile):
    """The body of ``PATCH /v1/users/{user_id}``."""

    primary_email_address_id: Text = UNSET
    primary_phone_number_id: Text = UNSET
    primary_web3_wallet_id: Text = UNSET
    notify_primary_email_address_changed: Flag = UNSET
    profile_image_id: Text = UNSET
    sign_out_of_other_sessions: Flag = UNSET


class MetadataChange(Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of ``PATCH`` and ``PUT /v1/users/{user_id}/metadata``."""

    public_metadata: dict[str, Any] | UnsetType | None = UNSET
    private_metadata: dict[str, Any] | UnsetType | None = UNSET
    unsafe_metadata: dict[str, Any] | UnsetType | None = UNSET


class EmailReplacement(Struct, kw_only=True):
    """The body of ``PUT /v1/users/{user_id}/email_address``."""

    email_address: str
    identification_status: Literal["verified", "reserved", "unverified"] = "verified"


class ManyUsers(Struct, kw_only=True):
    """The body of ``POST /v1/users/ban`` and ``/unban``."""

    user_ids: list[str]


class NewSession(Struct, kw_only=True):
    """The body of ``POST /v1/sessions``."""

    user_id: str


class TokenRequest(Struct, kw_only=True):
    """The body of ``POST /v1/sessions/{session_id}/tokens``."""

    expires_in_seconds: int | None = None


def parse(form: type[Form], body: bytes) -> Form:
    """Return the parsed ``body``; raise Clerk's error, which names the parameter."""
    try:
        parsed = msgspec.json.decode(body or b"{}", type=form)
        _require_writable(parsed)
    except msgspec.ValidationError as error:
        raise _form_error(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ClerkApiError(
            400, "request_body_invalid", "Request body invalid", "The request body is not JSON."
        ) from error
    return parsed


def _require_writable(form: Struct) -> None:
    """Raise Clerk's error for a value that could be stored but not encoded in a response."""
    try:
        msgspec.json.encode(form)
    except OverflowError as error:
        raise invalid_value("body", "a number has more than 64 bits") from error
    if _is_deeper(msgspec.to_builtins(form), MOST_LEVELS):
        raise invalid_value("body", f"it is nested more than {MOST_LEVELS} levels deep")


def _is_deeper(value: object, levels: int) -> bool:
    inner = list(value.values()) if isinstance(value, dict) else value
    return isinstance(inner, list) and (levels == 0 or any(_is_deeper(each, levels - 1) for each in inner))


def parse_instant_ms(param: str, text: str) -> int:
    """Return the milliseconds of an RFC 3339 instant."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ClerkApiError(
            422, "form_param_format_invalid", "is invalid", f"{param} must be an RFC 3339 date and time.", param=param
        )
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


def plausible_email(address: str) -> str:
    """Return ``address``; raise Clerk's error if it cannot be an e-mail address."""
    local, _, domain = address.rpartition("@")
    if not local or "." not in domain or any(character.isspace() for character in address):
        text = "Email address must be a valid email address."
        raise ClerkApiError(422, "form_param_format_invalid", "is invalid", text, param="email_address")
    return address


def _form_error(complaint: str) -> ClerkApiError:
    if unknown := re.search(r"unknown field `(\w+)`", complaint):
        param = unknown[1]
        return ClerkApiError(422, "form_param_unknown", "is unknown", f"{param} is not a valid parameter.", param=param)
    if missing := re.search(r"missing required field `(\w+)`", complaint):
        param = missing[1]
        return ClerkApiError(422, "form_param_missing", "is missing", f"{param} must be included.", param=param)
    place = re.search(r"\$\.(\w+)", complaint)
    param = place[1] if place else "body"
    return ClerkApiError(422, "form_param_type_invalid", "is invalid", f"{param} has the wrong type.", param=param)
