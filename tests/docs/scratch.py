"""A repository, a remote and an engine of their own, in which the blocks of a document are run as a reader would."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML

from copilot.aws.overrides import check_overrides
from copilot.aws.templates.workload.addon_folder import read_addons
from copilot.engine import LocalEngine
from copilot.errors import CopilotError, ManifestError
from copilot.local.client import connect, server_status, stop_server
from copilot.local.frontdoor.caddy import Caddy
from copilot.local.home import Home
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.environment import EnvironmentManifest
from copilot.manifest.loader import parse
from copilot.manifest.pipeline import PipelineManifest
from copilot.manifest.workload import load_workload
from copilot.manifest.workspace_file import WorkspaceFile
from copilot.release.planner import plan
from copilot.workload_checks import engine_faults
from copilot.workspace import EngineName
from tests import gitrepo
from tests.docs.blocks import Block

DEADLINE = 60.0
READER = "/home/ana"
"""Where a document says that its reader's files are."""

SUBSTITUTIONS = {
    # On a terminal these ask; here they are told.
    "copilot pipeline approve": "copilot pipeline approve --yes",
    "copilot secret init --name API_KEY": "copilot secret init --name API_KEY --values test=for-test,prod=for-prod",
    "copilot secret init --name STRIPE_KEY": "copilot secret init --name STRIPE_KEY --values test=for-test",
}
"""Whole command lines that are run in another way, each for a reason given above it."""

WAITS_FOR_CONNECTION = "Waiting until connection"
WAITS_FOR_APPROVAL = "copilot pipeline approve"
"""What commands print when a person must act."""

_WATCH = re.compile(r"copilot pipeline status.* --watch")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Done:
    """What a command line came to."""

    exit_code: int
    output: str


@dataclass(frozen=True)
class Hosted:
    """A repository that people reach at a host, and pipelines on AWS too.

    Attributes:
        url: Where it is.
        bare: The repository on this disk that is meant by that.
        allow_connection: Does what a person does in the console: allows the pipeline's connection.
        until_noticed: Waits until a pipeline on AWS, if there is one, has begun to release a commit.
    """

    url: str
    bare: Path
    allow_connection: Callable[[], None]
    until_noticed: Callable[[str], None]


class Scratch:
    """The folder of one document: ``shop``, a checkout; ``shop.git``, its remote; ``home``, the engine's."""

    def __init__(self, folder: Path, application: Path, engine: EngineName = "local", hosted: Hosted | None = None) -> None:
        """Make the repository, with the files of an application pushed; ``hosted`` is where, if not on this disk."""
        folder.mkdir()
        self.engine = engine
        self.hosted = hosted
        self.folder = folder
        self.home = Home(folder / "home")
        self.checkout = folder / "shop"
        self.current = self.checkout
        remote = folder / "shop.git" if hosted is None else hosted.bare
        settings = "[user]\nname = Ana\nemail = ana@example.com\n[init]\ndefaultBranch = main\n"
        if hosted is not None:
            settings += f'[url "{remote}"]\npushInsteadOf = {hosted.url}\n'
        (folder / "gitconfig").write_text(settings)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "COPILOT_", "CODEBUILD_"))},
            "COPILOT_HOME": str(self.home.root),
            "COPILOT_SECRETS": "file",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": str(folder),
            "COLUMNS": "160",
            "GITHUB_TOKEN": "ghp_of_nobody",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        shutil.copytree(application, self.checkout, ignore=shutil.ignore_patterns("__pycache__"))
        gitrepo.run(folder, "init", "--quiet", "--bare", str(remote))
        for words in ("init --quiet", f"remote add origin {remote if hosted is None else hosted.url}", "add --all"):
            gitrepo.run(self.checkout, *words.split())
        gitrepo.run(self.checkout, "commit", "--quiet", "--message", "Sell things")
        done = self.run("git push --quiet --set-upstream origin main")
        assert done.exit_code == 0, done.output

    def close(self) -> None:
        """Stop everything that the document started."""
        if server_status(self.home) is not None:
            engine = connect(self.home, start=False)
            for application in engine.applications():
                engine.delete_application(application.name)
        if self.home.root.exists():
            stop_server(self.home)
            Caddy(self.home).stop()

    def play(self, block: Block) -> None:
        """Do what a block says. Raises AssertionError if it does not do what the document says it does."""
        if block.marker == "not run":
            return
        if block.language in {"sh", "console"}:
            self._run_shell(block)
        elif block.marker == "answer":
            compare_shapes(json.loads(block.text), json.loads(self.run(block.about).output), block.place)
        elif block.marker == "file":
            path = self.checkout / block.about
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
            if block.language == "yaml":
                check(path.read_text(), block.about, self.engine)
        elif block.language == "yaml":
            self._take_yaml(block)

    def run(self, line: str) -> Done:
        """Run one command line where the last one left off. A watch is interrupted, as with ctrl-C, when a person must act."""
        line = SUBSTITUTIONS.get(line, line).replace(READER, str(self.folder))
        watching = _WATCH.search(line) is not None
        where = self.folder / "where"
        process = subprocess.Popen(
            ["bash", "-c", f"{'exec ' if watching else ''}{line}\nstatus=$?; pwd >{where}; exit $status"],
            cwd=self.current,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            if self.hosted is None:
                interrupted = watching and self._interrupt_when_waiting(process)
                output, _ = process.communicate(timeout=DEADLINE)
            else:
                interrupted, output = self._answering(process, self.hosted, watching=watching)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        if where.exists():
            self.current = Path(where.read_text().strip())
        if self.hosted is not None and "git push" in line:
            self.hosted.until_noticed(gitrepo.run(self.checkout, "rev-parse", "HEAD"))
        return Done(0 if interrupted and process.returncode == 130 else process.returncode, _ESCAPES.sub("", output))

    def _run_shell(self, block: Block) -> None:
        wanted = int(block.about) if block.marker == "exit" else 0
        printed = ""
        for number, line in enumerate(block.commands, 1):
            done = self.run(line)
            printed += done.output
            expected = wanted if number == len(block.commands) else 0
            assert done.exit_code == expected, f"{block.place}: `{line}`: exit {done.exit_code}\n{done.output}"
        compare_lines(block.output if block.language == "console" else [], self._as_read(printed), block.place)

    def _as_read(self, text: str) -> str:
        return text.replace(str(self.folder), READER)

    def _answering(self, process: subprocess.Popen[str], hosted: Hosted, *, watching: bool) -> tuple[bool, str]:
        """Read what is printed until the end, and do what a person does who reads it; whether a watch was left, and the text."""
        assert process.stdout is not None
        lines, interrupted = [], False
        deadline = threading.Timer(DEADLINE, process.kill)
        deadline.start()
        try:
            for line in process.stdout:
                lines.append(line)
                if WAITS_FOR_CONNECTION in line:
                    hosted.allow_connection()
                elif watching and WAITS_FOR_APPROVAL in line:
                    interrupted = True
                    process.send_signal(signal.SIGINT)
            process.wait()
        finally:
            deadline.cancel()
            process.stdout.close()
        return interrupted, "".join(lines)

    def _interrupt_when_waiting(self, process: subprocess.Popen[str]) -> bool:
        engine = connect(self.home, start=False)
        deadline = time.monotonic() + DEADLINE
        while process.poll() is None:
            assert time.monotonic() < deadline, "the execution takes too long"
            if someone_must_act(engine):
                # A moment, so that the view shows it before it is left.
                time.sleep(0.3)
                process.send_signal(signal.SIGINT)
                return True
            time.sleep(0.05)
        return False

    def _take_yaml(self, block: Block) -> None:
        path = self.checkout / block.about
        here = path.exists() and block.marker in {"in", "refused"}
        text = completed(path.read_text() if here else base_of(block.about), block.text)
        if block.marker == "refused":
            refuse(text, block.about, block.place, self.engine)
        else:
            check(text, block.about, self.engine)
        if here:
            path.write_text(text)
        assert here or block.marker != "in", f"{block.place}: there is no {block.about} at this point of the document"


def someone_must_act(engine: LocalEngine) -> bool:
    """Whether an execution of any pipeline waits for approval."""
    return any(engine.promotions(app.name, p.name) for app in engine.applications() for p in engine.pipelines(app.name))


BASES: Mapping[str, str] = {
    "pipeline": (
        "name: shop\nsource: {provider: Git, properties: {repository: /srv/git/shop.git, branch: main}}\nstages: [{name: test}]\n"
    ),
    "buildspec": "version: 0.2\nphases: {build: {commands: [make]}}\n",
    "workload": "name: web\ntype: Load Balanced Web Service\nimage: {build: Dockerfile, port: 8080}\nhttp: {path: /}\n",
    "backend": "name: api\ntype: Backend Service\nimage: {build: api/Dockerfile, port: 8080}\n",
    "workspace": "application: shop\n",
    "environment": "name: test\ntype: Environment\n",
}
"""What an example that shows only some keys of a file is completed from."""


def kind_of(path: str) -> str:
    """Which kind of file stands at that path of a repository."""
    name = Path(path).name
    if name == ".workspace":
        return "workspace"
    if Path(path).parent.name == "overrides":
        return "overrides"
    if name == "pipeline.yml" or path.startswith("copilot/pipelines/"):
        return "buildspec" if name == "buildspec.yml" else "pipeline"
    if path.startswith("copilot/environments/"):
        return "environment"
    if Path(path).parent.name == "addons":
        return "addons"
    if name == "manifest.yml":
        return "backend" if Path(path).parent.name == "api" else "workload"
    return "buildspec"


def base_of(path: str) -> str:
    """What completes an example of the file at that path."""
    return BASES[kind_of(path)]


def completed(base: str, keys: str) -> str:
    """A YAML text with keys set; the value of one that is there already is replaced."""
    yaml = YAML()
    yaml.width = 1000
    document: Any = yaml.load(base)
    document.update(yaml.load(keys))
    out = StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def check(text: str, path: str, engine: EngineName = "local") -> None:
    """Raise unless the loader takes this text for the file at that path, a pipeline makes a plan, and AWS can run a workload."""
    kind = kind_of(path)
    if kind == "pipeline":
        manifest = parse(text, PipelineManifest, path).model
        plan(manifest, application="shop", workloads=["api", "web"], manifest_folder="copilot")
    elif kind == "buildspec":
        parse(text, Buildspec, path)
    elif kind == "workspace":
        parse(text, WorkspaceFile, path)
    elif kind == "environment":
        parse(text, EnvironmentManifest, path)
    elif kind == "addons":
        _check_addons(text, path)
    elif kind == "overrides":
        _check_overrides(text, path)
    else:
        _check_workload(text, path, engine)


def _check_workload(text: str, path: str, engine: EngineName) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "manifest.yml"
        file.write_text(text)
        document = load_workload(file, shown_as=path)
        if engine == "aws":
            found = [
                fault
                for each in ("test", "prod")
                for fault in engine_faults(document, application="shop", environment=each, engine=engine)
            ]
            if found:
                raise ManifestError(found)


def _check_addons(text: str, path: str) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / Path(path).name).write_text(text)
        read_addons(Path(folder))


def _check_overrides(text: str, path: str) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / Path(path).name).write_text(text)
        found = check_overrides(Path(folder))
        if found:
            raise ManifestError(found)


def refuse(text: str, path: str, place: str, engine: EngineName = "local") -> None:
    """Raise unless the loader, or the plan, refuses this text."""
    try:
        check(text, path, engine)
    except (ManifestError, CopilotError):
        return
    raise AssertionError(f"{place}: nothing is wrong with this {path}")


def masked(line: str) -> str:
    """A line of output without what is different each time: numbers, commits, digests, times."""
    line = re.sub(r"sha256:[0-9a-f]+", "sha256:#", line)
    line = re.sub(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b", "#", line)
    line = re.sub(r"just now|\d+ (?:s|min) ago", "ago", line)
    line = re.sub(r"\b(?:\d+ (?:h|min) )?\d+(?:\.\d+)? s\b", "# s", line)
    return " ".join(re.sub(r"\d+(?:\.\d+)*", "#", line).split())


def compare_lines(documented: list[str], printed: str, place: str) -> None:
    """Raise unless every documented line is printed, in this order. ``…`` stands for lines that are left out."""
    actual = iter([masked(line) for line in printed.splitlines()])
    for line in documented:
        if line.strip() == "…":
            continue
        wanted = masked(line)
        assert any(wanted == found for found in actual), f"{place}: this line is not printed here: {line}\n{printed}"


def compare_shapes(documented: Any, actual: Any, place: str, path: str = "") -> None:
    """Raise unless both have the same keys, and values of the same kind where neither is null."""
    if documented is None or actual is None:
        return
    number = (int, float)
    same_kind = type(documented) is type(actual) or (isinstance(documented, number) and isinstance(actual, number))
    assert same_kind, f"{place}: `{path}` is {type(actual).__name__} in the answer"
    if isinstance(documented, dict):
        assert list(documented) == list(actual), f"{place}: `{path or 'the answer'}` has the keys {list(actual)}"
        for key, value in documented.items():
            compare_shapes(value, actual[key], place, f"{path}.{key}".lstrip("."))
    elif isinstance(documented, list) and documented:
        assert actual, f"{place}: `{path}` is empty in the answer"
        compare_shapes(documented[0], actual[0], place, f"{path}[]")
