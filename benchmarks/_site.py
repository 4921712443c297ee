"""A service that can take load, for measurements: Caddy itself, which answers with the version it was released as."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._engine import Bench, docker, remove_images

_CADDY = Path(sys.executable).parent / "caddy"
_BASE = "copilot-bench-caddy"

MANIFEST = """\
name: {name}
type: Load Balanced Web Service
image: {{build: Dockerfile, port: 8080}}
cpu: 1024
memory: 256
http:
  path: {path}
  healthcheck: {{path: /, grace_period: 2s}}
"""

PIPELINE = """\
name: bench
version: 1
source:
  provider: Git
  properties: {{repository: {remote}, branch: main}}
build: {{buildspec: copilot/buildspec.yml}}
stages:
"""

BUILDSPEC = """\
version: 0.2
phases:
  post_build:
    commands: [copilot pipeline build --output-dir infrastructure]
artifacts:
  files: [infrastructure/*]
"""


@contextmanager
def base_image(runtime: str) -> Iterator[None]:
    """On docker, an image with Caddy at the very path that it has on this machine, so that one Dockerfile fits both runtimes."""
    if runtime != "docker":
        yield
        return
    with tempfile.TemporaryDirectory(prefix="copilot-bench-") as folder:
        shutil.copy(_CADDY, folder)
        Path(folder, "Dockerfile").write_text(f"FROM scratch\nCOPY caddy {_CADDY}\n")
        docker("build", "--quiet", "--tag", _BASE, folder)
    try:
        yield
    finally:
        remove_images(_BASE)


def write_site(bench: Bench, services: int = 1) -> None:
    """Write a repository with services ``web``, ``web2``, … and a pipeline through all environments."""
    dockerfile = (
        f'FROM {_BASE}\nWORKDIR /site\nCOPY Caddyfile ./\nEXPOSE 8080\nCMD ["{_CADDY}", "run", "--config", "Caddyfile"]\n'
    )
    stages = "".join(f"  - name: {e.name}\n" for e in bench.engine.environments("bench"))
    bench.write(
        {
            "Dockerfile": dockerfile,
            "copilot/.workspace": "application: bench\nengine: local\n",
            "copilot/pipeline.yml": PIPELINE.format(remote=bench.remote) + stages,
            "copilot/buildspec.yml": BUILDSPEC,
        }
    )
    for number in range(1, services + 1):
        name = "web" if number == 1 else f"web{number}"
        path = "/" if number == 1 else f"/{name}"
        bench.write({f"copilot/{name}/manifest.yml": MANIFEST.format(name=name, path=path)})


_CADDYFILE = """\
{{
  admin off
  persist_config off
  auto_https off
}}
:{{$PORT}} {{
  respond "{version}" {status}
}}
"""


def write_version(bench: Bench, version: str, status: int = 200) -> None:
    """Make another version: it answers every request with its name, and this status."""
    bench.write({"Caddyfile": _CADDYFILE.format(version=version, status=status)})


def url(bench: Bench, environment: str = "test") -> str:
    """Where an environment's front door answers."""
    return next(e.url for e in bench.engine.environments("bench") if e.name == environment and e.url)
