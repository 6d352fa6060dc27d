"""The account portal: sign-up, sign-in, profile and sign-out as plain pages without external resources."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, g, redirect, render_template, request
from werkzeug.wrappers import Response

from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.forms import NewUser, UserChange
from clerk_sync.emulator.frontend_api.browser_cookies import (
    current_session,
    get_sign_in_user,
    origin_of,
    safe_redirect_url,
    sign_in,
    sign_out,
    start_session,
)
from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.users.factories import new_email
from clerk_sync.emulator.users.schemas import EMAIL_CODE_VERIFIED, User


def pages(clerk: Instance) -> Blueprint:
    """Return the pages. They ask for no password or code: anyone on this machine can sign in as any user."""
    portal = Blueprint("pages", __name__, template_folder="templates")

    @portal.before_request
    def redirect_to_host_of_the_app() -> Response | None:
        """Redirect to the host name that the app uses: cookies set on 127.0.0.1 never reach localhost."""
        host = urlsplit(safe_redirect_url(_asked_redirect(), clerk)).hostname or ""
        here = urlsplit(request.host_url)
        if request.method != "GET" or host == here.hostname or host not in ("127.0.0.1", "localhost"):
            return None
        return redirect(f"http://{host}:{here.port}{request.full_path}")

    @portal.after_request
    def set_security_headers(response: Response) -> Response:
        # form-action also applies to the redirect after a form, which goes back to the app.
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'nonce-{_nonce()}'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self' http://127.0.0.1:* http://localhost:* {clerk.options.authorized_origin}"
        )
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-store"
        return response

    @portal.get("/")
    def home() -> str:
        return _page(
            "home.html", clerk, users=len(clerk.user_store), deliveries=clerk.webhook_sender.deliveries[-20:][::-1]
        )

    _add_sign_up(portal, clerk)
    _add_sign_in_and_out(portal, clerk)
    _add_profile(portal, clerk)
    return portal


def _add_sign_up(portal: Blueprint, clerk: Instance) -> None:
    @portal.route("/sign-up", methods=["GET", "POST"])
    def sign_up() -> Response | str | tuple[str, int]:
        if request.method == "GET":
            return _page("sign_up.html", clerk)
        form = NewUser(
            email_address=[_filled_in("email_address") or ""],
            first_name=_filled_in("first_name"),
            last_name=_filled_in("last_name"),
        )
        try:
            user = clerk.user_actions.create(form)
        except ClerkApiError as error:
            return _page("sign_up.html", clerk, problem=error.long_message), error.status
        return _sign_in(clerk, user)


def _add_sign_in_and_out(portal: Blueprint, clerk: Instance) -> None:
    @portal.route("/sign-in", methods=["GET", "POST"])
    def sign_in_page() -> Response | str | tuple[str, int]:
        if request.method == "GET":
            with clerk.user_store.lock:
                newest = [user for user, _ in zip(clerk.user_store.iterate(newest_first=True), range(8), strict=False)]
            return _page("sign_in.html", clerk, newest=newest)
        identifier = _filled_in("identifier") or ""
        try:
            user = get_sign_in_user(clerk, identifier)
        except ClerkApiError as error:
            return _page("sign_in.html", clerk, problem=error.long_message, identifier=identifier), error.status
        return _sign_in(clerk, user)

    @portal.route("/sign-out", methods=["GET", "POST"])
    def sign_out_page() -> Response:
        session = current_session(request, clerk)
        if session:
            clerk.sessions.finish(session.id, "ended")
        return sign_out(redirect(safe_redirect_url(_asked_redirect(), clerk), 303), clerk)


def _add_profile(portal: Blueprint, clerk: Instance) -> None:
    @portal.get("/user")
    def profile() -> Response | str:
        user = _signed_in_user(clerk)
        return _page("user.html", clerk, user=user) if user else _to_sign_in()

    @portal.post("/user")
    def change_profile() -> Response | str | tuple[str, int]:
        user = _signed_in_user(clerk)
        if user is None:
            return _to_sign_in()
        address = _filled_in("email_address")
        try:
            names = UserChange(first_name=_filled_in("first_name"), last_name=_filled_in("last_name"))
            clerk.user_actions.change(user.id, names)
            if address and address.lower() != user.primary_email:
                _move_to(clerk, user.id, address)
        except ClerkApiError as error:
            return _page("user.html", clerk, user=user, problem=error.long_message), error.status
        return redirect(safe_redirect_url(_asked_redirect(), clerk), 303)

    @portal.post("/user/delete")
    def delete_account() -> Response:
        user = _signed_in_user(clerk)
        if user is None:
            return _to_sign_in()
        clerk.user_actions.delete(user.id)
        return sign_out(redirect(safe_redirect_url(_asked_redirect(), clerk), 303), clerk)


def _sign_in(clerk: Instance, user: User) -> Response:
    """Sign the user in and redirect back to the app, whose origin the token names."""
    target = safe_redirect_url(_asked_redirect(), clerk)
    session, jwt = start_session(clerk, user, origin_of(target))
    return sign_in(redirect(target, 303), clerk, session, jwt)


def _move_to(clerk: Instance, user_id: str, address: str) -> None:
    """Add a verified address and make it the primary one, as users do at Clerk: the old one stays."""
    with clerk.user_store.lock:
        user = clerk.user_store.get(user_id)
        email = new_email(clerk.ids, address, clerk.options.clock_ms(), verification=EMAIL_CODE_VERIFIED)
        fields = {"email_addresses": (*user.email_addresses, email), "primary_email_address_id": email.id}
        clerk.user_actions.alter(user_id, fields)


def _signed_in_user(clerk: Instance) -> User | None:
    session = current_session(request, clerk)
    return clerk.user_store.find(session.user_id) if session else None


def _filled_in(name: str) -> str | None:
    return request.form.get(name, "").strip() or None


def _to_sign_in() -> Response:
    return redirect("/sign-in?" + urlencode({"redirect_url": _asked_redirect() or ""}), 303)


def _asked_redirect() -> str | None:
    return request.values.get("redirect_url")


def _nonce() -> str:
    nonce: str = g.setdefault("nonce", secrets.token_urlsafe(12))
    return nonce


def _page(template: str, clerk: Instance, **values: Any) -> str:
    redirect_url = safe_redirect_url(_asked_redirect(), clerk)
    return render_template(template, identity=clerk.identity, redirect_url=redirect_url, nonce=_nonce(), **values)
