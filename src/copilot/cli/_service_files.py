"""What `svc init` finds in a repository, and the manifest it writes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from copilot.cli.pipeline.scaffold import scalar
from copilot.errors import CopilotError, NotFoundError, UsageError

LOAD_BALANCED = "Load Balanced Web Service"
BACKEND = "Backend Service"
WORKER = "Worker Service"
_DEEPEST = 5
_SKIPPED = frozenset({"node_modules", "vendor", "venv", "__pycache__", "target", "build", "dist", "copilot"})
_DOCKERFILE = re.compile(r"Dockerfile(\..+)?|.+\.Dockerfile")
_EXPOSE = re.compile(r"^\s*EXPOSE\s+(\d+)", re.IGNORECASE | re.MULTILINE)
_NOT_A_DOCKERFILE = (".dockerignore",)


@dataclass(frozen=True)
class ServiceAnswers:
    """What a service's manifest is made of.

    Attributes:
        dockerfile: Path from the repository's root, with slashes; None if there is an ``image`` instead.
        port: The port it listens on; None if nothing connects to it.
        path: Path at the front door; None for a service that has no place there.
        image: A registry's image, such as ``nginx:1.27``.
        topics: Those that a worker subscribes to: pairs of a service and its topic.
    """

    name: str
    type: str
    dockerfile: str | None
    port: int | None
    path: str | None
    image: str | None = None
    topics: tuple[tuple[str, str], ...] = ()


def find_dockerfiles(root: Path) -> list[str]:
    """Paths, from the root, of the Dockerfiles of a repository; those nearest to the root first.

    Hidden folders, folders of dependencies and what is more than five folders deep are not looked at.
    """
    found = []
    for folder, folders, files in os.walk(root):
        relative = Path(folder).relative_to(root)
        deep = len(relative.parts) >= _DEEPEST
        folders[:] = [] if deep else sorted(f for f in folders if not f.startswith(".") and f not in _SKIPPED)
        found += [relative / f for f in files if _DOCKERFILE.fullmatch(f) and not f.endswith(_NOT_A_DOCKERFILE)]
    return [path.as_posix() for path in sorted(found, key=lambda path: (len(path.parts), path))]


def dockerfile_inside(root: Path, given: str, folder: Path) -> str:
    """The path from the root of a Dockerfile that a person named, relative to the folder they are in or to the root.

    Raises:
        NotFoundError: It is not there.
        UsageError: It is outside of the repository.
    """
    candidates = [folder / given, root / given]
    path = next((p for p in candidates if p.is_file()), None)
    if path is None:
        folder_given = any(p.is_dir() for p in candidates)
        hint = f"did you mean `{given.rstrip('/')}/Dockerfile`?" if folder_given else None
        raise NotFoundError(f"`{given}` is {'a folder, not a Dockerfile' if folder_given else 'not there'}", hint=hint)
    path = Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow the links a person keeps on purpose
    if not path.is_relative_to(root):
        raise UsageError(f"`{given}` is outside of the repository `{root}`")
    return path.relative_to(root).as_posix()


def exposed_port(dockerfile: Path) -> int | None:
    """The first port that a Dockerfile exposes, or None."""
    from copilot.local.host.dockerfile import load_dockerfile

    try:
        exposed = load_dockerfile(dockerfile, dockerfile.name).exposed
    except CopilotError:
        # What the host runtime cannot run may still say its port.
        exposed = tuple(int(port) for port in _EXPOSE.findall(dockerfile.read_text("utf-8", "replace")))
    return exposed[0] if exposed else None


def host_runtime_objection(dockerfile: Path, shown_as: str) -> CopilotError | None:
    """Why the host runtime cannot run what this Dockerfile makes; None if it can."""
    from copilot.local.host.dockerfile import load_dockerfile

    try:
        load_dockerfile(dockerfile, shown_as)
    except CopilotError as error:
        return error
    return None


def manifest_text(answers: ServiceAnswers) -> str:
    """A service's manifest: what was answered, and as comments what else is often wanted."""
    head = (
        f"# How `{answers.name}` is built and run. Lines that begin with `#` and a key show what else can be said.\n"
        f"# After editing:  copilot deploy --name {answers.name}   or commit and push.\n\n"
        f"name: {answers.name}\ntype: {answers.type}"
    )
    blocks = [head]
    if answers.path is not None:
        blocks.append(
            "http:\n"
            "  # Requests whose path begins with this reach the service; `/` takes all that no other service does.\n"
            f"  path: {_quoted(answers.path)}\n"
            "  # Asked until it answers 200; only then does the new version serve.\n"
            "  # healthcheck: /healthz"
        )
    blocks.append("\n".join(_image(answers)))
    if answers.type == WORKER:
        blocks.append("\n".join(_subscribe(answers)))
    blocks.append(
        "# How many tasks, and for each: CPU units (1024 are one vCPU) and MiB of memory.\ncount: 1\ncpu: 256\nmemory: 512"
    )
    blocks.append("# Environment variables.\n# variables:\n#   LOG_LEVEL: info")
    blocks.append("# Environment variables with secret values: `copilot secret init` keeps them and prints the lines for here.")
    blocks.append("# What is different in an environment.\n# environments:\n#   prod:\n#     count: 2")
    return "\n\n".join(blocks) + "\n"


def _image(answers: ServiceAnswers) -> Iterator[str]:
    yield "image:"
    if answers.dockerfile is not None:
        yield "  # The Dockerfile, from the repository's root."
        yield f"  build: {scalar(answers.dockerfile)}"
    else:
        yield "  # An image that exists already."
        yield f"  location: {scalar(answers.image or '')}"
    if answers.type == WORKER:
        return
    if answers.port:
        yield "  # The port it listens on; it is told as PORT too, and on the host runtime that one counts."
        yield f"  port: {answers.port}"
    else:
        yield "  # The port it listens on, if something connects to it."
        yield "  # port: 8080"


def _subscribe(answers: ServiceAnswers) -> Iterator[str]:
    yield "# Topics of other services; their messages wait in its queue, whose address is COPILOT_QUEUE_URI."
    lines = ["subscribe:", "  topics:"]
    for service, topic in answers.topics or (("api", "orders"),):
        lines += [f"    - name: {scalar(topic)}", f"      service: {scalar(service)}"]
    yield from lines if answers.topics else (f"# {line}" for line in lines)


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"
