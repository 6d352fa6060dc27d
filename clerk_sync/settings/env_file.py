"""Lets ``flask`` refuse a .env file that is not UTF-8 text, in one sentence instead of a traceback.

``flask`` reads .env before it loads any code of ours. Earlier runs only what Python runs at its own start: the lines of
.pth files in site-packages.

1. ``make`` calls this module as a program. It writes such a file into the virtual environment of this checkout.
2. The file's line loads this module in every process of ``flask``, and in no other.
3. ``watch`` puts a check in front of the function with which ``flask`` reads .env, .flaskenv and what ``-e`` names.

A wheel does not bring the .pth file: the ``flask`` of other projects is not ours to change.
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
    """From now on end this process with a sentence if python-dotenv is to read a file that is not UTF-8 text."""
    import dotenv

    read = dotenv.dotenv_values

    def dotenv_values(path: str, **options: Any) -> dict[str, str | None]:
        if problem := find_problem(Path(path)):
            sys.stderr.write(f"{path}: {problem}\n")
            sys.exit(EXIT_STATUS)
        # Editors on Windows begin the file with a byte order mark, which would become a part of the first name.
        return read(path, **options | {"encoding": "utf-8-sig"})

    dotenv.dotenv_values = dotenv_values  # type: ignore[assignment]  # flask calls it with a path and an encoding


def find_problem(path: Path) -> str | None:
    """Return a sentence about what is wrong with the file, or None. It quotes nothing: the file holds secrets."""
    if not path.is_file():
        return None  # a named pipe can be read once only
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
