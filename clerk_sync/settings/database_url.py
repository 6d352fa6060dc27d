"""Checks DATABASE_URL at the start, so that a wrong URL does not fail at the first connection.

libpq checks the form of the URL and the names of its parameters without connecting. It checks most values when it
connects, so this module checks them. No message quotes the URL: any part of it may belong to the password.
"""

from __future__ import annotations

from collections.abc import Mapping

from clerk_sync.optional import require_driver

Parameters = Mapping[str, str]

_EXAMPLE = "postgresql://user:password@host:5432/name"
_ESCAPES = "in user and password, write @ : / ? # % as %40 %3A %2F %3F %23 %25"

_TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "sslcertmode": ("disable", "allow", "require"),
    "channel_binding": ("disable", "prefer", "require"),
    "gssencmode": ("disable", "prefer", "require"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    "load_balance_hosts": ("disable", "random"),
    "ssl_min_protocol_version": _TLS_VERSIONS,
    "ssl_max_protocol_version": _TLS_VERSIONS,
}
_LARGEST = 2**31 - 1
# Beyond these the kernel refuses keepalives.
_NUMBERS: Mapping[str, tuple[int, int]] = {
    "connect_timeout": (-_LARGEST, _LARGEST),
    "keepalives": (-_LARGEST, _LARGEST),
    "keepalives_idle": (1, 32767),
    "keepalives_interval": (1, 32767),
    "keepalives_count": (1, 127),
    "tcp_user_timeout": (-_LARGEST, _LARGEST),
}
_AUTH_METHODS = ("password", "md5", "gss", "sspi", "scram-sha-256", "none")


def parse_database_url(text: str) -> str:
    """Return ``text`` as a postgresql:// URL that libpq accepts. Raise ValueError that says what is expected."""
    scheme, separator, rest = text.partition("://")
    # SQLAlchemy's form, postgresql+psycopg2://, names a driver. We always use psycopg2.
    scheme = scheme.partition("+")[0]
    if scheme not in ("postgres", "postgresql") or not separator:
        raise ValueError(f"a URL that libpq accepts, such as {_EXAMPLE}")
    url = f"postgresql://{rest}"
    parameters = _parse(url)
    if not parameters.keys() & {"dbname", "host", "hostaddr", "service"}:
        raise ValueError(f"a URL that names a host or a database, such as {_EXAMPLE}")
    _check_hosts(parameters)
    for name, words in _WORDS.items():
        if name in parameters and not _is_word(parameters[name], words):
            raise ValueError(f"{name} to be {', '.join(words[:-1])} or {words[-1]}")
    for name, (lowest, highest) in _NUMBERS.items():
        if name in parameters and not _is_number(parameters[name], lowest, highest):
            raise ValueError(f"{name} to be a whole number" + (f" from {lowest} to {highest}" if lowest == 1 else ""))
    _check_encryption(parameters)
    return url


def _parse(url: str) -> Parameters:
    require_driver()
    from psycopg2 import ProgrammingError
    from psycopg2.extensions import parse_dsn

    try:
        parameters: Parameters = parse_dsn(url)
    except (ProgrammingError, UnicodeError) as error:
        said = str(error)
        if "percent-encoded" in said:
            raise ValueError(f"% only in an escape of two hexadecimal digits: {_ESCAPES}") from None
        if "query parameter" in said:
            raise ValueError(
                f"name=value pairs after the ?, with names that libpq knows, such as sslmode; {_ESCAPES}"
            ) from None
        raise ValueError(f"a URL that libpq accepts, such as {_EXAMPLE}; {_ESCAPES}") from None
    return parameters


def _check_hosts(parameters: Parameters) -> None:
    hosts, addresses, ports = (parameters.get(name, "").split(",") for name in ("host", "hostaddr", "port"))
    if any("@" in host for host in hosts):
        raise ValueError(f"one @, before the host: {_ESCAPES}")
    if any(port and not _is_number(port, 1, 65535) for port in ports):
        raise ValueError(f"each port to be a number from 1 to 65535; {_ESCAPES}")
    count = max(len(hosts), len(addresses))
    if parameters.get("host") and parameters.get("hostaddr") and len(hosts) != len(addresses):
        raise ValueError("as many addresses in hostaddr as names in host")
    if len(ports) not in (1, count):
        raise ValueError("one port for all hosts, or one port for each host")


def _is_word(value: str, words: tuple[str, ...]) -> bool:
    if words is _TLS_VERSIONS:  # libpq ignores their case; an empty value is the default
        return not value or value.lower() in [word.lower() for word in words]
    return value in words


def _is_number(value: str, lowest: int, highest: int) -> bool:
    digits = value.strip(" \t\n\r\v\f")
    unsigned = digits.removeprefix(digits[0]) if digits[:1] in ("+", "-") else digits
    is_whole = unsigned.isascii() and unsigned.isdigit() and len(unsigned.lstrip("0")) <= len(str(_LARGEST))
    return is_whole and lowest <= int(digits) <= highest


def _check_encryption(parameters: Parameters) -> None:
    """Check rules of libpq that concern several parameters."""
    oldest = parameters.get("ssl_min_protocol_version", "TLSv1.2").lower()
    newest = parameters.get("ssl_max_protocol_version", "").lower()
    if newest and oldest > newest:
        raise ValueError("ssl_min_protocol_version to be no newer than ssl_max_protocol_version")
    is_system = parameters.get("sslrootcert") == "system"
    mode = parameters.get("sslmode", "verify-full" if is_system else "prefer")
    if is_system and mode != "verify-full":
        raise ValueError("sslmode=verify-full because sslrootcert=system")
    if parameters.get("sslnegotiation") == "direct" and mode not in ("require", "verify-ca", "verify-full"):
        raise ValueError("sslmode=require, verify-ca or verify-full because sslnegotiation=direct")
    _check_methods(parameters.get("require_auth", ""))


def _check_methods(text: str) -> None:
    methods = text.split(",") if text else []
    names = [method.removeprefix("!") for method in methods]
    is_mixed = len({method.startswith("!") for method in methods}) > 1
    if is_mixed or len(set(names)) < len(names) or not set(names) <= set(_AUTH_METHODS):
        raise ValueError(
            f"require_auth to be a list of {', '.join(_AUTH_METHODS)}; either all with a leading ! or none"
        )
