"""Actions that run a buildspec: the build itself, pre- and post-deployments, and test commands."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Container, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from copilot.errors import CopilotError, NotFoundError
from copilot.local import processes
from copilot.local.action import ActionContext, ActionResult
from copilot.local.artifacts import ArtifactStore
from copilot.local.buildspec import BuildRequest, BuildResult, BuildRunner, commands_buildspec, resolve_secrets
from copilot.local.buildspec.processes import BUILD_ID
from copilot.local.context import BuildContext
from copilot.local.home import Home
from copilot.local.store import Store
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.loader import parse
from copilot.release.plan import (
    BUILD_ARTIFACT,
    RELEASE_FOLDER,
    SOURCE_ARTIFACT,
    BuildAction,
    CommandsAction,
    DeployAction,
    ProjectAction,
)

MOST_RERUNS = 1
"""How often a build whose processes vanished together with a killed server is started again."""

BuildLike = BuildAction | ProjectAction | CommandsAction


class BuildWorker:
    """Runs buildspecs through a `BuildRunner`, whose builds outlive this server."""

    def __init__(
        self, store: Store, home: Home, artifacts: ArtifactStore, runner: BuildRunner, secret: Callable[[str], str | None]
    ) -> None:
        self._store = store
        self._home = home
        self._artifacts = artifacts
        self._runner = runner
        self._secret = secret
        # An artifact never changes, so neither does a buildspec in it.
        self._parsed = lru_cache(maxsize=128)(self._parse_buildspec)

    def run(self, context: ActionContext) -> ActionResult:
        """Start the build, or take up the one that an earlier server started; wait for its end."""
        action = context.action
        if not isinstance(action, BuildAction | ProjectAction | CommandsAction):
            raise TypeError(action.kind)
        state = self._runner.state(context.attempt) if context.resumed else "absent"
        if state == "lost":
            if context.reruns >= MOST_RERUNS:
                raise CopilotError(
                    "the build was lost twice together with the server", hint="Retry it with `copilot pipeline retry`"
                )
            self._store.executions.count_rerun(context.attempt)
            self._runner.clean(context.attempt)
            state = "absent"
        if state == "absent":
            self._runner.start(self._request(context, action))
        result = self._runner.wait(context.attempt, context.cancelled)
        if context.cancelled.is_set():
            self._end_escaped(context.attempt)
        return self._action_result(context, action, result)

    def tidy(self, context: ActionContext) -> None:
        """Remove the working folder. It is there until the result is written down, so that a restart finds the build's end."""
        self._runner.clean(context.attempt)
        self._context_file(context.attempt).unlink(missing_ok=True)

    def left_behind(self, in_progress: Container[int]) -> list[int]:
        """Attempts, but for these, of which a killed server has left something."""
        names = (path.name.partition(".")[0] for path in self._home.builds.iterdir())
        return sorted({int(name) for name in names if name.isdecimal() and int(name) not in in_progress})

    def tidy_up(self, attempts: Iterable[int]) -> None:
        """End and remove what is left of builds."""
        for attempt in attempts:
            self._runner.abandon(attempt)
            self._end_escaped(attempt)
            self._runner.clean(attempt)
            self._context_file(attempt).unlink(missing_ok=True)

    def _end_escaped(self, attempt: int) -> None:
        """Kill what a build that is given up started in sessions of their own; the others had their time to end."""
        build = str(self._home.builds / str(attempt))
        processes.end(lambda: processes.marked(BUILD_ID, build), signal.SIGKILL, grace_period=1.0)

    def _request(self, context: ActionContext, action: BuildLike) -> BuildRequest:
        source = context.artifacts[SOURCE_ARTIFACT]
        if isinstance(action, CommandsAction):
            buildspec = commands_buildspec(action.commands)
        else:
            buildspec = self._read_buildspec(context, source, action.buildspec)
        return BuildRequest(
            attempt=context.attempt,
            buildspec=buildspec,
            source=source,
            variables=self._variables(context, action),
            timeout_minutes=action.timeout,
            log=context.log,
            secrets=resolve_secrets(buildspec, self._secret),
        )

    def _read_buildspec(self, context: ActionContext, source: str, path: str) -> Buildspec:
        try:
            return self._parsed(source, path)
        except NotFoundError:
            commit = context.revision.id[:7] if context.revision else "the commit"
            raise NotFoundError(f"`{path}` is not in {commit}", hint=f"Commit and push it: git add {path}") from None

    def _parse_buildspec(self, source: str, path: str) -> Buildspec:
        return parse(self._artifacts.read(source, path).decode("utf-8", "replace"), Buildspec, path).model

    def _variables(self, context: ActionContext, action: BuildLike) -> dict[str, str]:
        project = f"pipeline-{context.app}-{context.pipeline}-{action.name}"
        revision = context.revision.id if context.revision else ""
        variables = {
            **(action.variables if isinstance(action, BuildAction) else self._environment_variables(context.app, action)),
            "COPILOT_APPLICATION_NAME": context.app,
            "COPILOT_HOME": str(self._home.root),
            "PATH": f"{self._home.bin}:{os.environ.get('PATH', os.defpath)}",
            "CODEBUILD_BUILD_ID": f"{project}:{context.attempt}",
            "CODEBUILD_BUILD_ARN": f"local:{project}:{context.attempt}",
            "CODEBUILD_BUILD_NUMBER": str(context.execution),
            "CODEBUILD_BUILD_IMAGE": "local",
            "CODEBUILD_INITIATOR": f"codepipeline/{context.pipeline}",
            "CODEBUILD_LOG_PATH": str(context.log),
            "CODEBUILD_RESOLVED_SOURCE_VERSION": revision,
            "CODEBUILD_SOURCE_VERSION": revision,
            "CODEBUILD_SOURCE_REPO_URL": context.repository,
            "CODEBUILD_START_TIME": str(int(time.time() * 1000)),
        }
        if isinstance(action, BuildAction):
            variables[BuildContext.VARIABLE] = str(self._write_context(context))
        return variables

    def _environment_variables(self, app: str, action: ProjectAction | CommandsAction) -> Mapping[str, str]:
        environment = self._store.catalog.environment(app, action.environment)
        return {"COPILOT_ENVIRONMENT_NAME": environment.name, "COPILOT_LB_DNS": f"localhost:{environment.port}"}

    def _context_file(self, attempt: int) -> Path:
        return self._home.builds / f"{attempt}.context.json"

    def _write_context(self, context: ActionContext) -> Path:
        """What `copilot pipeline build` has to know, in a file: it needs no server, which may be killed meanwhile."""
        targets: dict[str, list[str]] = {}
        for stage in context.plan.stages:
            for action in stage.actions:
                if isinstance(action, DeployAction):
                    targets.setdefault(action.workload, []).append(action.environment)
        known = {e.name: e.runtime for e in self._store.catalog.environments(context.app)}
        missing = [e for e in context.plan.environments if e not in known]
        if missing:
            raise NotFoundError(
                f"environment `{missing[0]}` of the pipeline does not exist any more",
                hint=f"Create it with `copilot env init --name {missing[0]}`, or remove its stage and update the pipeline",
            )
        content = BuildContext(
            application=context.app,
            pipeline=context.pipeline,
            execution=context.execution,
            revision=context.revision.id if context.revision else "",
            targets={workload: tuple(environments) for workload, environments in targets.items()},
            runtimes=known,
        )
        path = self._context_file(context.attempt)
        content.write(path)
        return path

    def _action_result(self, context: ActionContext, action: BuildLike, result: BuildResult) -> ActionResult:
        if result.status != "SUCCEEDED":
            # Test commands are no buildspec to whoever wrote them: they know no phases.
            phase = " in phase build:" if isinstance(action, CommandsAction) else ":"
            return ActionResult(succeeded=False, summary=result.summary.replace(phase, ":", 1), details=result.tail)
        if not isinstance(action, BuildAction):
            return ActionResult(succeeded=True, summary=result.summary)
        if result.artifact is None:
            return ActionResult(succeeded=False, summary="the buildspec puts out no artifacts, so there is nothing to deploy")
        built = image_digests(self._artifacts, result.artifact)
        images = "   ".join(self._compare(context, built))
        return ActionResult(
            succeeded=True,
            summary="   ".join(part for part in (result.summary, images) if part),
            artifacts={BUILD_ARTIFACT: result.artifact},
            images=built,
        )

    def _compare(self, context: ActionContext, built: Mapping[str, str]) -> list[str]:
        """Each workload's image, and whether it is the one of the last build."""
        stage = context.stage
        before = next((r for r in self._store.executions.passed(context.app, context.pipeline, stage)), None)
        last = self._store.executions.artifacts(before.id).get(BUILD_ARTIFACT) if before else None
        old = image_digests(self._artifacts, last) if last else {}
        return [
            f"{workload} {'unchanged, kept ' if old.get(workload) == image else ''}{image[:13]}…"
            for workload, image in built.items()
        ]


def image_digests(artifacts: ArtifactStore, digest: str) -> dict[str, str]:
    """The image of each workload that a build put out, by name."""
    found = {}
    for name in artifacts.names(digest):
        if name.startswith(f"{RELEASE_FOLDER}/") and name.endswith(".release.json"):
            try:
                content = json.loads(artifacts.read(digest, name))
                found[str(content["workload"])] = str(content["image"])
            except (ValueError, KeyError, TypeError):
                continue  # a file of the user's own; the deployment says what is wrong with it
    return dict(sorted(found.items()))
