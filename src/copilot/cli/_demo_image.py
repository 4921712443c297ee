"""The image that the demo's containers are made of: this machine's own Python, so that nothing is pulled."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from copilot.docker.client import Docker
from copilot.errors import UnsupportedError

_FOUND = re.compile(r"(?:=> |^\s*)(/\S+) \(0x[0-9a-f]+\)", re.MULTILINE)
# What a small server does not need of the standard library: four fifths of it.
_LEFT_OUT = shutil.ignore_patterns(
    *("config-*", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tests", "tkinter", "turtledemo"),
    *("site-packages", "dist-packages", "*.opt-*.pyc"),
    *("_test*.so", "_ctypes_test*.so", "_xxtest*.so", "_tkinter*.so", "_curses*.so", "readline*.so", "nis.*.so"),
)
# Loaded by the C library when names are looked up; since glibc 2.34 they are a part of it.
_NAME_SERVICES = ("libnss_files.so.2", "libnss_dns.so.2")


def image_name() -> str:
    """What the image is called: with the version of Python and the kind of processor."""
    return f"copilot-demo-base:{platform.python_version()}-{platform.machine()}"


def build_base(docker: Docker) -> bool:
    """Make the image of the Python that runs this program, unless it is there; the answer is whether it had to be made.

    Raises:
        EngineUnavailableError: No container engine answers.
        UnsupportedError: This is not Linux: containers could not run this Python.
    """
    docker.check()
    if docker.ask(["image", "inspect", image_name()]).code == 0:
        return False
    if sys.platform != "linux":
        raise UnsupportedError(
            "the demo's containers need a Python for Linux, and this machine's is none",
            hint="`copilot demo --runtime host` needs no containers",
        )
    with tempfile.TemporaryDirectory(prefix="copilot-demo-image-") as name:
        context = Path(name)
        binary = Path(os.path.realpath(_interpreter()))
        libraries = _collect(context / "root", binary)
        folders = ":".join(dict.fromkeys(str(library.parent) for library in libraries))
        # Found by their folders, as there is no cache of the linker in the image.
        lines = ("FROM scratch", "COPY root /", f"ENV PATH={binary.parent} LD_LIBRARY_PATH={folders}", 'CMD ["python"]')
        (context / "Dockerfile").write_text("\n".join(lines) + "\n", "utf-8")
        docker.run(["build", "--quiet", "--tag", image_name(), name], seconds=None)
    return True


def remove_base(docker: Docker) -> None:
    """Delete the image. It is no error if it is not there."""
    docker.ask(["image", "rm", image_name()])


def _interpreter() -> str:
    """The program of this Python, also when it runs in a virtual environment."""
    base: str = getattr(sys, "_base_executable", "") or sys.executable
    return base


def _collect(root: Path, binary: Path) -> Sequence[Path]:
    """Copy the interpreter, its standard library and their shared libraries to where they are here; answers with the last."""
    _copy(root, binary)
    for alias in ("python", "python3"):
        if alias != binary.name:
            (root / binary.parent.relative_to("/") / alias).symlink_to(binary.name)
    for key in dict.fromkeys((sysconfig.get_path("stdlib"), sysconfig.get_config_var("DESTSHARED"))):
        here = Path(key)
        shutil.copytree(here, root / here.relative_to("/"), ignore=_LEFT_OUT, dirs_exist_ok=True)
    modules = (path for path in root.rglob("*.so") if path.is_file())
    libraries = list(dict.fromkeys(_libraries([binary, *modules])))
    for library in libraries:
        _copy(root, library)
    return libraries


def _libraries(programs: Iterable[Path]) -> Iterator[Path]:
    """The shared libraries that programs are loaded with, where the linker finds them."""
    # It fails for a program without any, and says which of several it means.
    done = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False)
    for match in _FOUND.finditer(done.stdout):
        library = Path(match[1])
        yield library
        if library.name == "libc.so.6":
            yield from (other for name in _NAME_SERVICES if (other := library.with_name(name)).exists())


def _copy(root: Path, file: Path) -> None:
    copy = root / file.relative_to("/")
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, copy)
