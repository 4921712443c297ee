"""CodeBuild's builds: they really run, by the runner of buildspecs that the local engine has.

What CodeBuild has and that runner has not is made up here: identifiers, phases with their contexts, a log in CloudWatch.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
import tempfile
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from moto.codebuild.models import codebuild_backends
from moto.core.utils import utcnow

from copilot.errors import CopilotError, ManifestError
from copilot.local.artifacts import ArtifactStore
from copilot.local.buildspec import BuildRequest, BuildResult, BuildRunner, resolve_secrets
from copilot.local.buildspec import run as run_of_buildspecs
from copilot.local.home import Home
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.loader import parse
from tests.aws.pipelines import artifacts, aws_cli
from tests.aws.pipelines.build_logs import CONTAINER_PHASES, FAILED_COMMAND, BuildLog, Phase, failed_command
from tests.aws.pipelines.clients import client, credentials
from tests.aws.pipelines.codebuild import Builds
from tests.aws.pipelines.pipeline import Pipeline
from tests.aws.pipelines.runs import ActionFailedError, ActionRun, Run

_BEFORE = ("SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE")
_UPLOAD = "UPLOAD_ARTIFACTS"
_GRACE = 0.5
"""Seconds between asking a build's processes to end and killing them."""


class Builder:
    """Runs builds; what it needs for them is in a folder of its own."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="emulated-builds-"))
        self._home = Home(self._folder / "builds")
        self._home.create()
        (self._folder / "home").mkdir()
        (self._folder / "bin").mkdir()
        program = self._folder / "bin" / "aws"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {aws_cli.__file__} "$@"\n')
        program.chmod(0o755)
        self._artifacts = ArtifactStore(self._home.artifacts)
        self._runner = BuildRunner(self._home, self._artifacts)
        self._numbers = count(1)
        self._running: set[int] = set()

    def close(self) -> None:
        """End all builds and remove what is left of them."""
        for attempt in list(self._running):
            self._runner.abandon(attempt)
        shutil.rmtree(self._folder, ignore_errors=True)

    def perform(self, pipeline: Pipeline, run: Run, action: ActionRun) -> None:
        """Run the project of an action on its input. Raises ActionFailedError."""
        backend: Any = codebuild_backends[pipeline.account][pipeline.region]
        name = action.resolved["ProjectName"]
        project = backend.codebuild_projects.get(name)
        if project is None:
            arn = f"arn:aws:codebuild:{pipeline.region}:{pipeline.account}:project/{name}"
            message = f"Error calling startBuild: Project cannot be found: {arn}"
            raise ActionFailedError("ConfigurationError", message)
        build = _Build(pipeline, run, action, project.project_metadata, len(backend.build_history[name]) + 1)
        backend.builds[build.id] = build.described
        backend.build_history[name].insert(0, build.id)
        action.external_id, action.log_stream = build.id, build.log.arn
        action.external_url = (
            f"https://console.aws.amazon.com/codebuild/home?region={pipeline.region}#/builds/{build.id}/view/new"
        )
        try:
            with build.log:
                self._run(build)
        finally:
            build.complete()
        _hand_on(build, self._artifacts)

    def _run(self, build: _Build) -> None:
        content = artifacts.read(build.source, build.pipeline.region)
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            artifacts.unpack(content, Path(folder))
            source = self._artifacts.pack_tree(Path(folder))
            try:
                buildspec = _buildspec(build.project, Path(folder))
                secrets = resolve_secrets(buildspec, _secret(build.pipeline.region)) | build.hidden()
            except CopilotError as error:
                build.fail("DOWNLOAD_SOURCE", "YAML_FILE_ERROR", error.message)
                return
        attempt = next(self._numbers)
        log = self._home.logs / f"build-{attempt}.log"
        build.log.follow(log, buildspec)
        path = [str(self._folder / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        variables = {**build.variables(), "PATH": ":".join(path), "HOME": str(self._folder / "home")}
        variables["CODEBUILD_LOG_PATH"] = build.log.stream
        timeout = float(build.project["timeoutInMinutes"])
        self._running.add(attempt)
        try:
            self._runner.start(BuildRequest(attempt, buildspec, source, variables, timeout, log, secrets))
            build.began()
            result = self._runner.wait(attempt, build.action.cancelled)
        except CopilotError as error:
            build.fail("PROVISIONING", "CLIENT_ERROR", error.message)
            return
        finally:
            self._running.discard(attempt)
            self._runner.clean(attempt)
        build.ended(result)


class _Build:
    """A build, and what CodeBuild says of it."""

    def __init__(self, pipeline: Pipeline, run: Run, action: ActionRun, project: Mapping[str, Any], number: int) -> None:
        self.pipeline, self.run, self.action, self.project = pipeline, run, action, project
        self.name, uuid = str(project["name"]), str(uuid4())
        self.id = f"{self.name}:{uuid}"
        self.log = BuildLog(pipeline.account, pipeline.region, f"/aws/codebuild/{self.name}", uuid)
        self.result: BuildResult | None = None
        primary = action.resolved.get("PrimarySource")
        self.source = action.inputs[primary] if primary else next(iter(action.inputs.values()))
        self.commit = next((each.id for each in run.revisions.values()), "")
        self._number, self._began = number, utcnow()
        self._lock = threading.Lock()
        self.described: dict[str, Any] = {
            "id": self.id,
            "arn": f"arn:aws:codebuild:{pipeline.region}:{pipeline.account}:build/{self.id}",
            "buildNumber": number,
            "startTime": self._began,
            "currentPhase": "DOWNLOAD_SOURCE",
            "buildStatus": "IN_PROGRESS",
            "sourceVersion": f"arn:aws:s3:::{self.source.bucket}/{self.source.key}",
            "resolvedSourceVersion": self.commit,
            "projectName": self.name,
            "phases": self._phases([(name, "SUCCEEDED", 0.0) for name in _BEFORE[:3]]),
            "source": project["source"],
            "artifacts": {"location": ""},
            "environment": project["environment"],
            "serviceRole": project["serviceRole"],
            "logs": {
                "groupName": self.log.group,
                "streamName": self.log.stream,
                "deepLink": f"https://console.aws.amazon.com/cloudwatch/home?region={pipeline.region}#logEvent:",
                "cloudWatchLogsArn": self.log.arn,
                "cloudWatchLogs": {"status": "ENABLED"},
            },
            "timeoutInMinutes": project["timeoutInMinutes"],
            "queuedTimeoutInMinutes": project["queuedTimeoutInMinutes"],
            "buildComplete": False,
            "initiator": f"codepipeline/{pipeline.name}",
            "encryptionKey": project["encryptionKey"],
        }

    def variables(self) -> dict[str, str]:
        """All that the build starts with, but for what is hidden."""
        plain = {each["name"]: each["value"] for each in self._declared() if each["type"] == "PLAINTEXT"}
        own = {
            "CODEBUILD_BUILD_ID": self.id,
            "CODEBUILD_BUILD_ARN": self.described["arn"],
            "CODEBUILD_BUILD_NUMBER": str(self._number),
            "CODEBUILD_BUILD_IMAGE": self.project["environment"]["image"],
            "CODEBUILD_INITIATOR": self.described["initiator"],
            "CODEBUILD_KMS_KEY_ID": self.project["encryptionKey"],
            "CODEBUILD_RESOLVED_SOURCE_VERSION": self.commit,
            "CODEBUILD_SOURCE_VERSION": self.described["sourceVersion"],
            "CODEBUILD_SOURCE_REPO_URL": f"{self.source.bucket}/{self.source.key}",
            "CODEBUILD_START_TIME": str(int(self._began.timestamp() * 1000)),
        }
        return {**credentials(self.pipeline.region), **plain, **own}

    def hidden(self) -> dict[str, str]:
        """The variables whose values are kept elsewhere. Raises CopilotError."""
        lookup, found = _secret(self.pipeline.region), {}
        for each in self._declared():
            if each["type"] != "PLAINTEXT":
                value = lookup(each["value"])
                if value is None:
                    raise CopilotError(f"{each['type']} {each['value']} does not exist")
                found[each["name"]] = value
        return found

    def began(self) -> None:
        """Its commands run."""
        self.described["phases"] = self._phases([(name, "SUCCEEDED", 0.0) for name in _BEFORE])
        self.described["currentPhase"] = "BUILD"

    def ended(self, result: BuildResult) -> None:
        """Its commands have run."""
        self.result = result
        seconds = {phase.name: phase.seconds for phase in result.phases}
        self.log.phases = _gone_through(result)
        gone = [(each.name, each.status, seconds.get(each.name, 0.0)) for each in self.log.phases]
        self.described["phases"] = self._phases([(name, "SUCCEEDED", 0.0) for name in _BEFORE] + gone)
        contexts = {each.name: [{"statusCode": each.code, "message": each.message}] for each in self.log.phases}
        for phase in self.described["phases"]:
            phase["contexts"] = contexts.get(phase["phaseType"], [])
        self.described["buildStatus"] = result.status
        for name, value in result.exported.items():
            self.described.setdefault("exportedEnvironmentVariables", []).append({"name": name, "value": value})

    def fail(self, phase: str, code: str, message: str) -> None:
        """It came to nothing before its commands ran."""
        before = _BEFORE[: _BEFORE.index(phase)]
        self.described["phases"] = self._phases([*((name, "SUCCEEDED", 0.0) for name in before), (phase, "FAILED", 0.0)])
        self.described["phases"][-1]["contexts"] = [{"statusCode": code, "message": message}]
        self.described["buildStatus"] = "FAILED"
        if phase == "DOWNLOAD_SOURCE":
            self.log.phases = [Phase(phase, "FAILED", code, message)]

    def complete(self) -> None:
        """Nothing more happens to it."""
        if self.described["buildStatus"] == "IN_PROGRESS":
            self.described["buildStatus"] = "FAULT"
        self.described["phases"] += self._phases([("FINALIZING", "SUCCEEDED", 0.0), ("COMPLETED", None, 0.0)])
        self.described |= {"endTime": utcnow(), "currentPhase": "COMPLETED", "buildComplete": True}

    def failure(self) -> str:
        """Why it failed, as CodePipeline tells it."""
        status = self.described["buildStatus"]
        message = f"Build terminated with state: {status}"
        for phase in self.described["phases"]:
            for context in phase.get("contexts", []):
                if context["message"]:
                    code = context["statusCode"]
                    return f"{message}. Phase: {phase['phaseType']}, Code: {code}, Message: {context['message']}"
        return message

    def _declared(self) -> list[dict[str, str]]:
        """The project's variables, and those of the action, which win."""
        given = json.loads(self.action.resolved.get("EnvironmentVariables") or "[]")
        declared = [*self.project["environment"]["environmentVariables"], *given]
        return list({each["name"]: {"type": "PLAINTEXT", **each} for each in declared}.values())

    def _phases(self, phases: Sequence[tuple[str, str | None, float]]) -> list[dict[str, Any]]:
        described, at = [], self._began
        for name, status, seconds in phases:
            end = at + timedelta(seconds=seconds)
            phase: dict[str, Any] = {"phaseType": name, "startTime": at}
            if status is not None:
                phase |= {"phaseStatus": status, "endTime": end, "durationInSeconds": round(seconds)}
                phase["contexts"] = []
            described.append(phase)
            at = end
        return described


def _gone_through(result: BuildResult) -> list[Phase]:
    """The phases in the container: also those without commands, which the runner does not tell of."""
    told = {phase.name: str(phase.status) for phase in result.phases}
    found: list[Phase] = []
    for name in (*CONTAINER_PHASES, _UPLOAD):
        status = told.get(name, "SUCCEEDED")
        found.append(Phase(name, status, *_context(result, name, status)))
        if status in {"TIMED_OUT", "STOPPED"} or (status != "SUCCEEDED" and name in CONTAINER_PHASES[:2]):
            break
    return found


def _context(result: BuildResult, name: str, status: str) -> tuple[str, str]:
    if status == "SUCCEEDED":
        return "", ""
    if result.cause is not None and result.cause.phase.upper() == name:
        return FAILED_COMMAND, failed_command(result.cause.command, result.cause.exit_code)
    if status == "TIMED_OUT":
        return "BUILD_TIMED_OUT", "Build has timed out."
    return ("CLIENT_ERROR", result.summary) if name == _UPLOAD else ("", "")


def _buildspec(project: Mapping[str, Any], source: Path) -> Buildspec:
    """The project's buildspec: text of its own, or a file of the source. Raises CopilotError."""
    given = project["source"].get("buildspec") or "buildspec.yml"
    if "\n" in given:
        return parse(given, Buildspec, "buildspec").model
    try:
        return parse((source / given).read_text("utf-8"), Buildspec, given).model
    except FileNotFoundError:
        raise CopilotError(f"YAML file does not exist: {given}") from None
    except ManifestError as error:
        raise CopilotError("; ".join(each.message for each in error.diagnostics)) from None


def _secret(region: str) -> Any:
    """What looks up a parameter, or else a secret."""

    def lookup(name: str) -> str | None:
        ssm, secrets = client("ssm", region), client("secretsmanager", region)
        try:
            return str(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
        except ssm.exceptions.ClientError:
            pass
        try:
            return str(secrets.get_secret_value(SecretId=name)["SecretString"])
        except secrets.exceptions.ClientError:
            return None

    return lookup


def _hand_on(build: _Build, store: ArtifactStore) -> None:
    """Put the build's artifacts where later actions find them. Raises ActionFailedError if it has failed."""
    result, action = build.result, build.action
    if result is None or result.status != "SUCCEEDED":
        raise ActionFailedError("JobFailed", build.failure())
    action.variables = dict(result.exported)
    bucket = build.pipeline.store(build.pipeline.region)
    for index, output in enumerate(each["name"] for each in action.declaration["outputArtifacts"]):
        digest = result.artifact if index == 0 else result.secondary_artifacts.get(output)
        if digest is None:
            raise ActionFailedError("JobFailed", f"Build put out no artifact {output}")
        with tempfile.TemporaryDirectory() as folder:
            with tarfile.open(store.path(digest)) as tar:
                tar.extractall(folder, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(folder)
            content = artifacts.packed(Path(folder))
        action.outputs[output] = artifacts.put(bucket, build.pipeline.region, build.pipeline.name, output, content)
        build.described["artifacts"] = {"location": f"arn:aws:s3:::{bucket}/{action.outputs[output].key}"}


def mend() -> None:
    """Let moto's projects be in stacks, and its builds run. Those that are stopped get little time to end by themselves."""
    codebuild_backends.backend = Builds
    setattr(run_of_buildspecs, "GRACE_PERIOD", _GRACE)  # noqa: B010 - the type checker lets no constant be assigned
