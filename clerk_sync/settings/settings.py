"""The settings. Only this module reads the environment. The result is ``Settings``, or one error with all problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

from clerk_sync.clerk.loopback import LOOPBACK
from clerk_sync.clerk.publishable_key import PublishableKey
from clerk_sync.settings import parsers
from clerk_sync.settings.database_url import parse_database_url

T = TypeVar("T")


class Environment(StrEnum):
    """The kind of deployment."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class MissingAzp(StrEnum):
    """What to do with a token without ``azp`` if authorized parties are configured."""

    REJECT = "reject"
    ALLOW = "allow"


class LogFormat(StrEnum):
    """The format of log lines."""

    CONSOLE = "console"
    JSON = "json"


class ConfigurationError(Exception):
    """The environment cannot be used. The text has one sentence for each problem.

    ``settings`` has the default for each value that could not be read. Only the doctor works with it.
    """

    def __init__(self, problems: list[str], settings: Settings) -> None:
        count = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        super().__init__("\n  ".join([f"clerk_sync cannot start: {count} wrong or missing.", *problems]))
        self.problems = problems
        self.settings = settings


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The configuration of the process. Its repr shows no secrets."""

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
        """Whether this is a production deployment."""
        return self.environment is Environment.PRODUCTION

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Return the settings in ``environ``. Raise ConfigurationError with every problem at once.

        An empty variable counts as not set: hosting platforms and .env files keep empty variables.
        """
        read = _Reader(environ)
        environment = read(
            "CLERK_SYNC_ENV", Environment, Environment.PRODUCTION if environ.get("DYNO") else Environment.DEVELOPMENT
        )
        production = environment is Environment.PRODUCTION
        publishable_key = read("CLERK_PUBLISHABLE_KEY", parsers.publishable_key, None, secret=True)
        settings = cls(
            environment=environment,
            database_url=read("DATABASE_URL", parse_database_url, None, secret=True),
            secret_key=read("CLERK_SECRET_KEY", parsers.secret_key, None, secret=True),
            publishable_key=publishable_key,
            jwt_key=read("CLERK_JWT_KEY", parsers.jwt_key, None, secret=True),
            webhook_signing_secrets=read("CLERK_WEBHOOK_SIGNING_SECRET", parsers.signing_secrets, (), secret=True),
            authorized_parties=read("CLERK_AUTHORIZED_PARTIES", parsers.origins, ()),
            missing_azp=read("CLERK_MISSING_AZP", MissingAzp, MissingAzp.REJECT),
            issuer=read(
                "CLERK_ISSUER", parsers.issuer, publishable_key.issuer if publishable_key else None, secret=True
            ),
            api_url=read(
                "CLERK_API_URL",
                _api_url_in_production if production else parsers.api_url,
                "https://api.clerk.com",
                secret=True,
            ),
            port=read("PORT", parsers.whole_number(1, 65535), 5000),
            web_concurrency=read("WEB_CONCURRENCY", parsers.whole_number(1, 256), 2),
            metrics_token=read("METRICS_TOKEN", parsers.bearer_token, None, secret=True),
            log_level=read("LOG_LEVEL", parsers.log_level, "INFO"),
            log_format=read("LOG_FORMAT", LogFormat, LogFormat.JSON if production else LogFormat.CONSOLE),
        )
        if production:
            read.require("DATABASE_URL", settings.database_url, "a postgres:// or postgresql:// URL")
            read.require("CLERK_AUTHORIZED_PARTIES", settings.authorized_parties, "the origins of your front ends")
        if read.problems:
            raise ConfigurationError(read.problems, settings)
        return settings


class _Reader:
    """Reads variables one by one and collects the problems."""

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
            self.problems.append(f"{name}: found nothing, expected {expected}; it is required in production.")


def _api_url_in_production(text: str) -> str:
    parts = urlsplit(parsers.api_url(text))
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("https, or a loopback address: every request carries the secret key")
    return text.rstrip("/")
