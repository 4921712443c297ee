"""What a pipeline does differently on the two engines; docs/engines.md holds the same table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from copilot.errors import KeyPath, Problem
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.pipeline import PipelineManifest
from copilot.workspace import EngineName

Finder = Callable[[PipelineManifest], Iterable[KeyPath]]
BuildspecFinder = Callable[[Buildspec], Iterable[KeyPath]]
_BOTH: frozenset[EngineName] = frozenset({"local", "aws"})
_LOCAL: frozenset[EngineName] = frozenset({"local"})
_AWS: frozenset[EngineName] = frozenset({"aws"})


def nowhere(anything: object) -> Iterable[KeyPath]:
    """Finds nothing: the difference is not one of a key."""
    del anything
    return ()


@dataclass(frozen=True)
class Difference:
    """A key or a behaviour that differs.

    Attributes:
        subject: The key, or what it is about, as the documentation names it.
        here: What is so on this machine; no full stop.
        aws: What is so on AWS.
        told_on: The engines whose users are told of it, if it concerns what they have written. On the other one it is as
            written.
        find: Where a manifest asks for it.
        find_in_buildspec: Where a buildspec does.
    """

    subject: str
    here: str
    aws: str
    told_on: frozenset[EngineName] = frozenset()
    find: Finder = nowhere
    find_in_buildspec: BuildspecFinder = nowhere

    def note(self, path: KeyPath, engine: EngineName) -> Problem:
        """What a person is told of it who uses an engine."""
        name = ".".join(str(part) for part in path if not isinstance(part, int))
        here, there = f"on this machine: {self.here}", f"on AWS: {self.aws}"
        first, second = (here, there) if engine == "local" else (there, here)
        return Problem(path, f"`{name}` {first}. {second[0].upper()}{second[1:]}", at="key")


def notes(manifest: PipelineManifest, engine: EngineName) -> list[Problem]:
    """What differs of what a manifest asks for, on the engine that is to run it; with places in it."""
    told = (each for each in DIFFERENCES if engine in each.told_on)
    return [difference.note(path, engine) for difference in told for path in difference.find(manifest)]


def buildspec_notes(buildspec: Buildspec, engine: EngineName) -> list[Problem]:
    """Likewise of a buildspec."""
    told = (each for each in DIFFERENCES if engine in each.told_on)
    return [difference.note(path, engine) for difference in told for path in difference.find_in_buildspec(buildspec)]


def _git(manifest: PipelineManifest) -> Iterator[KeyPath]:
    if manifest.source.provider == "Git":
        yield ("source", "provider")


def _of_source(key: str) -> Finder:
    def find(manifest: PipelineManifest) -> Iterator[KeyPath]:
        if getattr(manifest.source.properties, key) is not None:
            yield ("source", "properties", key)

    return find


def _full_clone(manifest: PipelineManifest) -> Iterator[KeyPath]:
    if manifest.source.properties.output_artifact_format == "CODEBUILD_CLONE_REF":
        yield ("source", "properties", "output_artifact_format")


def _paths(manifest: PipelineManifest) -> Iterator[KeyPath]:
    if manifest.source.paths:
        yield ("source", "paths")


def _of_build(key: str) -> Finder:
    def find(manifest: PipelineManifest) -> Iterator[KeyPath]:
        if manifest.build is not None and getattr(manifest.build, key) is not None:
            yield ("build", key)

    return find


def _of_deployments(key: str) -> Finder:
    def find(manifest: PipelineManifest) -> Iterator[KeyPath]:
        for index, stage in enumerate(manifest.stages):
            for workload, settings in (stage.deployments or {}).items():
                if settings is not None and getattr(settings, key) is not None:
                    yield ("stages", index, "deployments", workload, key)

    return find


def _of_stages(key: str) -> Finder:
    def find(manifest: PipelineManifest) -> Iterator[KeyPath]:
        yield from (("stages", index, key) for index, stage in enumerate(manifest.stages) if getattr(stage, key))

    return find


def _hooks(manifest: PipelineManifest) -> Iterator[KeyPath]:
    for key in ("pre_deployments", "post_deployments"):
        yield from _of_stages(key)(manifest)


def _rollback(*, parallel: bool) -> Finder:
    def find(manifest: PipelineManifest) -> Iterator[KeyPath]:
        if (manifest.execution_mode == "parallel") is parallel:
            yield from (("stages", i, "on_failure") for i, stage in enumerate(manifest.stages) if stage.on_failure == "rollback")

    return find


def _of_buildspec(key: str, alias: str) -> BuildspecFinder:
    def find(buildspec: Buildspec) -> Iterator[KeyPath]:
        if getattr(buildspec, key) is not None:
            yield (alias,)

    return find


def _of_env(key: str, alias: str) -> BuildspecFinder:
    def find(buildspec: Buildspec) -> Iterator[KeyPath]:
        if getattr(buildspec.env, key):
            yield ("env", alias)

    return find


def _runtime_versions(buildspec: Buildspec) -> Iterator[KeyPath]:
    if buildspec.phases.install is not None and buildspec.phases.install.runtime_versions:
        yield ("phases", "install", "runtime-versions")


def _run_as(buildspec: Buildspec) -> Iterator[KeyPath]:
    phases = {name: getattr(buildspec.phases, name) for name in ("install", "pre_build", "build", "post_build")}
    places: Mapping[KeyPath, object] = {("run-as",): buildspec, **{("phases", n, "run-as"): p for n, p in phases.items()}}
    yield from (path for path, section in places.items() if getattr(section, "run_as", None) is not None)


def _reports(buildspec: Buildspec) -> Iterator[KeyPath]:
    others = (name for name, report in buildspec.reports.items() if report.file_format != "JUNITXML")
    yield from (("reports", name, "file-format") for name in others)


def _s3_prefix(buildspec: Buildspec) -> Iterator[KeyPath]:
    if buildspec.artifacts is not None and buildspec.artifacts.s3_prefix is not None:
        yield ("artifacts", "s3-prefix")


SOURCE = (
    Difference("`source.provider: Git`", "any repository that git can fetch", "refused", find=_git),
    Difference(
        "`source.properties.connection_name`",
        "refused: it takes an `access_token_secret`, or git's own credentials",
        "the connection that CodePipeline fetches through",
        find=_of_source("connection_name"),
    ),
    Difference(
        "`source.properties.access_token_secret`",
        "a secret of this machine, whose token git gets, whoever hosts the repository",
        "a secret in Secrets Manager; for GitHub only, others take a connection",
        find=_of_source("access_token_secret"),
    ),
    Difference(
        "`source.properties.output_artifact_format: CODEBUILD_CLONE_REF`",
        "the artifact holds the whole clone",
        "every project clones the repository itself; refused with an access token, which is for files only",
        find=_full_clone,
    ),
    Difference(
        "`source.paths`",
        "for every repository; compared with the commit of the last push",
        "a trigger of CodePipeline; refused without a connection, that is with an access token and on CodeCommit",
        find=_paths,
    ),
    Difference(
        "how a push is noticed",
        "by a hook in a repository on this disk, by asking every 30 seconds elsewhere",
        "the connection tells of it; CodePipeline asks every minute with an access token; CodeCommit sends an event",
    ),
)
BUILD = (
    Difference(
        "`build.image`",
        "no effect; builds run as processes of this machine, with its programs",
        "the image that CodeBuild runs the build in",
        _LOCAL,
        _of_build("image"),
    ),
    Difference(
        "`build.compute`", "no effect; a build has what the machine has", "CodeBuild's machine", _LOCAL, _of_build("compute")
    ),
    Difference(
        "`build.additional_policy`",
        "no effect; builds have whatever this user may do",
        "added to the role of the build and of the tests",
        _LOCAL,
        _of_build("additional_policy"),
    ),
    Difference(
        "`phases.install.runtime-versions`",
        "no effect; the build uses what this machine has",
        "installed by CodeBuild's images",
        _LOCAL,
        find_in_buildspec=_runtime_versions,
    ),
    Difference(
        "`cache` of a buildspec",
        "no effect; files are not kept between builds",
        "no effect; only layers of images are kept, for a while",
        _BOTH,
        find_in_buildspec=_of_buildspec("cache", "cache"),
    ),
    Difference(
        "`proxy` of a buildspec",
        "no effect; nothing is uploaded",
        "CodeBuild uploads through the proxy",
        _LOCAL,
        find_in_buildspec=_of_buildspec("proxy", "proxy"),
    ),
    Difference(
        "`run-as` of a buildspec",
        "must be the user who runs the engine; any other fails the build",
        "any user of the image",
        _LOCAL,
        find_in_buildspec=_run_as,
    ),
    Difference(
        "`env.git-credential-helper`",
        "no effect; git uses the credentials of this user",
        "CodeBuild gives git those of the source",
        _LOCAL,
        find_in_buildspec=_of_env("git_credential_helper", "git-credential-helper"),
    ),
    Difference(
        "`env.secrets-manager`, `env.parameter-store`",
        "secrets of this machine, kept with `copilot secret init`",
        "secrets of Secrets Manager, and parameters of SSM; the build reads those that `build.additional_policy` allows",
        _BOTH,
        find_in_buildspec=lambda buildspec: [
            *_of_env("secrets_manager", "secrets-manager")(buildspec),
            *_of_env("parameter_store", "parameter-store")(buildspec),
        ],
    ),
    Difference(
        "`reports.<group>.file-format`",
        "JUNITXML is read; other formats are passed over",
        "CodeBuild reads all of them",
        _LOCAL,
        find_in_buildspec=_reports,
    ),
    Difference(
        "`artifacts.s3-prefix`",
        "no effect; artifacts are files of this machine",
        "no effect; CodePipeline decides where artifacts are",
        _BOTH,
        find_in_buildspec=_s3_prefix,
    ),
    Difference(
        "`COPILOT_APPLICATION_NAME` in a build",
        "the application",
        "not set; tests, pre- and post-deployments have it",
    ),
)
STAGES = (
    Difference(
        "`deployments.<workload>.stack_name`",
        "no effect; there are no stacks",
        "the stack that is deployed to",
        _LOCAL,
        _of_deployments("stack_name"),
    ),
    Difference(
        "`deployments.<workload>.template_path`",
        "no effect; releases are deployed from their descriptions",
        "the template in the build's output",
        _LOCAL,
        _of_deployments("template_path"),
    ),
    Difference(
        "`deployments.<workload>.template_config`",
        "no effect; releases are deployed from their descriptions",
        "the parameters and tags in the build's output",
        _LOCAL,
        _of_deployments("template_config"),
    ),
    Difference(
        "`vpc` of a stage",
        "no effect; builds reach what this machine reaches",
        "builds run in the private subnets of the environment",
        _LOCAL,
        _of_stages("vpc"),
    ),
    Difference(
        "`pre_deployments`, `post_deployments`",
        "`COPILOT_LB_DNS` is set, as it is for `test_commands`",
        "`COPILOT_LB_DNS` is not set; a project finds it with the environment's manager role",
        _AWS,
        _hooks,
    ),
    Difference(
        "`COPILOT_LB_DNS` in `test_commands`",
        "a host and a port, `localhost:8081`",
        "the name of the load balancer; empty while no service of the environment has one",
    ),
    Difference(
        "`on_failure: rollback`",
        "to any earlier release that passed the stage and is kept",
        "only to one since the last update of the pipeline that changed it: before, it knows of none",
        _AWS,
        _rollback(parallel=False),
    ),
    Difference(
        "`on_failure: rollback` with `execution_mode: parallel`",
        "goes back as in the other modes",
        "refused: CodePipeline does not roll back where executions run side by side",
        find=_rollback(parallel=True),
    ),
    Difference(
        "`overrides/` of pipelines, workloads and environments",
        "no effect; there are no templates",
        "patches of the templates that everything is made from",
    ),
)
EXECUTIONS = (
    Difference("name of an execution", "a number, `#14`", "an id; its first characters are enough in commands"),
    Difference(
        "the first execution",
        "begins with `pipeline update`, which fails if the repository cannot be fetched",
        "begins when the pipeline has been made; while its connection waits for a person, its source fails and is retried after",
    ),
    Difference(
        "executions in progress while the pipeline is updated",
        "go on as they began",
        "end as stopped if the pipeline changes: CodePipeline cancels them",
    ),
    Difference(
        "`pipeline rollback`",
        "deploys what passed the stage then, and does nothing else",
        "CodePipeline runs all actions of the stage again with the artifacts of then, approval and tests included",
    ),
    Difference(
        "what `pipeline rollback` reaches",
        "the 10 newest releases of each workload, also from before an update of the pipeline",
        "executions since the last update that changed the pipeline; none in parallel mode",
    ),
    Difference(
        "history of executions",
        "the 50 newest of each pipeline",
        "12 months; logs of builds as long as CloudWatch keeps them",
    ),
    Difference(
        "`pipeline stop` while an approval waits",
        "the approval is given up at once",
        "CodePipeline waits for the approval, as for any action in progress; `--abandon` gives it up",
    ),
    Difference(
        "`pipeline run --revision`",
        "any commit of the repository, by some of its id",
        "a whole id, or what this checkout knows of it; a pipeline that AWS Copilot made must be updated first",
    ),
    Difference(
        "authors of commits",
        "known",
        "not known to CodePipeline; `pipeline approve` has them from this checkout, and names the page of the changes",
    ),
    Difference(
        "who approves",
        "whoever may run commands as the engine's owner; by `pipeline approve`",
        "whoever IAM lets do `codepipeline:PutApprovalResult`; by `pipeline approve`, or in AWS's console",
    ),
)
DIFFERENCES = (*SOURCE, *BUILD, *STAGES, *EXECUTIONS)
"""All of them, in the order of the manifest."""
