"""`copilot demo`: a small application goes through the whole pipeline, on this machine, in a folder of its own.

It calls the public commands as a person would type them, so what it shows is what they do.
"""

from __future__ import annotations

import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib.resources import as_file, files
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from copilot.cli._output import bold, dim, duration, fields, green, out, progress, wrap
from copilot.cli._root import command
from copilot.errors import CopilotError
from copilot.local.client import connect
from copilot.local.home import Home

_APP = "shop"
_EXECUTION_SECONDS = 120.0
_LOOK_AGAIN = 0.1
_SEEN_SECONDS = 1.5
"""How long the waiting approval stays on the screen of a terminal before the demo says yes."""
_ENDS = (signal.SIGTERM, signal.SIGHUP)
_TESTS = """\
    test_commands:
      - python3 -m tests.prices
      - python3 tests/smoke.py "http://$COPILOT_LB_DNS/"
"""


@command("demo")
@click.option(
    "--runtime",
    type=click.Choice(["host", "docker"]),
    default="host",
    show_default=True,
    help="Run the services as processes of this machine, or in containers; nothing is pulled for them.",
)
@click.option("--keep", is_flag=True, help="Leave everything running afterwards, to look around.")
def demo(runtime: str, keep: bool) -> None:
    """Needs no account and, unless told otherwise, no container engine; touches nothing outside a temporary folder."""
    begin = time.monotonic()
    with _ended_by_signals():
        stage = _Stage(Path(tempfile.mkdtemp(prefix="copilot-demo-")).resolve(), runtime)
        try:
            _play(stage)
        except BaseException:
            _clean_up(stage)
            raise
        if keep:
            _say_where(stage)
        else:
            _clean_up(stage)
            out(dim(f"\nThat took {duration(time.monotonic() - begin)}, and everything it made is gone again."))
    out("\nTo look around in it      copilot demo --keep\nFor your own repository   copilot pipeline init --help")


class _Stage:
    """The folder the demo plays in, and how commands run there."""

    def __init__(self, folder: Path, runtime: str) -> None:
        self.folder = folder
        self.runtime = runtime
        self.made_image = False
        self.home = Home(folder / "home")
        self.remote = folder / "shop.git"
        self.checkout = folder / "shop"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "COPILOT_"))},
            "COPILOT_HOME": str(self.home.root),
            "COPILOT_SECRETS": "file",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ana",
            "GIT_AUTHOR_EMAIL": "ana@example.com",
            "GIT_COMMITTER_NAME": "Ana",
            "GIT_COMMITTER_EMAIL": "ana@example.com",
        }

    def git(self, *arguments: str) -> None:
        """Run git in the checkout, without its output."""
        self._finish(["git", *arguments], f"git {arguments[0]}")

    def copilot(self, *arguments: str) -> str:
        """Show one of our commands and run it in the checkout. The answer is what it answered; its talk is left out."""
        _show(shlex.join(["copilot", *arguments]))
        with progress("Working") if sys.stderr.isatty() else nullcontext():
            return self._finish([*_PROGRAM, *arguments], f"copilot {' '.join(arguments[:2])}")

    def still_copilot(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of our commands without showing it, and out of reach of ctrl-C."""
        return subprocess.run(
            [*_PROGRAM, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )

    def release(self, *, approve: bool, succeeds: bool) -> None:
        """Show an execution live until it ends; where it waits for approval, say yes as if from another terminal."""
        arguments = ("pipeline", "status", "--watch")
        _show(shlex.join(["copilot", *arguments]))
        with self._started(arguments) as process:
            deadline = time.monotonic() + _EXECUTION_SECONDS
            while process.poll() is None:
                if time.monotonic() > deadline:
                    raise CopilotError("the demo's execution takes too long")
                if approve and self._waits():
                    # A person sees in the view that it waits, and for what.
                    time.sleep(_SEEN_SECONDS if sys.stdout.isatty() else 0)
                    self._finish([*_PROGRAM, *_APPROVE], "copilot pipeline approve")
                    approve = False
                time.sleep(_LOOK_AGAIN)
        if process.returncode != (0 if succeeds else 1) or approve:
            raise CopilotError("the demo's execution did not go as the demo expects")

    def _waits(self) -> bool:
        engine = connect(self.home, start=False)
        return any(engine.promotions(_APP, p.name) for p in engine.pipelines(_APP))

    def _finish(self, words: Sequence[str], shown: str) -> str:
        done = subprocess.run(
            words, cwd=self.checkout, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CopilotError(f"`{shown}` failed", details=[*done.stdout.splitlines(), *done.stderr.splitlines()])
        return done.stdout

    @contextmanager
    def _started(self, arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        sys.stdout.flush()
        process = subprocess.Popen([*_PROGRAM, *arguments], cwd=self.checkout, env=self.environment, stdin=subprocess.DEVNULL)
        try:
            yield process
        except BaseException:
            process.terminate()
            raise
        finally:
            process.wait()


_PULLED_IMAGE = "FROM python:3.13-slim\n"
_PROGRAM = (sys.executable, "-m", "copilot")
_APPROVE = ("pipeline", "approve", "--yes", "--comment", "looks good")


def _play(stage: _Stage) -> None:
    _step(1, "A repository with two services", "web shows a shop and asks api for its products. Both are plain Python.")
    _make_repository(stage)
    out(f"  {stage.checkout}, which is pushed to {stage.remote.name} next to it")
    if stage.runtime == "docker":
        _build_on_own_image(stage)

    _step(2, "What there is: an application, two environments, two services")
    stage.copilot("app", "init", _APP)
    stage.copilot("env", "init", "--name", "test", "--runtime", stage.runtime)
    stage.copilot("env", "init", "--name", "prod", "--runtime", stage.runtime)
    stage.copilot("svc", "init", "--name", "api", "--svc-type", "Backend Service", "--dockerfile", "api/Dockerfile")
    stage.copilot("svc", "init", "--name", "web", "--svc-type", "Load Balanced Web Service", "--dockerfile", "web/Dockerfile")

    _step(
        3, "A pipeline: what a push goes through", "Two commands that test what was deployed are added to copilot/pipeline.yml."
    )
    stage.copilot("pipeline", "init", "--environments", "test,prod")
    _add_tests(stage.checkout / "copilot" / "pipeline.yml")
    _commit_and_push(stage, "Open the shop")
    out(stage.copilot("pipeline", "update"), newline=False)

    _step(
        4,
        "The first release: built once, deployed to test, tested there, and held until a person says yes",
        f"The yes comes from another terminal: {shlex.join(['copilot', *_APPROVE])}",
    )
    stage.release(approve=True, succeeds=True)
    _show_environments(stage)

    _step(
        5,
        "Version 2.0 has a mistake: its cart forgets quantities",
        "A push is all it takes to release it, to where its tests fail.",
    )
    _edit(stage.checkout / "api" / "cart.py", " * quantity", "")
    _edit(stage.checkout / "web" / "server.py", 'VERSION = "1.0"', 'VERSION = "2.0"')
    _commit_and_push(stage, "Version 2.0, with a faster cart")
    stage.release(approve=False, succeeds=False)
    _show_environments(stage)
    out(f"\n{green('✓')} The tests stopped the mistake in test; prod still serves the version that passed them.")


def _make_repository(stage: _Stage) -> None:
    with as_file(files("copilot.cli") / "demo_app" / "shop") as source:
        shutil.copytree(source, stage.checkout, ignore=shutil.ignore_patterns("__pycache__"))
    stage.git("init", "--quiet", "--bare", "--initial-branch=main", str(stage.remote))
    stage.git("init", "--quiet", "--initial-branch=main")
    stage.git("remote", "add", "origin", str(stage.remote))


def _build_on_own_image(stage: _Stage) -> None:
    """Let the Dockerfiles begin with an image that is made here, so that nothing has to be pulled."""
    from copilot.cli._demo_image import build_base, image_name
    from copilot.docker.client import Docker

    with progress("Making an image of this machine's Python") if sys.stderr.isatty() else nullcontext():
        stage.made_image = build_base(Docker())
    for service in ("api", "web"):
        _edit(stage.checkout / service / "Dockerfile", _PULLED_IMAGE, f"FROM {image_name()}\n")
    out(f"  Their images begin with {image_name()}, made of this machine's Python; nothing is pulled")


def _commit_and_push(stage: _Stage, message: str) -> None:
    add, commit, push = ("add", "."), ("commit", "--message", message), ("push", "origin", "main")
    _show(" && ".join(shlex.join(["git", *words]) for words in (add, commit, push)))
    for words in (add, commit, push):
        stage.git(*words)


def _add_tests(manifest: Path) -> None:
    _edit(manifest, "  - name: test\n", f"  - name: test\n{_TESTS}")


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    if old not in text:
        raise CopilotError(f"the demo's {path.name} is not what the demo expects")
    path.write_text(text.replace(old, new, 1), "utf-8")


def _show_environments(stage: _Stage) -> None:
    engine = connect(stage.home, start=False)
    rows = []
    for environment in engine.environments(_APP):
        with urllib.request.urlopen(environment.url or "", timeout=10) as response:  # noqa: S310 - our own loopback address
            text = response.read().decode()
        version = re.search(r"version [\d.]+", text)
        if version is None:
            raise CopilotError(f"{environment.url} does not show the demo's page")
        rows.append((f"  {environment.name}", f"{environment.url} shows {bold(version.group())}"))
    out("\n" + fields(rows))


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """While the demo plays, a signal that would end it on the spot is an exception: what it started has to be stopped."""

    def leave(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in _ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _clean_up(stage: _Stage) -> None:
    """Stop and remove all that there is, whatever happens meanwhile.

    Raises:
        CopilotError: Something could not be stopped; then its folder is kept, with which it can be.
    """
    for number in (signal.SIGINT, *_ENDS):
        signal.signal(number, signal.SIG_IGN)
    try:
        if stage.home.root.exists():
            _stop_all(stage)
        if stage.runtime == "docker":
            _remove_images(stage)
        shutil.rmtree(stage.folder, ignore_errors=True)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _stop_all(stage: _Stage) -> None:
    # A server that was just being started is waited for by the first command.
    there = _APP in stage.still_copilot("app", "ls").stdout.split()
    steps = [("app", "delete", "--name", _APP, "--yes")] if there else []
    for step in [*steps, ("server", "stop")]:
        done = stage.still_copilot(*step)
        if done.returncode:
            raise CopilotError(
                "the demo could not clean up after itself", details=done.stderr.splitlines(), hint=f"to do it: {_ending(stage)}"
            )


def _remove_images(stage: _Stage) -> None:
    from copilot.cli._demo_image import remove_base
    from copilot.docker.client import Docker
    from copilot.local.docker.superseded import remove_superseded

    if stage.home.root.exists():
        remove_superseded(stage.home, needed=(), before=math.inf, noticed={})
    if stage.made_image:
        remove_base(Docker())


def _ending(stage: _Stage) -> str:
    home = shlex.quote(str(stage.home.root))
    words = f"COPILOT_HOME={home} sh -c 'copilot app delete --name {_APP} --yes && copilot server stop' && rm -r {stage.folder}"
    if stage.runtime == "host":
        return words
    from copilot.cli._demo_image import image_name
    from copilot.local.docker.names import Names

    mine = f"docker image ls --filter 'reference={Names.of(stage.home).prefix}/*/*' --format '{{{{.Repository}}}}:{{{{.Tag}}}}'"
    return f"{words}\n  docker image rm $({mine}){f' {image_name()}' if stage.made_image else ''}"


def _say_where(stage: _Stage) -> None:
    out(f"\nIt goes on running. To look around:\n\n  export COPILOT_HOME={stage.home.root}\n  cd {stage.checkout}")
    out("  copilot pipeline status\n  copilot svc show --name web\n  copilot pipeline logs TestCommands")
    out(f"\nTo end it:\n\n  {_ending(stage)}")


def _step(number: int, title: str, about: str = "") -> None:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    out(f"\n{bold(wrap(f'{number}. {title}', width))}" + (f"\n{dim(wrap(f'   {about}', width))}" if about else ""))


def _show(line: str) -> None:
    out(f"{dim('$')} {line}")
