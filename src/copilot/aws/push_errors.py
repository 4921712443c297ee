"""Why an image could not be pushed to ECR, in sentences that say what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from copilot.docker.failures import failure
from copilot.errors import BuildError, ConflictError, CopilotError, EngineUnavailableError, NotFoundError


@dataclass(frozen=True)
class _Push:
    """Whose image was to go where."""

    workload: str
    registry: str
    repository: str

    @property
    def image(self) -> str:
        return f"image of `{self.workload}`"

    @property
    def where(self) -> str:
        return f"{self.image}: `{self.registry}`"


_Make = Callable[[_Push, re.Match[str]], CopilotError]


def explain_push(workload: str, repository: str, output: str) -> CopilotError:
    """The error of a `docker push`.

    Args:
        workload: Whose image it is.
        repository: Where it was to go, such as ``123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/api``.
        output: What the command printed.
    """
    engine = failure(output)
    if isinstance(engine, EngineUnavailableError):
        return engine
    registry, _, name = repository.partition("/")
    push = _Push(workload, registry, name)
    for pattern, make in _CAUSES:
        match = pattern.search(output)
        if match:
            error = make(push, match)
            break
    else:
        said = engine.message.removeprefix("the container engine refused: ")
        error = BuildError(f"{push.where} did not take it: {said}", hint=engine.hint)
    lines = [line for line in output.splitlines() if line.strip()]
    return type(error)(error.message, hint=error.hint, details=lines[-5:])


def no_repository(workload: str, repository: str) -> NotFoundError:
    """The repository is not there."""
    registry, _, name = repository.partition("/")
    return _no_repository(_Push(workload, registry, name))


def _no_repository(push: _Push) -> NotFoundError:
    return NotFoundError(
        f"{push.where} has no repository `{push.repository}`",
        hint=f"`copilot svc init --name {push.workload}` or `copilot job init --name {push.workload}` makes it",
    )


def _no_credentials(push: _Push, match: re.Match[str]) -> CopilotError:
    del match
    return EngineUnavailableError(
        f"{push.where} was sent no credentials",
        hint="Run this again, which logs in anew; Podman must not be told of another file by REGISTRY_AUTH_FILE",
    )


def _expired(push: _Push, match: re.Match[str]) -> CopilotError:
    del match
    return EngineUnavailableError(f"{push.where} does not accept the login", hint="Run this again, which logs in anew")


def _missing(push: _Push, match: re.Match[str]) -> CopilotError:
    del match
    return _no_repository(push)


def _immutable(push: _Push, match: re.Match[str]) -> CopilotError:
    del match
    return ConflictError(
        f"{push.where} has another image with this tag, and its repository `{push.repository}` lets no tag be changed",
        hint="Set the repository's tag mutability to MUTABLE: the tag `latest` moves with each build",
    )


def _not_allowed(push: _Push, match: re.Match[str]) -> CopilotError:
    return EngineUnavailableError(
        f"{push.where} refused it: `{match['who']}` may not do `{match['action']}` on `{push.repository}`",
        hint=f"Ask whoever runs the AWS account to allow `{match['action']}`, or choose another profile with AWS_PROFILE",
    )


def _denied(push: _Push, match: re.Match[str]) -> CopilotError:
    del match
    return EngineUnavailableError(
        f"{push.where} refused it: these AWS credentials may not push to `{push.repository}`",
        hint="Ask whoever runs the AWS account for that permission, or choose another profile with AWS_PROFILE",
    )


def _full(push: _Push, match: re.Match[str]) -> CopilotError:
    del match
    return BuildError(
        f"{push.image} cannot be pushed: the disk is full",
        hint="Free space: `docker system df` shows what takes it, `docker builder prune` and `docker image prune` help",
    )


def _throttled(push: _Push, match: re.Match[str]) -> CopilotError:
    del match
    return EngineUnavailableError(f"{push.where} answers that there are too many requests", hint="Run this again in a minute")


def _unreachable(push: _Push, match: re.Match[str]) -> CopilotError:
    return EngineUnavailableError(
        f"{push.where} cannot be reached: {match[0].strip()}",
        hint="Look at the network, then run this again: what was sent is kept",
    )


def _gone(push: _Push, match: re.Match[str]) -> CopilotError:
    del match
    return BuildError(
        f"{push.image} is not on the container engine any more", hint="Something deleted it meanwhile: run this again"
    )


_NETWORK = (
    r"dial tcp.*|lookup \S+.*no such host.*|net/http: .*timeout.*"
    r"|.*(?:i/o timeout|Client\.Timeout|connection (?:refused|reset)).*|unexpected EOF|\S+: EOF$"
)
# The first that matches counts. The words are those of ECR, of other registries, and of Docker.
_CAUSES: tuple[tuple[re.Pattern[str], _Make], ...] = (
    (re.compile(r"no basic auth credentials"), _no_credentials),
    (re.compile(r"authorization token has expired|unauthorized: ", re.IGNORECASE), _expired),
    (re.compile(r"name unknown|repository with name \S+ does not exist", re.IGNORECASE), _missing),
    (re.compile(r"(?:tag|repository) is immutable|ImageTagAlreadyExists", re.IGNORECASE), _immutable),
    (re.compile(r"(?:User|Principal): (?P<who>\S+) is not authorized to perform: (?P<action>[\w-]+:\w+)"), _not_allowed),
    (re.compile(r"denied|403 Forbidden", re.IGNORECASE), _denied),
    (re.compile(r"no space left on device", re.IGNORECASE), _full),
    (re.compile(r"toomanyrequests|Rate exceeded", re.IGNORECASE), _throttled),
    (re.compile(_NETWORK, re.MULTILINE), _unreachable),
    (re.compile(r"does not exist locally|No such image|tag does not exist", re.IGNORECASE), _gone),
)
