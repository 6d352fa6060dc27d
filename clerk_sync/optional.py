"""Optional dependencies: what is installed, and one sentence about what to install.

``setup.cfg`` lists the extras. A plain ``pip install clerk_sync`` has what ``ClerkSync`` needs in another application.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec


class MissingDependencyError(ImportError):
    """A library is not installed. The text says which one, and what to install."""


def is_installed(*modules: str) -> bool:
    """Return whether every one of the top-level ``modules`` can be imported. It imports none of them."""
    return all(module in sys.modules or find_spec(module) is not None for module in modules)


def require(*modules: str, extra: str, user: str) -> None:
    """Raise MissingDependencyError if one of ``modules`` is not installed. ``user`` is the part that needs them."""
    missing = [module for module in modules if not is_installed(module)]
    if missing:
        raise MissingDependencyError(f"{user} needs {' and '.join(missing)}: {how_to_install(extra)}", name=missing[0])


def require_driver() -> None:
    """Raise MissingDependencyError if there is no PostgreSQL driver."""
    if not is_installed("psycopg2"):
        raise MissingDependencyError(
            f"clerk_sync needs psycopg2: {how_to_install('binary')} Or install psycopg2, which is built from source.",
            name="psycopg2",
        )


def how_to_install(extra: str) -> str:
    """Return the sentence that says how to install ``extra``."""
    return f"install it with pip install 'clerk_sync[{extra}]'."
