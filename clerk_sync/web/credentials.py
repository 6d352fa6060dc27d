"""Where a request carries its session token: the header, or the cookies of Clerk's front end. Nothing is proven."""

from __future__ import annotations

COOKIE = "__session"


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
    publishable key, is ours. Split before anything is decoded, names compared whole; of two alike the first counts.
    """
    names = (COOKIE,) if suffix is None else (f"{COOKIE}_{suffix}", COOKIE)
    found: dict[str, str] = {}
    for pair in cookies.split(";"):
        name, _, value = pair.partition("=")
        name, value = name.strip(" \t"), value.strip(" \t")
        if value and name in names:
            found.setdefault(name, value)
    return list(dict.fromkeys(found[name] for name in names if name in found))
