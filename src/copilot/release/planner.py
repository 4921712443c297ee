"""From a pipeline manifest to its plan: the only place that knows the order of things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from copilot.errors import KeyPath, PlanError, Problem
from copilot.manifest.pipeline import DeploymentSettings, Hook, PipelineManifest
from copilot.manifest.pipeline import Stage as StageManifest
from copilot.release.graph import find_cycle, levels
from copilot.release.plan import (
    RELEASE_FOLDER,
    Action,
    ApprovalAction,
    BuildAction,
    CommandsAction,
    DeployAction,
    Plan,
    ProjectAction,
    SourceAction,
    Stage,
)

# CodePipeline's limits: https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
MOST_STAGES = 50
MOST_ACTIONS_IN_STAGE, MOST_ACTIONS = 100, 1000
"""Actions of a stage and of a pipeline."""
MANY_ACTIONS_IN_STAGE, MANY_ACTIONS = 50, 500
"""More than these an account only has where AWS has raised its quotas."""
APPROVAL_TIMEOUT = 7 * 24 * 60
"""Minutes until an approval lapses, CodePipeline's default."""
PROJECT_TIMEOUT = 60
"""Minutes that a build may take when the manifest does not say, CodeBuild's default."""


@dataclass(frozen=True)
class Draft:
    """A plan with all that is wrong with it: unknown names, cycles, exceeded limits. Without problems it is what will be done."""

    plan: Plan
    problems: tuple[Problem, ...]


def plan(
    pipeline: PipelineManifest,
    *,
    application: str,
    workloads: Sequence[str],
    manifest_folder: str,
    environments: Sequence[str] | None = None,
) -> Plan:
    """What the pipeline will do: see `draft`. Raises PlanError with every unknown name, cycle and exceeded limit."""
    made = draft(
        pipeline, application=application, workloads=workloads, manifest_folder=manifest_folder, environments=environments
    )
    if made.problems:
        raise PlanError(made.problems)
    return made.plan


def draft(
    pipeline: PipelineManifest,
    *,
    application: str,
    workloads: Sequence[str],
    manifest_folder: str,
    environments: Sequence[str] | None = None,
) -> Draft:
    """The plan as the manifest has it, also where that cannot be, so that whatever else is wrong can be found as well.

    Args:
        pipeline: The manifest.
        application: Name of the application.
        workloads: The workloads of the workspace: what a stage deploys when it names no deployments.
        manifest_folder: Folder of the manifest relative to the repository's root; its ``buildspec.yml`` is the default one.
        environments: The environments of the application; None if they are not known and not to be checked.
    """
    problems: list[Problem] = []
    if len(pipeline.stages) + 2 > MOST_STAGES:
        problems.append(
            Problem(
                ("stages",), f"{len(pipeline.stages)} stages are more than the {MOST_STAGES - 2} a pipeline can have", at="key"
            )
        )
    stages = []
    for index, manifest in enumerate(pipeline.stages):
        path: KeyPath = ("stages", index)
        if environments is not None and manifest.name not in environments:
            problems.append(_unknown_environment(path, manifest.name, application, environments))
        builder = _StageBuilder(application, manifest, path, problems)
        stages.append(builder.build(workloads))
    count = 2 + sum(len(stage.actions) for stage in stages)
    if count > MOST_ACTIONS:
        message = f"the pipeline has {count} actions; a pipeline can have {MOST_ACTIONS}"
        problems.append(Problem(("stages",), message, "divide it into several pipelines", "key"))
    made = Plan(
        application=application,
        pipeline=pipeline.name,
        stages=(_source(pipeline, application), _build(pipeline, manifest_folder), *stages),
        mode=pipeline.execution_mode,
    )
    return Draft(made, tuple(problems))


def warnings(made: Plan) -> list[Problem]:
    """What is allowed, but takes an account on AWS with other quotas or other roles than usual; with places in the manifest."""
    found = [*_other_stacks(made)]
    hint = "ask AWS for a higher quota, or divide the pipeline into several"
    for index, stage in enumerate(stage for stage in made.stages if stage.environment is not None):
        count = len(stage.actions)
        if count > MANY_ACTIONS_IN_STAGE:
            message = (
                f"stage `{stage.environment}` has {count} actions; on AWS an account may have {MANY_ACTIONS_IN_STAGE} at first"
            )
            found.append(Problem(("stages", index, "name"), message, hint))
    count = sum(len(stage.actions) for stage in made.stages)
    if count > MANY_ACTIONS:
        message = f"the pipeline has {count} actions; on AWS an account may have {MANY_ACTIONS} in one at first"
        found.append(Problem(("stages",), message, hint, "key"))
    return found


def _other_stacks(made: Plan) -> Iterator[Problem]:
    """Deployments to stacks that an environment's manager role does not know by their names."""
    for index, stage in enumerate(stage for stage in made.stages if stage.environment is not None):
        beginning = f"{made.application}-{stage.environment}-"
        for action in stage.actions:
            if isinstance(action, DeployAction) and not action.stack_name.startswith(beginning):
                yield Problem(
                    ("stages", index, "deployments", action.workload, "stack_name"),
                    f"on AWS, what deploys to environment `{stage.environment}` may work on stacks `{beginning}…` only, "
                    f"not on `{action.stack_name}`",
                    f"let it begin with `{beginning}`; environments that AWS Copilot made allow other names, too",
                )


def _source(pipeline: PipelineManifest, application: str) -> Stage:
    properties = pipeline.source.properties
    action = SourceAction(
        name=f"SourceCodeFor-{application}",
        run_order=1,
        provider=pipeline.source.provider,
        repository=properties.repository,
        branch=properties.branch,
        access_token_secret=properties.access_token_secret,
        connection_name=properties.connection_name,
        full_clone=properties.output_artifact_format == "CODEBUILD_CLONE_REF",
        paths=tuple(pipeline.source.paths),
    )
    return Stage("Source", (action,))


def _build(pipeline: PipelineManifest, manifest_folder: str) -> Stage:
    build = pipeline.build
    action = BuildAction(
        name="Build",
        run_order=1,
        buildspec=(build and build.buildspec) or f"{manifest_folder}/buildspec.yml",
        timeout=build.timeout if build else PROJECT_TIMEOUT,
        image=build.image if build else None,
        compute=build.compute if build else None,
        variables=dict(build.variables) if build else {},
    )
    return Stage("Build", (action,))


@dataclass
class _StageBuilder:
    application: str
    manifest: StageManifest
    path: KeyPath
    problems: list[Problem]
    actions: list[Action] = field(default_factory=list)
    order: int = 0

    def build(self, workloads: Sequence[str]) -> Stage:
        stage, env = self.manifest, self.manifest.name
        if stage.requires_approval:
            self._add({f"ApprovePromotionTo-{env}": ()}, lambda name, order: ApprovalAction(name, order, env, APPROVAL_TIMEOUT))
        self._projects("pre_deployments", stage.pre_deployments)
        self._deployments(workloads)
        self._projects("post_deployments", stage.post_deployments)
        if stage.test_commands:
            commands = tuple(stage.test_commands)
            self._add({"TestCommands": ()}, lambda name, order: CommandsAction(name, order, env, commands, PROJECT_TIMEOUT))
        names = Counter(action.name for action in self.actions)
        for key, hooks in (("pre_deployments", stage.pre_deployments), ("post_deployments", stage.post_deployments)):
            for name in hooks or ():
                if names[name] > 1:
                    self._problem(
                        (key, name), f"stage `{env}` has another action named `{name}`", "choose another name", at="key"
                    )
        if len(self.actions) > MOST_ACTIONS_IN_STAGE:
            count = len(self.actions)
            self._problem(("name",), f"stage `{env}` has {count} actions; a stage can have {MOST_ACTIONS_IN_STAGE}")
        return Stage(
            name=f"DeployTo-{env}",
            actions=tuple(sorted(self.actions, key=lambda a: (a.run_order, a.name))),
            environment=env,
            on_failure=stage.on_failure,
        )

    def _deployments(self, workloads: Sequence[str]) -> None:
        env = self.manifest.name
        declared = self.manifest.deployments
        if declared is None:
            if not workloads:
                self._problem(("name",), "there is no workload to deploy", hint="create one with `copilot svc init`")
            declared = dict.fromkeys(workloads)
        settings = {name: given or DeploymentSettings() for name, given in declared.items()}
        for name in settings:
            if name not in workloads:
                hint = _nearest(name, workloads) or "create it with `copilot svc init`"
                self._problem(("deployments", name), f"workload `{name}` does not exist in this workspace", hint, at="key")
        depends_on = self._dependencies("deployments", {name: given.depends_on for name, given in settings.items()})

        def deploy(name: str, order: int) -> Action:
            given = settings[name]
            return DeployAction(
                name=f"CreateOrUpdate-{name}-{env}",
                run_order=order,
                environment=env,
                workload=name,
                stack_name=given.stack_name or f"{self.application}-{env}-{name}",
                template_path=given.template_path or f"{RELEASE_FOLDER}/{name}-{env}.stack.yml",
                template_config=given.template_config or f"{RELEASE_FOLDER}/{name}-{env}.params.json",
            )

        self._add(depends_on, deploy)

    def _projects(self, key: str, hooks: Mapping[str, Hook] | None) -> None:
        env = self.manifest.name
        if not hooks:
            return
        depends_on = self._dependencies(key, {name: hook.depends_on for name, hook in hooks.items()})
        self._add(depends_on, lambda name, order: ProjectAction(name, order, env, hooks[name].buildspec, PROJECT_TIMEOUT))

    def _add(self, depends_on: Mapping[str, Sequence[str]], make: Callable[[str, int], Action]) -> None:
        by_name = levels(depends_on)
        self.actions += [make(name, self.order + 1 + level) for name, level in by_name.items()]
        self.order += max(by_name.values(), default=-1) + 1

    def _dependencies(self, key: str, depends_on: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        """What each waits for, with unknown dependencies and the first cycle noted. In a circle nothing waits for anything."""
        for name, dependencies in depends_on.items():
            for index, dependency in enumerate(dependencies):
                if dependency not in depends_on:
                    hint = _nearest(dependency, list(depends_on)) or f"it must be one of the `{key}` of the same stage"
                    message = (
                        f"`{name}` depends on `{dependency}`, which is not among the `{key}` of stage `{self.manifest.name}`"
                    )
                    self._problem((key, name, "depends_on", index), message, hint)
        cycle = find_cycle(depends_on)
        if cycle is None:
            return depends_on
        if len(cycle) == 2:
            message = f"`{cycle[0]}` depends on itself"
        else:
            message = "these depend on each other in a circle: " + " → ".join(f"`{name}`" for name in cycle)
        self._problem((key, cycle[0], "depends_on"), message, "remove one of these dependencies", at="key")
        return dict.fromkeys(depends_on, ())

    def _problem(self, path: KeyPath, message: str, hint: str | None = None, at: str = "value") -> None:
        self.problems.append(Problem((*self.path, *path), message, hint, "key" if at == "key" else "value"))


def _unknown_environment(path: KeyPath, name: str, application: str, environments: Sequence[str]) -> Problem:
    has = f"it has: {', '.join(environments)}. " if environments else ""
    return Problem(
        (*path, "name"),
        f"environment `{name}` does not exist in application `{application}`",
        f"{has}Create it with `copilot env init --name {name}`",
    )


def _nearest(name: str, known: Sequence[str]) -> str | None:
    close = get_close_matches(name, known, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"there are: {', '.join(sorted(known))}" if known else None
