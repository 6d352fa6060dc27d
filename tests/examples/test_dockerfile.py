"""The Dockerfile and the servers of docs/embed.md are about the files of the example."""

from __future__ import annotations

import json
import re
import shlex

from tests.conftest import ROOT
from tests.deploy.declared import plain
from tests.examples.conftest import PROJECTS

DOCKERFILE = (PROJECTS / "Dockerfile").read_text()


def test_every_copied_file_exists() -> None:
    copied = [word for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]]
    assert [name for name in copied if not name.startswith("dist/") and not (PROJECTS / name).exists()] == []


def test_the_image_starts_the_server_that_the_document_names() -> None:
    (started,) = re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)
    (written,) = re.findall(r"^gunicorn .+$", (ROOT / "docs" / "embed.md").read_text(), re.MULTILINE)
    assert shlex.join(json.loads(started)).replace("0.0.0.0", "127.0.0.1") == shlex.join(shlex.split(written))


def test_every_library_that_the_example_imports_is_in_its_requirements() -> None:
    lines = (PROJECTS / "requirements.txt").read_text().splitlines()
    listed = {plain(line) for line in lines if not line.startswith("#")}
    roots = re.findall(r"^from (flask\w*|opentelemetry\.\w+)", (PROJECTS / "app.py").read_text(), re.MULTILINE)
    wanted = {plain(root.replace(".instrumentation", ".instrumentation-flask")) for root in roots}
    assert wanted <= listed
