"""Why an image could not be pushed to ECR, in sentences that say what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from copilot.docker.failures import failure
from copilot.errors import BuildError, ConflictError, CopilotError, EngineUnavailableError, NotFoundError


@dataclass(frozen=True)
class _Push:
    """Whose image was to go where; ``said``: parts of what is said about it."""

    workload: str
    registry: str
    repository: str
    said: Mapping[str, str] = field(default_factory=dict)

    @property
    def image(self) -> str:
        return f"image of `{self.workload}`"

    @property
    def where(self) -> str:
        return f"{self.image}: `{self.registry}`"


_Make = Callable[[_Push], CopilotError]


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
    push = _push(workload, repository)
    for pattern, make in _CAUSES:
        match = pattern.search(output)
        if match:
            error = make(replace(push, said=match.groupdict()))
            break
    else:
        said = engine.message.removeprefix("the container engine refused: ")
        error = BuildError(f"{push.where} did not take it: {said}", hint=engine.hint)
    lines = [line for line in output.splitlines() if line.strip()]
    return type(error)(error.message, hint=error.hint, details=lines[-5:])


def no_repository(workload: str, repository: str) -> NotFoundError:
    """The repository is not there."""
    return _no_repository(_push(workload, repository))


def immutable(workload: str, repository: str) -> ConflictError:
    """The repository lets no tag be changed, and another image has the one that is wanted."""
    return _immutable(_push(workload, repository))


def _push(workload: str, repository: str) -> _Push:
    registry, _, name = repository.partition("/")
    return _Push(workload, registry, name)


def _no_repository(push: _Push) -> NotFoundError:
    return NotFoundError(
        f"{push.where} has no repository `{push.repository}`",
        hint=f"`copilot svc init --name {push.workload}` or `copilot job init --name {push.workload}` makes it",
    )


def _no_credentials(push: _Push) -> CopilotError:
    return EngineUnavailableError(
        f"{push.where} was sent no credentials",
        hint="Run this again, which logs in anew; Podman must not be told of another file by REGISTRY_AUTH_FILE",
    )


def _expired(push: _Push) -> CopilotError:
    return EngineUnavailableError(f"{push.where} does not accept the login", hint="Run this again, which logs in anew")


def _immutable(push: _Push) -> ConflictError:
    return ConflictError(
        f"{push.where} has another image with this tag, and its repository `{push.repository}` lets no tag be changed",
        hint="Set the repository's tag mutability to MUTABLE: the tag `latest` moves with each build",
    )


def _not_allowed(push: _Push) -> CopilotError:
    return EngineUnavailableError(
        f"{push.where} refused it: `{push.said['who']}` may not do `{push.said['action']}` on `{push.repository}`",
        hint=f"Ask whoever runs the AWS account to allow `{push.said['action']}`, or choose another profile with AWS_PROFILE",
    )


def _denied(push: _Push) -> CopilotError:
    return EngineUnavailableError(
        f"{push.where} refused it: these AWS credentials may not push to `{push.repository}`",
        hint="Ask whoever runs the AWS account for that permission, or choose another profile with AWS_PROFILE",
    )


def _full(push: _Push) -> CopilotError:
    return BuildError(
        f"{push.image} cannot be pushed: the disk is full",
        hint="Free space: `docker system df` shows what takes it, `docker builder prune` and `docker image prune` help",
    )


def _throttled(push: _Push) -> CopilotError:
    return EngineUnavailableError(f"{push.where} answers that there are too many requests", hint="Run this again in a minute")


def _unreachable(push: _Push) -> CopilotError:
    return EngineUnavailableError(
        f"{push.where} cannot be reached: {push.said['reason'].strip()}",
        hint="Look at the network, then run this again: what was sent is kept",
    )


def _gone(push: _Push) -> CopilotError:
    return BuildError(
        f"{push.image} is not on the container engine any more", hint="Something deleted it meanwhile: run this again"
    )


_NETWORK = (
    r"(?:[A-Z][a-z]+ \"?https?://\S+ )?(?P<reason>dial tcp.*|lookup \S+.*no such host.*|net/http: .*timeout.*"
    r"|.*(?:i/o timeout|Client\.Timeout|connection (?:refused|reset)).*|unexpected EOF|\S+: EOF$)"
)
# The first that matches counts. The words are those of ECR, of other registries, and of Docker.
_CAUSES: tuple[tuple[re.Pattern[str], _Make], ...] = (
    (re.compile(r"no basic auth credentials"), _no_credentials),
    (re.compile(r"authorization token has expired|unauthorized: ", re.IGNORECASE), _expired),
    (re.compile(r"name unknown|repository with name \S+ does not exist", re.IGNORECASE), _no_repository),
    (re.compile(r"(?:tag|repository) is immutable|ImageTagAlreadyExists", re.IGNORECASE), _immutable),
    (re.compile(r"(?:User|Principal): (?P<who>\S+) is not authorized to perform: (?P<action>[\w-]+:\w+)"), _not_allowed),
    (re.compile(r"denied|403 Forbidden", re.IGNORECASE), _denied),
    (re.compile(r"no space left on device", re.IGNORECASE), _full),
    (re.compile(r"toomanyrequests|Rate exceeded", re.IGNORECASE), _throttled),
    (re.compile(_NETWORK, re.MULTILINE), _unreachable),
    (re.compile(r"does not exist locally|No such image|tag does not exist", re.IGNORECASE), _gone),
)
