"""``flask`` refuses a .env file that it cannot read, with one sentence, in the environment that ``make`` creates."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import PACKAGE, ROOT
from tests.settings.environments import WITHOUT_RIGHTS_OF_ROOT

UTF_8 = "CLERK_SYNC_ENV=test\nPORT='x'\n"
FLASK = "import sys\nfrom flask.cli import main\n\nsys.exit(main())\n"

Flask = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of such an environment; what is installed comes from where the tests run."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    (site / "0_installed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    (folder / "bin" / "flask").write_text(FLASK)
    makefile = (ROOT / "Makefile").read_text()
    assert "$(BIN)/python -m clerk_sync.settings.env_file" in makefile
    subprocess.run([python, "-m", "clerk_sync.settings.env_file"], cwd=PACKAGE.parent, check=True)
    return python


@pytest.fixture
def flask(python: Path, tmp_path: Path) -> Flask:
    """Run a command that shows which settings were read, in a folder with files of its own."""
    (tmp_path / "wsgi.py").write_text("from clerk_sync.wsgi import app\n")

    def run(*options: str, as_module: bool = False, **environment: str) -> subprocess.CompletedProcess[str]:
        program = ["-m", "flask"] if as_module else [str(python.parent / "flask")]
        own = {name: value for name, value in os.environ.items() if not name.startswith(("CLERK_", "FLASK_", "PORT"))}
        return subprocess.run(
            [*WITHOUT_RIGHTS_OF_ROOT, python, *program, *options, "sync-clerk", "prune", "--older-than", "1d"],
            cwd=tmp_path,
            env={**own, "PYTHONPATH": str(PACKAGE.parent), **environment},
            check=False,
            capture_output=True,
            text=True,
        )

    return run


ODD_FILES = {
    "UTF-16": (UTF_8.encode("utf-16"), "Line 1 is not UTF-8."),
    "UTF-16 without a mark": (UTF_8.encode("utf-16-le"), "Line 1 has a NUL character."),
    "UTF-16, the other way round": (UTF_8.encode("utf-16-be"), "Line 1 has a NUL character."),
    "Latin-1 in a comment": (UTF_8.encode() + "# Café\n".encode("latin-1"), "Line 3 is not UTF-8."),
    "Latin-1 in a value": ("CLERK_ISSUER=Café\n".encode("latin-1"), "Line 1 is not UTF-8."),
    "NUL in a value": (b"PORT=1\0\n", "Line 1 has a NUL character."),
    "NUL in a name": (b"A=1\nPO\0RT=1\n", "Line 2 has a NUL character."),
    "binary": (bytes(range(256)), "Line 1 has a NUL character."),
}


@pytest.mark.parametrize(("content", "problem"), ODD_FILES.values(), ids=ODD_FILES)
def test_a_file_that_is_not_text_is_refused_with_one_sentence(
    flask: Flask, tmp_path: Path, content: bytes, problem: str
) -> None:
    (tmp_path / ".env").write_bytes(content)
    ran = flask()
    assert (ran.returncode, ran.stdout) == (2, "")
    (told,) = ran.stderr.splitlines()
    assert told.startswith(f"{tmp_path / '.env'}: {problem}")


@pytest.mark.parametrize("name", [".env", ".flaskenv", "other.env"])
@pytest.mark.parametrize("as_module", [False, True])
def test_every_file_that_flask_reads_is_checked(flask: Flask, tmp_path: Path, name: str, as_module: bool) -> None:
    (tmp_path / name).write_bytes(b"PORT=\xe9\n")
    ran = flask(*(["-e", name] if name == "other.env" else []), as_module=as_module)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert f"{name}: Line 1 is not UTF-8. Save the file as UTF-8.\n" in ran.stderr


def test_an_unreadable_file_is_refused_with_one_sentence(flask: Flask, tmp_path: Path) -> None:
    (tmp_path / ".env").touch(mode=0)
    ran = flask()
    assert (ran.returncode, ran.stderr) == (2, f"{tmp_path / '.env'}: The file cannot be read: Permission denied.\n")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["without a mark", "with a mark"])
def test_a_text_file_is_read(flask: Flask, tmp_path: Path, mark: bytes) -> None:
    (tmp_path / ".env").write_bytes(mark + "PORT=Café\n".encode())
    ran = flask(PYTHONIOENCODING="utf-8")
    assert ran.returncode == 2
    assert "PORT: found 'Café', expected a whole number" in ran.stderr


def test_a_folder_with_that_name_is_ignored(flask: Flask, tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert "PORT: found 'y'" in flask(PORT="y").stderr


def test_other_programs_do_not_load_the_check(python: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PORT=\xe9\n")
    told = "import sys; found = 'dotenv' in sys.modules; import dotenv; print(found, dotenv.dotenv_values.__module__)"
    ran = subprocess.run([python, "-c", told], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert ran.stdout == "False dotenv.main\n"
