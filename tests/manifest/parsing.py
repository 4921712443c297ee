"""Manifests from short texts, and what is said of bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from copilot.errors import ManifestError
from copilot.manifest.loader import SourceText
from copilot.manifest.workload import parse_workload

WEB = "name: web\ntype: Load Balanced Web Service\nimage: {build: Dockerfile, port: 80}\n"
"""Three lines, without the `http` that it needs."""

API = "name: api\ntype: Backend Service\nimage: {build: Dockerfile}\n"
WORKER = "name: worker\ntype: Worker Service\nimage: {build: Dockerfile}\n"
JOB = "name: job\ntype: Scheduled Job\nimage: {build: Dockerfile}\non: {schedule: none}\n"


def parsed(text: str) -> Any:
    """The manifest; any kind of workload, so that tests need not tell which."""
    return parse_workload(SourceText(Path("manifest.yml"), "manifest.yml", text)).model


def said(text: str) -> list[tuple[str, str, str | None]]:
    """Place (``line:column+length``), message and hint of everything that is wrong."""
    with pytest.raises(ManifestError) as caught:
        parsed(text)
    return [(f"{d.line}:{d.column}+{d.length}", d.message, d.hint) for d in caught.value.diagnostics]


def read_again(manifest: Any) -> Any:
    """The manifest as `svc show --manifest` prints it, read again."""
    written = manifest.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"environments"})
    return type(manifest).model_validate(written)
