"""The settings. Only this module reads the environment. The result is ``Settings``, or one error with all problems."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

from clerk_sync.clerk.loopback import LOOPBACK
from clerk_sync.clerk.publishable_key import PublishableKey
from clerk_sync.settings import parsers
from clerk_sync.settings.database_url import parse_database_url

T = TypeVar("T")

_NO_ENTRIES: tuple[str, ...] = ()


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


@dataclass(frozen=True, init=False)
class Settings:
    """The configuration of the process. Its repr shows no secrets.

    Each setting can be given in code. It has the name of its environment variable, in lower case and without CLERK_
    or CLERK_SYNC_. What is not given, or is None, comes from the environment::

        settings = Settings(schema="clerk", authorized_parties=["https://app.example.com"])
    """

    environment: Environment
    database_url: str | None = field(repr=False)
    secret_key: str | None = field(repr=False)
    publishable_key: PublishableKey | None
    jwt_key: str | None = field(repr=False)
    webhook_signing_secrets: tuple[str, ...] = field(repr=False)
    authorized_parties: tuple[str, ...]
    missing_azp: MissingAzp
    issuer: str | None
    api_url: str
    schema: str
    port: int
    web_concurrency: int
    metrics_token: str | None = field(repr=False)
    log_level: str
    log_format: LogFormat
    problems: tuple[str, ...] = field(repr=False, compare=False)
    """What was wrong, in settings that a ConfigurationError carries."""

    def __init__(
        self,
        *,
        database_url: str | None = None,
        secret_key: str | None = None,
        publishable_key: str | None = None,
        jwt_key: str | None = None,
        webhook_signing_secret: str | Sequence[str] | None = None,
        authorized_parties: str | Sequence[str] | None = None,
        missing_azp: str | None = None,
        issuer: str | None = None,
        api_url: str | None = None,
        schema: str | None = None,
        env: str | None = None,
        port: int | str | None = None,
        web_concurrency: int | str | None = None,
        metrics_token: str | None = None,
        log_level: str | None = None,
        log_format: str | None = None,
    ) -> None:
        """Raise ConfigurationError with every problem at once.

        Lists may be Python lists or text with commas. An empty value stands for the default: the environment is then
        not asked.
        """
        given = {name: value for name, value in locals().items() if name != "self"}
        self._read(_Reader(os.environ, given))

    @property
    def is_production(self) -> bool:
        """Whether this is a production deployment."""
        return self.environment is Environment.PRODUCTION

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Return the settings in ``environ``. Raise ConfigurationError with every problem at once.

        An empty variable counts as not set: hosting platforms and .env files keep empty variables.
        """
        settings = cls.__new__(cls)
        settings._read(_Reader(environ, {}))
        return settings

    def _read(self, read: _Reader) -> None:
        environment = read("CLERK_SYNC_ENV", Environment, read.default_environment)
        production = environment is Environment.PRODUCTION
        publishable_key = read("CLERK_PUBLISHABLE_KEY", parsers.publishable_key, None, secret=True)
        vars(self).update(
            environment=environment,
            database_url=read("DATABASE_URL", parse_database_url, None, secret=True),
            secret_key=read("CLERK_SECRET_KEY", parsers.secret_key, None, secret=True),
            publishable_key=publishable_key,
            jwt_key=read("CLERK_JWT_KEY", parsers.jwt_key, None, secret=True),
            webhook_signing_secrets=read(
                "CLERK_WEBHOOK_SIGNING_SECRET", parsers.signing_secrets, _NO_ENTRIES, secret=True
            ),
            authorized_parties=read("CLERK_AUTHORIZED_PARTIES", parsers.origins, _NO_ENTRIES),
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
            schema=read("CLERK_SYNC_SCHEMA", parsers.schema, "public"),
            port=read("PORT", parsers.whole_number(1, 65535), 5000),
            web_concurrency=read("WEB_CONCURRENCY", parsers.whole_number(1, 256), 2),
            metrics_token=read("METRICS_TOKEN", parsers.bearer_token, None, secret=True),
            log_level=read("LOG_LEVEL", parsers.log_level, "INFO"),
            log_format=read("LOG_FORMAT", LogFormat, LogFormat.JSON if production else LogFormat.CONSOLE),
        )
        if production:
            read.require("DATABASE_URL", self.database_url, "a postgres:// or postgresql:// URL")
            read.require("CLERK_AUTHORIZED_PARTIES", self.authorized_parties, "the origins of your front ends")
        vars(self)["problems"] = tuple(read.problems)
        if read.problems:
            raise ConfigurationError(read.problems, self)


class _Reader:
    """Reads settings one by one, from ``given`` or else from ``environ``, and collects the problems."""

    def __init__(self, environ: Mapping[str, str], given: Mapping[str, object]) -> None:
        self._environ = environ
        self._given = given
        self.problems: list[str] = []

    @property
    def default_environment(self) -> Environment:
        """The environment if none is set: a Heroku dyno is production."""
        return Environment.PRODUCTION if self._environ.get("DYNO") else Environment.DEVELOPMENT

    def __call__(self, name: str, parse: Callable[[str], T], default: T, *, secret: bool = False) -> T:
        source, value = self._find(name)
        is_list = isinstance(default, tuple)
        text = _text_of(value, is_list=is_list)
        if text is None:
            expected = "text or a list of texts" if is_list else "text"
            self.problems.append(f"{source}: found a value of type {type(value).__name__}, expected {expected}.")
            return default
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            kind = parse if isinstance(parse, type) and issubclass(parse, StrEnum) else None
            expected = " or ".join(kind) if kind else str(error)
            found = "a value that cannot be used" if secret else repr(text[:80])
            self.problems.append(f"{source}: found {found}, expected {expected}.")
            return default

    def require(self, name: str, value: object, expected: str) -> None:
        source, _ = self._find(name)
        if not value and not any(problem.startswith(f"{source}:") for problem in self.problems):
            self.problems.append(f"{source}: found nothing, expected {expected}; it is required in production.")

    def _find(self, name: str) -> tuple[str, object]:
        """Return the name under which the value was given, and the value."""
        argument = name.removeprefix("CLERK_").removeprefix("SYNC_").lower()
        value = self._given.get(argument)
        return (name, self._environ.get(name, "")) if value is None else (argument, value)


def _text_of(value: object, *, is_list: bool) -> str | None:
    """Return ``value`` as an environment variable would have it, or None if it is of the wrong type."""
    if is_list and isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return ",".join(value) if all(isinstance(entry, str) for entry in value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else None


def _api_url_in_production(text: str) -> str:
    parts = urlsplit(parsers.api_url(text))
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("https, or a loopback address: every request carries the secret key")
    return text.rstrip("/")
