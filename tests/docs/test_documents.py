"""Each document, played from its first block to its last: what it says to type works, and prints what it says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from tests.docs.blocks import DOCUMENTS, blocks
from tests.docs.scratch import Scratch

SERVER = """\
import http.server
import os

http.server.HTTPServer(("", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
DOCKERFILE = f'FROM python:3.13-slim\nWORKDIR /app\nCOPY server.py ./\nEXPOSE 8080\nCMD ["{sys.executable}", "server.py"]\n'


@pytest.fixture
def one_service(tmp_path: Path) -> Path:
    """What the README's reader has: a Dockerfile, and something in it."""
    folder = tmp_path / "one-service"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "server.py").write_text(SERVER)
    return folder


@pytest.fixture
def scratch(request: pytest.FixtureRequest, tmp_path: Path, one_service: Path) -> Iterator[Scratch]:
    """A repository for the document, with the demo's application in it, or the README's."""
    with as_file(files("copilot.cli") / "demo_app" / "shop") as shop:
        made = Scratch(tmp_path / "ana", one_service if request.param == "README.md" else shop)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("scratch", "document"), [(d, d) for d in DOCUMENTS], indirect=["scratch"], ids=DOCUMENTS)
def test_a_document_does_what_it_says(scratch: Scratch, document: str) -> None:
    for block in blocks(document):
        scratch.play(block)
