"""What AWS Copilot wrote into repositories and means something else here. Pure.

Facts on its buildspec: every version of it downloads a program called ``copilot-linux-…`` in the install phase, and writes the
templates of all workloads in the post-build phase, in a loop over environments and workloads; early ones also built the images
there. A pipeline of environments deploys what ``env package`` wrote: ``infrastructure/<env>.env.yml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from copilot.errors import KeyPath, Problem
from copilot.manifest.buildspec import Buildspec
from copilot.manifest.pipeline import PipelineManifest

PHASES = ("install", "pre_build", "build", "post_build")

FOREIGN = "this build downloads AWS Copilot, which knows nothing of this machine"
"""What `foreign_build` says."""

_ENVIRONMENT_TEMPLATE = re.compile(r"(?:.*/)?[^/]+\.env\.yml")
_SITE = "(?:copilot-linux|ecs-cli-v2-release|aws/copilot-cli/releases)"
_DOWNLOAD = re.compile(rf"\b(?:wget|curl)\b[^\n]*{_SITE}[^\n]*")
_VERSION = re.compile(r"-v?(\d+\.\d+\.\d+[\w.-]*)")


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_ALONE = _any_of(
    rf"(?:wget|curl)\b[^&;|\n]*{_SITE}[^&;|\n]*(?: && (?:mv|chmod) [^&;|\n]*)*",
    r"mv \./copilot-linux\S* \./copilot-linux",
    r"chmod \+x \./copilot-linux",
    r'echo "?cd into \$CODEBUILD_SRC_DIR"?',
    r"cd \$CODEBUILD_SRC_DIR",
    r'echo "Run your tests"',
    r"ls -l",
    r"ls -lah \./infrastructure",
    r'export (?:COLOR="?false"?|CI="?true"?)',
    r"pipeline=\$\(cat .* \| ruby -ryaml .*",
    r"(?:pl_envs|stages)=\$\(echo \$pipeline .*",
    r"tag=\$\(sed .*CODEBUILD_BUILD_ID.*",
)
"""Commands of one line that are AWS Copilot's."""

_MACHINERY = re.compile(r"\bcopilot-linux\b|\bpl_envs\b|\b(?:svc|job)_(?:list|ls_result)\b|\$WORKLOADS\b|\bWORKLOADS=")
"""What only its other commands speak of."""
_WORK = re.compile(r"copilot-linux (?:svc|job|env) package|docker build")
"""What has to come after a person's own preparations."""
_INSIDE = _any_of(
    r"(?:pipeline|pl_envs|stages|svc_ls_result|svc_list|svcs|job_ls_result|job_list|jobs|tag|WORKLOADS)=.*",
    r"for \w+ in .*|\./copilot-linux (?:env upgrade|(?:svc|job|env) package) .*",
    r"if \[ .* \]; ?then|fi|done|do|then|continue|exit 1",
    r"echo \"(?:No services or jobs found|Cloudformation stack and config files were not generated).*",
    # The early ones: addons and images.
    r"(?:ADDONSFILE|tmp|timestamp|manifest|images?|image_location|image_id|repo|region|dockerfile_args)=.*",
    r"(?:base_dockerfile|build_(?:dockerfile|context|target|cache_from|args)|df_\w+)=.*",
    r"aws s3 cp \"?\$ADDONSFILE\"? .*|jq --arg a .*AddonsTemplateURL.*",
    r"echo \"(?:skipping image|Name: \$workload|Relative Dockerfile|Docker build |Running command: docker build).*",
    r"docker build -t \$workload:\$tag .*|docker tag \$image_id \$repo|docker push \$repo|\$\(aws ecr get-login.*",
)
"""The lines of those."""


@dataclass(frozen=True)
class GeneratedBuildspec:
    """A buildspec that AWS Copilot generated, perhaps edited since.

    Attributes:
        version: The version of AWS Copilot that it downloads; None if it does not say.
        download: Where it does so.
        own: By phase, those of its commands that AWS Copilot did not write: first those before its long ones, then the others.
        lost: Lines inside of its commands that it did not write, each with the phase.
    """

    version: str | None
    download: KeyPath
    own: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
    lost: tuple[tuple[str, str], ...]


def deployed_environments(manifest: PipelineManifest) -> Iterator[Problem]:
    """A pipeline that deploys environments themselves, AWS Copilot's type ``Environments``: where it says so."""
    for index, stage in enumerate(manifest.stages):
        for name, settings in (stage.deployments or {}).items():
            template = settings.template_path if settings is not None else None
            if template is not None and _ENVIRONMENT_TEMPLATE.fullmatch(template):
                yield Problem(
                    ("stages", index, "deployments", name),
                    f"`{name}` deploys environment `{stage.name}` itself; a pipeline of the type `Environments` is not supported",
                    "pipelines release services and jobs; `copilot env deploy` changes environments, and shows how",
                    "key",
                )


def foreign_build(buildspec: Buildspec) -> Problem | None:
    """What is wrong with a buildspec that downloads AWS Copilot, where there is no AWS."""
    found = _download(buildspec)
    if found is None:
        return None
    return Problem(
        found[0],
        FOREIGN,
        "`copilot pipeline init --overwrite` makes it one that runs here and on AWS, and keeps your own commands",
    )


def generated(buildspec: Buildspec) -> GeneratedBuildspec | None:
    """What of a buildspec is AWS Copilot's; None if it does not download AWS Copilot."""
    found = _download(buildspec)
    if found is None:
        return None
    place, version = found
    own: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    lost: list[tuple[str, str]] = []
    for phase, commands in _commands(buildspec):
        before: list[str] = []
        after: list[str] = []
        begun = False
        for command in commands:
            if _ALONE.fullmatch(command.strip()):
                continue
            if _MACHINERY.search(command):
                lost += [(phase, each) for each in _statements(command) if not _INSIDE.fullmatch(each)]
                begun = begun or _WORK.search(command) is not None
            else:
                (after if begun else before).append(command)
        if before or after:
            own[phase] = (tuple(before), tuple(after))
    return GeneratedBuildspec(version, place, own, tuple(lost))


def _download(buildspec: Buildspec) -> tuple[KeyPath, str | None] | None:
    for phase, commands in _commands(buildspec):
        for index, command in enumerate(commands):
            match = _DOWNLOAD.search(command)
            if match:
                version = _VERSION.search(match.group())
                return ("phases", phase, "commands", index), version[1] if version else None
    return None


def _commands(buildspec: Buildspec) -> Iterator[tuple[str, Sequence[str]]]:
    phases = buildspec.phases
    for name, phase in zip(PHASES, (phases.install, phases.pre_build, phases.build, phases.post_build), strict=True):
        if phase is not None:
            yield name, phase.commands


def _statements(command: str) -> list[str]:
    """The lines of a command, without comments and without the semicolons in between."""
    lines = (line.strip() for line in re.split(r"\n|(?<=\bdo);?\s|;\s+(?=done|fi|exit)|;\s*$", command, flags=re.MULTILINE))
    return [line.rstrip(";").strip() for line in lines if line.rstrip(";").strip() and not line.startswith("#")]
