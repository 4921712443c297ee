"""`copilot demo`: a small application goes through the whole pipeline, on this machine, in a folder of its own.

It calls the public commands as a person would type them, so what it shows is what they do.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

import click

from copilot.cli._output import bold, dim, duration, green, out, say
from copilot.cli._root import command
from copilot.errors import CopilotError
from copilot.local.client import connect, server_status, stop_server
from copilot.local.home import Home

_APP = "shop"
_APPROVAL_SECONDS = 60.0
_EXECUTION_SECONDS = 120.0


@command("demo")
@click.option("--keep", is_flag=True, help="Leave everything running afterwards, to look around.")
def demo(keep: bool) -> None:
    """Needs no account and no container engine, and touches nothing outside a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="copilot-demo-")).resolve()
    stage = _Stage(folder)
    begin = time.monotonic()
    try:
        _play(stage)
    except BaseException:
        _clean_up(stage)
        raise
    out(f"\nThat took {duration(time.monotonic() - begin)}.")
    if keep:
        _say_where(stage)
    else:
        _clean_up(stage)
        out(dim("Everything it made is gone again; `copilot demo --keep` leaves it running."))
    out("\nYour own repository is three steps away: see `copilot pipeline init --help`, or the README.")


class _Stage:
    """The folder the demo plays in, and how commands run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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

    def git(self, *arguments: str, shown: bool = True) -> None:
        """Run git in the checkout; its output is shown only when it fails."""
        if shown:
            _show("git", *arguments)
        done = subprocess.run(
            ["git", *arguments], cwd=self.checkout, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CopilotError(f"`git {arguments[0]}` failed", details=done.stderr.splitlines())

    def copilot(self, *arguments: str) -> None:
        """Run one of our commands in the checkout, with its output."""
        _show("copilot", *arguments)
        if self._run(arguments):
            raise CopilotError(f"`copilot {' '.join(arguments)}` failed")

    def watch(self) -> None:
        """Show the newest execution live, until it ends or waits for a person."""
        _show("copilot", "pipeline", "status", "--watch")
        with self._started(("pipeline", "status", "--watch")) as process:
            deadline = time.monotonic() + _EXECUTION_SECONDS
            while process.poll() is None and not self._waits():
                if time.monotonic() > deadline:
                    raise CopilotError("the execution takes too long")
                time.sleep(0.1)
            if process.poll() is None:
                # Let the view show that it waits, before it is left.
                time.sleep(0.4)
                process.send_signal(signal.SIGINT)

    def _waits(self) -> bool:
        engine = connect(self.home, start=False)
        return any(engine.promotions(_APP, p.name) for p in engine.pipelines(_APP))

    def _run(self, arguments: Sequence[str]) -> int:
        with self._started(arguments) as process:
            return process.wait()

    @contextmanager
    def _started(self, arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        sys.stdout.flush()
        process = subprocess.Popen(
            [sys.executable, "-m", "copilot", *arguments], cwd=self.checkout, env=self.environment, stdin=subprocess.DEVNULL
        )
        try:
            yield process
        except BaseException:
            process.terminate()
            raise
        finally:
            process.wait()


def _play(stage: _Stage) -> None:
    _heading("A repository with two services: `web` shows a shop, and asks `api` for its products")
    _make_repository(stage)

    _heading("The application, its environments and its services")
    stage.copilot("app", "init", _APP)
    stage.copilot("env", "init", "--name", "test")
    stage.copilot("env", "init", "--name", "prod")
    stage.copilot(*_svc_init("api", "Backend Service"))
    stage.copilot(*_svc_init("web", "Load Balanced Web Service"))

    _heading("The pipeline: a push goes to test, is tested there, waits for approval, and goes to prod")
    stage.copilot("pipeline", "init", "--environments", "test,prod", "--git-branch", "main", "--url", str(stage.remote))
    _add_tests(stage.checkout / "copilot" / "pipeline.yml")
    out(dim("  (two test commands are added to the stage `test` of copilot/pipeline.yml)"))
    stage.git("add", ".")
    stage.git("commit", "--quiet", "--message", "Open the shop")
    stage.git("push", "--quiet", "origin", "main")
    stage.copilot("pipeline", "update")

    _heading("The first release")
    stage.watch()
    stage.copilot("pipeline", "approve", "--yes", "--comment", "looks good")
    stage.watch()
    _show_environments(stage)

    _heading("Version 2.0 has a mistake: its cart forgets quantities. A push is all it takes")
    _edit(stage.checkout / "api" / "cart.py", " * quantity", "")
    _edit(stage.checkout / "web" / "server.py", 'VERSION = "1.0"', 'VERSION = "2.0"')
    stage.git("commit", "--quiet", "--all", "--message", "Version 2.0, with a faster cart")
    stage.git("push", "--quiet", "origin", "main")
    stage.watch()
    _show_environments(stage)
    out(f"\n{green('✓')} The mistake was stopped by the tests in test; prod still serves the version that passed them.")


def _make_repository(stage: _Stage) -> None:
    with as_file(files("copilot.cli") / "demo_app" / "shop") as source:
        shutil.copytree(source, stage.checkout, ignore=shutil.ignore_patterns("__pycache__"))
    stage.git("init", "--quiet", "--bare", "--initial-branch=main", str(stage.remote), shown=False)
    stage.git("init", "--quiet", "--initial-branch=main", shown=False)
    stage.git("remote", "add", "origin", str(stage.remote), shown=False)
    for path in sorted(p.relative_to(stage.checkout) for p in stage.checkout.rglob("*") if p.is_file()):
        if ".git" not in path.parts:
            out(f"    {path}")


def _svc_init(name: str, kind: str) -> tuple[str, ...]:
    return "svc", "init", "--name", name, "--svc-type", kind, "--dockerfile", f"{name}/Dockerfile"


_TESTS = """\
    test_commands:
      - python3 -m unittest
      - python3 tests/smoke.py "http://$COPILOT_LB_DNS/"
"""


def _add_tests(manifest: Path) -> None:
    text = manifest.read_text("utf-8")
    manifest.write_text(text.replace("  - name: test\n", f"  - name: test\n{_TESTS}", 1), "utf-8")


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    if old not in text:
        raise CopilotError(f"the demo's {path.name} is not what the demo expects")
    path.write_text(text.replace(old, new), "utf-8")


def _show_environments(stage: _Stage) -> None:
    engine = connect(stage.home, start=False)
    for environment in engine.environments(_APP):
        with urllib.request.urlopen(environment.url, timeout=10) as response:  # noqa: S310 - our own loopback address
            text = response.read().decode()
        version = re.search(r"version ([\d.]+)", text)
        revision = next((s.revision for s in engine.service(_APP, "web").environments if s.environment == environment.name), None)
        answer = f"shop version {version[1]}" if version else text[:60]
        out(f"  {environment.name:<5} {environment.url}  {bold(answer)}  commit {(revision or '')[:7]}")


def _clean_up(stage: _Stage) -> None:
    say("Cleaning up…")
    try:
        if server_status(stage.home) is not None:
            engine = connect(stage.home, start=False)
            for application in engine.applications():
                engine.delete_application(application.name)
            stop_server(stage.home)
    finally:
        shutil.rmtree(stage.folder, ignore_errors=True)


def _say_where(stage: _Stage) -> None:
    out(f"\nIt goes on running. To look around:\n\n    export COPILOT_HOME={stage.home.root}\n    cd {stage.checkout}")
    out("    copilot pipeline status\n    copilot svc show --name web\n    copilot pipeline logs TestCommands")
    out(f"\nTo end it:\n\n    copilot app delete --name {_APP} --yes && copilot server stop && rm -r {stage.folder}")


def _heading(text: str) -> None:
    out(f"\n{bold(text)}")


def _show(*words: str) -> None:
    line = " ".join(f"'{word}'" if " " in word else word for word in words)
    out(dim(f"\n  $ {line}"))
