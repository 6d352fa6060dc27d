"""nginx as the router, with the configuration in docs/."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import requests

from tests.stage.service import ROOT, free_port

PROGRAM = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
START_TIMEOUT_S = 10
POLL_S = 0.02

_SURROUNDINGS = """
daemon off;
worker_processes 1;
error_log {directory}/error.log;
pid {directory}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/site.conf;
}}
"""


class Nginx:
    """A router for the two servers on ``ports``; a context manager."""

    def __init__(self, directory: Path, ports: tuple[int, int]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        directory.mkdir()
        self._error_log = directory / "error.log"
        site = (ROOT / "docs" / "nginx.conf").read_text()
        for shown, real in (("127.0.0.1:5001", f"127.0.0.1:{ports[0]}"), ("127.0.0.1:5002", f"127.0.0.1:{ports[1]}")):
            assert site.count(shown) == 1
            site = site.replace(shown, real)
        (directory / "site.conf").write_text(site.replace("listen 8080;", f"listen 127.0.0.1:{self.port};"))
        # If root starts nginx, its worker becomes the user nobody, who cannot read the test's folder.
        user = "user root;" if os.geteuid() == 0 else ""
        (directory / "nginx.conf").write_text(user + _SURROUNDINGS.format(directory=directory))
        assert PROGRAM is not None, "callers skip where it is not installed"
        self._command = [PROGRAM, "-c", str(directory / "nginx.conf"), "-e", str(self._error_log)]

    def __enter__(self) -> Nginx:
        self._process = subprocess.Popen(self._command)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(requests.ConnectionError):
                requests.get(self.url, timeout=10)
                return self
            time.sleep(POLL_S)
        raise TimeoutError(f"nginx did not start:\n{self._error_log.read_text()[-2000:]}")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
