"""Makes ``flask`` report a .env file that is not UTF-8 text in one sentence, without a traceback.

``flask`` reads .env before it loads the application. Only .pth files in site-packages run earlier.

1. ``make`` runs this module as a program. It writes a .pth file into the virtual environment of this checkout.
2. The line in that file loads this module in every ``flask`` process, and in no other process.
3. ``watch`` adds a check to the function that reads .env, .flaskenv and the file given with ``-e``.

A wheel has no .pth file, because it would change ``flask`` for other projects.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Any

EXIT_STATUS = 2

_LINE = (
    "import os, sys; path = {path!r}; 'flask' in map(os.path.basename, sys.orig_argv[1:4])"
    " and os.path.exists(path) and __import__('runpy').run_path(path)['watch']()\n"
)


def watch() -> None:
    """Make this process exit with one sentence when python-dotenv reads a file that is not UTF-8 text."""
    import dotenv

    read = dotenv.dotenv_values

    def dotenv_values(path: str, **options: Any) -> dict[str, str | None]:
        if problem := find_problem(Path(path)):
            sys.stderr.write(f"{path}: {problem}\n")
            sys.exit(EXIT_STATUS)
        # Some editors on Windows write a byte order mark. Without "-sig" it would become part of the first name.
        return read(path, **options | {"encoding": "utf-8-sig"})

    dotenv.dotenv_values = dotenv_values  # type: ignore[assignment]  # flask calls it with a path and an encoding


def find_problem(path: Path) -> str | None:
    """Return a sentence that says what is wrong with the file, or None. It quotes nothing: the file has secrets."""
    if not path.is_file():
        return None  # a named pipe can be read only once
    try:
        data = path.read_bytes()
    except OSError as error:
        return f"The file cannot be read: {error.strerror}."
    for number, line in enumerate(data.split(b"\n"), start=1):
        try:
            if "\0" in line.decode():
                return f"Line {number} has a NUL character. Save the file as UTF-8, not as UTF-16."
        except UnicodeDecodeError:
            return f"Line {number} is not UTF-8. Save the file as UTF-8."
    return None


def main() -> None:
    """Write the .pth file into the site-packages of this Python."""
    path = Path(sysconfig.get_path("purelib")) / "clerk_sync_env_file.pth"
    path.write_text(_LINE.format(path=str(Path(__file__).resolve())), encoding="utf-8")


if __name__ == "__main__":
    main()
