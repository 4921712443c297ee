"""A registry on loopback in place of ECR's: whatever `docker` is asked about ECR, it is asked about that one.

The emulator of AWS has repositories but takes no images. Building, tagging and pushing are real.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.docker import missing

_PROGRAM = """\
#!{python}
import os, re, subprocess, sys

ECR = re.compile(r"\\d{{12}}[.]dkr[.]ecr[.]([a-z0-9-]+)[.]amazonaws[.]com")
words = sys.argv[1:]
if "login" in words:
    sys.exit(print("Login Succeeded"))  # the one on loopback takes everybody
hosts = {{found[0]: found for word in words for found in ECR.finditer(word)}}
if not hosts:
    os.execv({docker!r}, [{docker!r}, *words])
host = next(iter(hosts))
done = subprocess.run([{docker!r}, *(ECR.sub("{registry}/\\\\1", word) for word in words)], stdin=sys.stdin, capture_output=True)
for stream, text in ((sys.stdout, done.stdout), (sys.stderr, done.stderr)):
    stream.buffer.write(text.replace(f"{registry}/{{hosts[host][1]}}".encode(), host.encode()))
sys.exit(done.returncode)
"""


def lead_to(registry: str, folder: Path) -> Path:
    """Write a `docker` that goes to a registry instead of ECR; the answer is the folder that is to be first on the PATH."""
    docker = shutil.which("docker") or missing("the command `docker` is not installed")
    folder.mkdir()
    program = folder / "docker"
    program.write_text(_PROGRAM.format(python=sys.executable, docker=docker, registry=registry))
    program.chmod(0o755)
    return folder
