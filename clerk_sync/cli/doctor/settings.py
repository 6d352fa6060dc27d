"""Check every environment variable that is read, and names that look like one but are not read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches

from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, ok, warning, wrong
from clerk_sync.settings.settings import LogFormat, MissingAzp, Settings

SHORTEST_METRICS_TOKEN = 16
SIMILARITY, SIMILARITY_WITH_CLERK_PREFIX = 0.85, 0.75

CheckVariable = Callable[[str, Settings], Finding]

# Clerk's own libraries read these, so they are not misspelt names of ours.
FOREIGN = frozenset(
    f"CLERK_{name}"
    for name in (
        "API_VERSION", "API_KEY", "FAPI", "FRONTEND_API", "PROXY_URL", "DOMAIN", "IS_SATELLITE", "MACHINE_SECRET_KEY",
        "SIGN_IN_URL", "SIGN_UP_URL", "ENCRYPTION_KEY", "TELEMETRY_DISABLED", "TELEMETRY_DEBUG", "JS_URL", "JS_VERSION",
    )
)  # fmt: skip


def check_variables(context: CheckContext) -> Iterator[Finding]:
    """Yield one finding for each variable that is read."""
    for name, check in _VARIABLES.items():
        problem = context.problems.get(name)
        if problem is None:
            yield check(name, context.settings)
            continue
        found, _, expected = problem.removeprefix(f"{name}: ").rstrip(".").partition(", expected ")
        yield wrong(name, found, f"expected {expected}")


def check_names(context: CheckContext) -> Iterator[Finding]:
    """Yield a finding for each variable that may be a misspelt name of one that is read."""
    for name in sorted(context.names):
        if name in _VARIABLES or name in FOREIGN:
            continue
        has_clerk_prefix = name.startswith("CLERK_")
        cutoff = SIMILARITY_WITH_CLERK_PREFIX if has_clerk_prefix else SIMILARITY
        meant = get_close_matches(name.upper(), _VARIABLES, n=1, cutoff=cutoff)
        if not meant and not has_clerk_prefix:
            continue
        yield warning(name, "is set, but nothing reads it", f"is {meant[0]} meant?" if meant else "remove it")
    public = next((name for name in sorted(context.names) if name.endswith("_CLERK_PUBLISHABLE_KEY")), None)
    if public and "CLERK_PUBLISHABLE_KEY" not in context.names:
        yield warning(public, "is set, but CLERK_PUBLISHABLE_KEY is not", "set CLERK_PUBLISHABLE_KEY to the same key")


def _environment(name: str, settings: Settings) -> Finding:
    return ok(name, settings.environment)


def _database_url(name: str, settings: Settings) -> Finding:
    return ok(name, "set" if settings.database_url else "not set: the embedded PostgreSQL of development")


def _secret_key(name: str, settings: Settings) -> Finding:
    if settings.secret_key is None:
        return warning(
            name, "not set: sync and check cannot read from Clerk", "copy it from Clerk's dashboard, under API keys"
        )
    return ok(name, f"{settings.secret_key[:8]}…")


def _publishable_key(name: str, settings: Settings) -> Finding:
    key = settings.publishable_key
    if key is None:
        return warning(
            name,
            "not set: the issuer of tokens is not checked, and cookies with a suffix are not read",
            "copy it from Clerk's dashboard, under API keys",
        )
    return ok(name, f"{key.value[:8]}… of {key.frontend_api}")


def _jwt_key(name: str, settings: Settings) -> Finding:
    if settings.jwt_key is not None:
        return ok(name, "an RSA public key: tokens are verified without the network")
    if settings.secret_key or settings.publishable_key:
        return ok(name, "not set: keys come from Clerk's key set")
    return wrong(
        name,
        "not set, and there is no other source of keys: every session is answered 503",
        "set CLERK_SECRET_KEY, CLERK_PUBLISHABLE_KEY or CLERK_JWT_KEY",
    )


def _signing_secret(name: str, settings: Settings) -> Finding:
    number = len(settings.webhook_signing_secrets)
    if number == 0:
        return wrong(
            name,
            "not set: every webhook is answered 503",
            "copy the Signing Secret, whsec_…, of the endpoint in Clerk's dashboard, under Webhooks",
        )
    return ok(name, "set" if number == 1 else f"{number} secrets")


def _authorized_parties(name: str, settings: Settings) -> Finding:
    parties = settings.authorized_parties
    if not parties:
        return warning(
            name,
            "not set: tokens of any front end are accepted",
            "list the origins of your front ends, as in production",
        )
    return ok(name, ", ".join(parties))


def _missing_azp(name: str, settings: Settings) -> Finding:
    if settings.missing_azp is MissingAzp.ALLOW:
        return warning(
            name,
            "allow: tokens without azp are accepted",
            "unset it, unless you use tokens made by Clerk's Backend API",
        )
    return ok(name, settings.missing_azp)


def _issuer(name: str, settings: Settings) -> Finding:
    if settings.issuer is None:
        return warning(
            name,
            "not known: tokens of any issuer with our key are accepted",
            "set CLERK_PUBLISHABLE_KEY, which names it",
        )
    key = settings.publishable_key
    if key is not None and settings.issuer != key.issuer:
        found = f"{settings.issuer}; the publishable key says {key.issuer}"
        return warning(name, found, "unset it, unless you proxy Clerk")
    return ok(name, settings.issuer)


def _api_url(name: str, settings: Settings) -> Finding:
    return ok(name, settings.api_url)


def _schema(name: str, settings: Settings) -> Finding:
    return ok(name, settings.schema)


def _port(name: str, settings: Settings) -> Finding:
    return ok(name, str(settings.port))


def _web_concurrency(name: str, settings: Settings) -> Finding:
    return ok(name, str(settings.web_concurrency))


def _metrics_token(name: str, settings: Settings) -> Finding:
    if settings.metrics_token is None:
        if settings.is_production:
            return warning(name, "not set: /metrics answers 404", "set it to 32 random characters for Prometheus")
        return ok(name, "not set: /metrics needs no token outside production")
    if len(settings.metrics_token) < SHORTEST_METRICS_TOKEN:
        return warning(name, "short enough to be guessed", "set it to 32 random characters")
    return ok(name, "set")


def _log_level(name: str, settings: Settings) -> Finding:
    if settings.log_level in ("WARNING", "ERROR", "CRITICAL"):
        return warning(
            name, f"{settings.log_level}: requests and deliveries are not logged", "set it to INFO, the default"
        )
    return ok(name, settings.log_level)


def _log_format(name: str, settings: Settings) -> Finding:
    if settings.is_production and settings.log_format is LogFormat.CONSOLE:
        return warning(name, "console: log collectors cannot parse these lines", "unset it: production writes JSON")
    return ok(name, settings.log_format)


_VARIABLES: dict[str, CheckVariable] = {
    "CLERK_SYNC_ENV": _environment,
    "DATABASE_URL": _database_url,
    "CLERK_SECRET_KEY": _secret_key,
    "CLERK_PUBLISHABLE_KEY": _publishable_key,
    "CLERK_JWT_KEY": _jwt_key,
    "CLERK_WEBHOOK_SIGNING_SECRET": _signing_secret,
    "CLERK_AUTHORIZED_PARTIES": _authorized_parties,
    "CLERK_MISSING_AZP": _missing_azp,
    "CLERK_ISSUER": _issuer,
    "CLERK_API_URL": _api_url,
    "CLERK_SYNC_SCHEMA": _schema,
    "PORT": _port,
    "WEB_CONCURRENCY": _web_concurrency,
    "METRICS_TOKEN": _metrics_token,
    "LOG_LEVEL": _log_level,
    "LOG_FORMAT": _log_format,
}
VARIABLES = tuple(_VARIABLES)
