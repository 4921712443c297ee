"""Each document, played from its first block to its last: what it says to type works, and prints what it says."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

import boto3
import psutil
import pytest

from copilot.workspace import EngineName
from tests.aws.pipelines.conftest import allow_connection
from tests.docker import BASE, busybox, context
from tests.docs import ecr
from tests.docs.blocks import DOCUMENTS, ROOT, blocks
from tests.docs.scratch import DEADLINE, Hosted, Scratch
from tests.registry import serve

SERVER = """\
import http.server
import os

http.server.HTTPServer(("", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
DOCKERFILE = f'FROM python:3.13-slim\nWORKDIR /app\nCOPY server.py ./\nEXPOSE 8080\nCMD ["{sys.executable}", "server.py"]\n'

CONTAINERS, AWS, PIPELINES = "docs/containers.md", "docs/aws.md", "docs/pipelines-on-aws.md"
IMAGES = ("api", "web", "report", "mailer")
"""Folders with a Dockerfile in the document about AWS."""

PROFILE = "[profile shop-prod]\nrole_arn = arn:aws:iam::210987654321:role/Admin\ncredential_source = Environment\n"
"""That of another account in the document about AWS."""
SETUP = {
    "docs/reference.md": (
        "copilot app init shop",
        "copilot env init --name test",
        "copilot env init --name prod",
        "copilot svc init --name api --svc-type 'Backend Service' --dockerfile api/Dockerfile",
        "copilot svc init --name web --svc-type 'Load Balanced Web Service' --dockerfile web/Dockerfile",
        "copilot secret init --name API_KEY",
        "copilot pipeline init --environments test,prod",
        """sed -i.old 's/- echo .*/- env | cut -d= -f1/' copilot/buildspec.yml""",
        """sed -i.old 's/- name: test/- {name: test, test_commands: ["env | cut -d= -f1"]}/' copilot/pipeline.yml""",
        "git add copilot && git commit --quiet --message 'Set up' && git push --quiet",
        "copilot pipeline update",
        "copilot pipeline status --watch",
        'mkdir report && echo \'CMD ["echo", "sales of test"]\' | cat web/Dockerfile - >report/Dockerfile && cp web/*.py report/',
        "copilot job init --name report --schedule @daily --dockerfile report/Dockerfile",
        "copilot job deploy --name report --env test",
        "copilot job run --name report --env test",
    ),
}
"""What a document that explains no set-up begins with: the shop's first release waits for approval."""


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
    """A repository for the document, with the demo's application in it, or the README's.

    The document about containers has a container engine, and no more than a README to begin with. The one about AWS has an
    engine too, an account with nothing in it, and a registry. The one about pipelines on AWS has such an account, where what is
    pushed to a repository arrives.
    """
    engine = request.getfixturevalue("docker") if request.param in {CONTAINERS, AWS} else None
    if engine is not None:
        busybox()
    with ExitStack() as stack:
        shop = stack.enter_context(as_file(files("copilot.cli") / "demo_app" / "shop"))
        if request.param == AWS:
            request.getfixturevalue("aws_environment")
            Path(os.environ["AWS_CONFIG_FILE"]).write_text(PROFILE)
            registry = stack.enter_context(serve(tmp_path / "registry"))
            first = ecr.lead_to(registry.host, tmp_path / "bin")
            stack.enter_context(pytest.MonkeyPatch.context()).setenv("PATH", str(first), prepend=os.pathsep)
            shop = images(tmp_path / "images")
        hosted = None
        if request.param == PIPELINES:
            url = request.getfixturevalue("aws_environment")
            hosted = on_github(request.getfixturevalue("repositories_folder"), url)
        own = {"README.md": one_service, CONTAINERS: bare(tmp_path), PIPELINES: smoke_test(tmp_path)}
        engine_name: EngineName = "aws" if request.param in {AWS, PIPELINES} else "local"
        made = Scratch(tmp_path / "ana", own.get(request.param, shop), engine_name, hosted)
        try:
            yield made
        finally:
            made.close()
            if engine is not None:
                engine.clean([made.home])
                engine.ask("image", "rm", *(f"copilot/shop/{name}:latest" for name in IMAGES if request.param == AWS))


def bare(folder: Path) -> Path:
    """An application of which nothing is there yet."""
    made = folder / "bare"
    made.mkdir()
    (made / "README").write_text("A shop.\n")
    return made


def smoke_test(folder: Path) -> Path:
    """An application of which only a test is there: its service is an image of somebody else."""
    made = folder / "tested"
    (made / "tests").mkdir(parents=True)
    (made / "tests" / "smoke.sh").write_text('echo "the shop answers at $1"\n')
    return made


def on_github(folder: Path, emulator: str) -> Hosted:
    """A repository that is on GitHub, as the emulator of AWS sees it."""

    def until_noticed(commit: str) -> None:
        client = boto3.client("codepipeline")
        deadline = time.monotonic() + DEADLINE
        for name in [pipeline["name"] for pipeline in client.list_pipelines()["pipelines"]]:
            while not any(
                revision["revisionId"] == commit
                for execution in client.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
                for revision in execution["sourceRevisions"]
            ):
                assert time.monotonic() < deadline, f"{commit} is not released"
                time.sleep(0.1)

    (folder / "ana").mkdir()
    allow = partial(allow_connection, emulator, "copilot-ana-shop")
    return Hosted("https://github.com/ana/shop.git", folder / "ana" / "shop.git", allow, until_noticed)


def images(folder: Path) -> Path:
    """An application of four Dockerfiles, none of which needs anything to be fetched."""
    for name in IMAGES:
        context(folder / name, f'{BASE}EXPOSE 8080\nCMD ["sh", "-c", "echo {name}"]\n')
    return folder


@pytest.mark.timeout(480)
@pytest.mark.parametrize(("scratch", "document"), [(d, d) for d in DOCUMENTS], indirect=["scratch"], ids=DOCUMENTS)
def test_a_document_does_what_it_says(scratch: Scratch, document: str) -> None:
    for line in SETUP.get(document, ()):
        done = scratch.run(line)
        assert done.exit_code == 0, f"`{line}`: exit {done.exit_code}\n{done.output}"
    if document == "docs/reference.md":
        documented_variables_are_there(scratch)
    for block in blocks(document):
        scratch.play(block)


def documented_variables_are_there(scratch: Scratch) -> None:
    """The table of variables against what a build, test commands and a service really had."""
    rows = re.findall(
        r"^\| `(\w+)` \| (✓?) ?\| (✓?) ?\| (✓?) ?\|", (ROOT / "docs" / "reference.md").read_text("utf-8"), re.MULTILINE
    )
    service = json.loads(scratch.run("copilot svc show --name web --json").output)
    found = (
        scratch.run("copilot pipeline logs Build").output.split(),
        scratch.run("copilot pipeline logs TestCommands --stage test").output.split(),
        psutil.Process(service["environments"][0]["tasks"][0]["pid"]).environ(),
    )
    assert len(rows) > 10
    for name, *marks in rows:
        for what, mark, names in zip(("builds", "test commands", "services"), marks, found, strict=True):
            if name != "http_proxy" or "http_proxy" not in os.environ:
                assert (name in names) == bool(mark), f"{name} in the environment of {what}"
