"""Find a request's session token: in its header, or in the cookies of Clerk's front end. Nothing is verified here."""

from __future__ import annotations

COOKIE = "__session"

# Each token costs a signature check. A browser has one cookie for each path and domain that somebody set one for.
MOST_OF_ONE_NAME = 8


def find_bearer(authorization: str | None) -> str | None:
    """Return what an ``Authorization`` header of the Bearer scheme carries, be it nothing or nonsense; else None.

    Another scheme is somebody else's (a proxy's Basic password), and a lone word has no scheme. Words behind the token
    stay in it: no token has a blank, so they are refused together. A header that cannot be read may have been a Bearer
    header, so it counts as one: granian passes a value that is not ASCII as an empty one, other servers pass it as
    Latin-1.
    """
    if authorization is None:
        return None
    scheme, _, token = authorization.replace("\t", " ").strip(" ").partition(" ")
    is_bearer = scheme.lower() == "bearer" or not scheme or not scheme.isascii()
    return token.strip(" ") if is_bearer else None


def find_session_cookies(cookies: str, suffix: str | None) -> list[str]:
    """Return the tokens to try from a ``Cookie`` header, best first and each once.

    Applications that share a host overwrite each other's plain cookie; the one with the suffix, which comes from the
    publishable key, is ours. Cookies of one name differ in path or domain, and the browser sends a stale one first if
    its path is longer, so each is tried in the order of the header. The header is split before anything is decoded,
    and names are compared whole.
    """
    names = (COOKIE,) if suffix is None else (f"{COOKIE}_{suffix}", COOKIE)
    found: dict[str, list[str]] = {name: [] for name in names}
    for pair in cookies.split(";"):
        name, _, value = pair.partition("=")
        name, value = name.strip(" \t"), value.strip(" \t")
        if value and name in found and len(found[name]) < MOST_OF_ONE_NAME:
            found[name].append(value)
    return list(dict.fromkeys(value for name in names for value in found[name]))
