"""The only reader of the environment: it becomes one frozen ``Settings``, or one report of all that is wrong."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from clerk_sync.clerk.pem import normalise_public_key
from clerk_sync.clerk.publishable_key import PublishableKey, parse_publishable_key

T = TypeVar("T")

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Environment(StrEnum):
    """Where the process runs."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class MissingAzp(StrEnum):
    """What becomes of a token without ``azp`` where authorized parties are configured."""

    REJECT = "reject"
    ALLOW = "allow"


class LogFormat(StrEnum):
    """How a log line is written."""

    CONSOLE = "console"
    JSON = "json"


class ConfigurationError(Exception):
    """The environment cannot be used; the text is a report with one sentence for each problem.

    ``settings`` are what could be read, with the default for whatever could not: for the doctor, not for serving.
    """

    def __init__(self, problems: list[str], settings: Settings) -> None:
        count = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        super().__init__("\n  ".join([f"clerk_sync cannot start: {count} wrong or missing.", *problems]))
        self.problems = problems
        self.settings = settings


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the process is told from outside. Secrets do not show in its repr."""

    environment: Environment = Environment.DEVELOPMENT
    database_url: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    publishable_key: PublishableKey | None = None
    jwt_key: str | None = field(default=None, repr=False)
    webhook_signing_secrets: tuple[str, ...] = field(default=(), repr=False)
    authorized_parties: tuple[str, ...] = ()
    missing_azp: MissingAzp = MissingAzp.REJECT
    issuer: str | None = None
    api_url: str = "https://api.clerk.com"
    port: int = 5000
    web_concurrency: int = 2
    metrics_token: str | None = field(default=None, repr=False)
    log_level: str = "INFO"
    log_format: LogFormat = LogFormat.CONSOLE

    @property
    def is_production(self) -> bool:
        """Whether strangers can reach this process."""
        return self.environment is Environment.PRODUCTION

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Return the settings that ``environ`` spells; raise ConfigurationError with every problem at once.

        A variable that is set to nothing counts as not set, as hosts and .env files have it.
        """
        read = _Reader(environ)
        environment = read(
            "CLERK_SYNC_ENV", Environment, Environment.PRODUCTION if environ.get("DYNO") else Environment.DEVELOPMENT
        )
        production = environment is Environment.PRODUCTION
        publishable_key = read("CLERK_PUBLISHABLE_KEY", _publishable_key, None, secret=True)
        settings = cls(
            environment=environment,
            database_url=read("DATABASE_URL", _database_url, None, secret=True),
            secret_key=read("CLERK_SECRET_KEY", _secret_key, None, secret=True),
            publishable_key=publishable_key,
            jwt_key=read("CLERK_JWT_KEY", _jwt_key, None, secret=True),
            webhook_signing_secrets=read("CLERK_WEBHOOK_SIGNING_SECRET", _signing_secrets, (), secret=True),
            authorized_parties=read("CLERK_AUTHORIZED_PARTIES", _origins, ()),
            missing_azp=read("CLERK_MISSING_AZP", MissingAzp, MissingAzp.REJECT),
            issuer=read("CLERK_ISSUER", _issuer, publishable_key.issuer if publishable_key else None, secret=True),
            api_url=read(
                "CLERK_API_URL",
                _api_url_in_production if production else _api_url,
                "https://api.clerk.com",
                secret=True,
            ),
            port=read("PORT", _whole_number(1, 65535), 5000),
            web_concurrency=read("WEB_CONCURRENCY", _whole_number(1, 256), 2),
            metrics_token=read("METRICS_TOKEN", _bearer_token, None, secret=True),
            log_level=read("LOG_LEVEL", _log_level, "INFO"),
            log_format=read("LOG_FORMAT", LogFormat, LogFormat.JSON if production else LogFormat.CONSOLE),
        )
        if production:
            read.require("DATABASE_URL", settings.database_url, "a postgres:// or postgresql:// URL")
            read.require("CLERK_AUTHORIZED_PARTIES", settings.authorized_parties, "the origins of your front ends")
        if read.problems:
            raise ConfigurationError(read.problems, settings)
        return settings


class _Reader:
    """Reads variables one by one and remembers what was wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def __call__(self, name: str, parse: Callable[[str], T], default: T, *, secret: bool = False) -> T:
        text = self._environ.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            kind = parse if isinstance(parse, type) and issubclass(parse, StrEnum) else None
            expected = " or ".join(kind) if kind else str(error)
            found = "a value that cannot be used" if secret else repr(text[:80])
            self.problems.append(f"{name}: found {found}, expected {expected}.")
            return default

    def require(self, name: str, value: object, expected: str) -> None:
        if not value and not any(problem.startswith(f"{name}:") for problem in self.problems):
            self.problems.append(f"{name}: found nothing, expected {expected}; production does not start without it.")


def _database_url(text: str) -> str:
    from psycopg2 import ProgrammingError
    from psycopg2.extensions import parse_dsn

    scheme, _, rest = text.partition("://")
    url = f"postgresql://{rest}"
    try:
        found = parse_dsn(url)  # libpq's own opinion: it refuses parameters that other drivers know
    except ProgrammingError:
        found = {}
    if scheme not in ("postgres", "postgresql") or not found.keys() & {"dbname", "host", "service"}:
        raise ValueError("a URL that libpq takes, such as postgresql://user:password@host:5432/name")
    return url


def _secret_key(text: str) -> str:
    if not re.fullmatch(r"sk_(test|live)_[!-~]+", text):
        raise ValueError("sk_test_… or sk_live_…")
    return text


def _publishable_key(text: str) -> PublishableKey | None:
    return parse_publishable_key(text)


def _bearer_token(text: str) -> str:
    if not re.fullmatch("[!-~]+", text):
        raise ValueError("printable ASCII, as a header can carry it")
    return text


def _jwt_key(text: str) -> str:
    try:
        return normalise_public_key(text)
    except ValueError as error:
        raise ValueError("the PEM public key of the instance (RSA)") from error


def _signing_secrets(text: str) -> tuple[str, ...]:
    return tuple(_signing_secret(part) for part in _list(text) or [""])


def _signing_secret(text: str) -> str:
    prefix, _, encoded = text.partition("_")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        key = b""
    if prefix != "whsec" or not key:
        raise ValueError("whsec_ and base64, several separated by commas")
    return text


def _origins(text: str) -> tuple[str, ...]:
    return tuple(_origin(part) for part in _list(text))


_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9_]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[0-9]{1,5})?")


def _origin(text: str) -> str:
    # Compared exactly with what a browser sends: anything else in the list could never match.
    default_port = {"https": ":443", "http": ":80"}.get(text.partition("://")[0], "/")
    if not _ORIGIN.fullmatch(text) or text.endswith(default_port):
        raise ValueError(
            "origins as browsers send them, https://shop.example.com: no path, no slash at the end, no default port"
        )
    return text


def _issuer(text: str) -> str | None:
    _plain_url(text, "a URL such as https://clerk.example.com")
    return text


def _api_url(text: str) -> str:
    expected = "a URL without /v1, such as https://api.clerk.com"
    if _plain_url(text, expected).path.rstrip("/").endswith("/v1"):
        raise ValueError(expected)
    return text.rstrip("/")


def _api_url_in_production(text: str) -> str:
    parts = urlsplit(_api_url(text))
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("https, or a loopback address: the secret key travels in every request")
    return text.rstrip("/")


def _plain_url(text: str, expected: str) -> SplitResult:
    """Return the parts of an http URL of nothing but host, port and path; raise ValueError saying what is expected."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(expected) from error
    is_plain = not (parts.query or parts.fragment or parts.username is not None) and re.fullmatch("[!-~]+", text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain or port == 0:
        raise ValueError(expected)
    return parts


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text[:9]) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _log_level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        raise ValueError("DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return text.upper()


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
