"""The wheel is complete: the installed package migrates and serves without the source tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import requests

from clerk_sync.emulator import LocalClerk
from tests.deploy.load import mixed_traffic
from tests.stage.postgres import PostgresServer
from tests.stage.servers import wait_for
from tests.stage.service import ROOT, environment_for, free_port

SOURCES = ("setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy because a build leaves files in the source tree."""
    copy = tmp_path_factory.mktemp("source")
    for folder in ("clerk_sync", "migrations"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in SOURCES:
        shutil.copy(ROOT / file, copy)
    wheels = tmp_path_factory.mktemp("wheels")
    pip("wheel", "--no-build-isolation", "--wheel-dir", str(wheels), str(copy))
    (built,) = wheels.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with only the installed package. Its dependencies come from the test environment."""
    folder = tmp_path_factory.mktemp("site")
    pip("install", "--no-compile", "--target", str(folder), str(wheel))
    return folder


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*command, arguments[0], "--no-deps", "--no-index", *arguments[1:]], check=True)


def test_the_wheel_carries_every_file_and_no_other(wheel: Path) -> None:
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = {f"clerk_sync/{name}" for name in files_in(ROOT / "clerk_sync")}
    migrations = {f"clerk_sync/migrations/{name}" for name in files_in(ROOT / "migrations")}
    assert carried == package | migrations


def files_in(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_installed_package_migrates_and_serves(
    installed: Path, clerk: LocalClerk, postgres: PostgresServer, tmp_path: Path
) -> None:
    port = free_port()
    environment = environment_for(clerk, postgres.create_database("installed")) | {
        "PYTHONPATH": str(installed),
        "PORT": str(port),
    }
    python = [sys.executable, "-P", "-m"]

    def run(*command: str) -> str:
        return subprocess.run(
            [*python, *command], env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    run("flask", "--app", "clerk_sync.wsgi", "db", "upgrade")
    run("flask", "--app", "clerk_sync.wsgi", "shop", "load-products")
    server = ["clerk_sync.start", "granian", "--interface", "wsgi", "--port", str(port), "--factory"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*python, *server, "clerk_sync.wsgi:serve"], env=environment, cwd=tmp_path, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: is_ready(url), "the installed form to be ready")
        assert requests.get(f"{url}/api/products", timeout=10).json()["products"]
        assert requests.get(f"{url}/api/docs", timeout=10).status_code == 200
        for request in (mixed_traffic(clerk)() for _ in range(20)):
            answer = requests.request(
                request.method, url + request.path, headers=request.headers, data=request.body, timeout=10
            )
            assert answer.status_code == 200, answer.text
    finally:
        process.terminate()
        process.wait(10)


def is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=10).status_code == 200
    except requests.ConnectionError:
        return False
