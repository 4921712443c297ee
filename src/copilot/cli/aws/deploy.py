"""``copilot deploy``, ``svc|job deploy`` and ``svc|job package`` on AWS."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.cli._output import OK, bold, dim, duration, green, out, progress, say, say_next, shown_path
from copilot.cli.aws._stacks import Wish, change_stack, say_outcome, show_difference
from copilot.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from copilot.aws.packaging import Images, Package, Packager, Target
    from copilot.aws.services import Services
    from copilot.aws.stacks import Explain
    from copilot.cli._context import Context
    from copilot.cli.aws.env import Login
    from copilot.manifest.workload import WorkloadDocument
    from copilot.workspace import Workspace

_JOB = "Scheduled Job"


@dataclass(frozen=True)
class DeployFlags:
    """The flags of a deployment.

    Attributes:
        tag: Of the images; None: the commit.
        tags: More tags on what is made.
        force: Start new tasks even if nothing changes.
        rollback: Whether AWS undoes a deployment that fails.
        wish: How stacks are changed.
    """

    tag: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    force: bool = False
    rollback: bool = True
    wish: Wish = field(default_factory=Wish)


def deploy(context: Context, workloads: Sequence[str], environment: str, flags: DeployFlags, *, in_order: bool = True) -> None:
    """Build what is in the working tree, push it, and change one stack after the other.

    Args:
        context: Of the command.
        workloads: What is deployed, at least one.
        environment: Where.
        flags: How.
        in_order: Whether they are deployed as they are listed. Otherwise publishers of topics come before subscribers.
    """
    from copilot.aws.packaging import Packager
    from copilot.aws.publishing import publish
    from copilot.cli.deploy import revision_of

    workspace = _own_workspace(context)
    packager = Packager(context.account, workspace)
    targets = [(name, environment) for name in workloads]
    documents = packager.load(targets)
    register(context, {name: document.model.type for (name, _), document in documents.items()})
    with progress("Asking AWS about the environment"):
        packager.place(environment)
    revision = revision_of(workspace.root)
    images = publish(context.account, packager, documents, lambda line: say(dim(f"  {line}")), revision=revision, tag=flags.tag)
    urls = []
    for target in targets if in_order else publishers_first(documents):
        with progress(f"Preparing {target[0]}"):
            package = packager.package(target, documents[target], images[target], upload=True)
        urls.append(_deploy_one(packager, package, flags, job=documents[target].model.type == _JOB))
    for url in filter(None, urls):
        out(url)
    first = targets[0][0]
    look = "job run" if documents[targets[0]].model.type == _JOB else "svc status"
    say_next(f"copilot {look} --name {first} --env {environment}")


def publishers_first(documents: Mapping[Target, WorkloadDocument]) -> list[Target]:
    """Workloads in the order in which they can be made: a topic must be there before something subscribes to it."""
    by_name = {target[0]: target for target in documents}
    waiting = {target: _publishers(document) & by_name.keys() - {target[0]} for target, document in documents.items()}
    ordered: list[Target] = []
    while waiting:
        placed = {target[0] for target in ordered}
        # Those that subscribe to each other cannot be put in order: AWS then says which topic is missing.
        ready = [target for target, needed in waiting.items() if needed <= placed] or list(waiting)
        ordered += ready
        waiting = {target: needed for target, needed in waiting.items() if target not in ready}
    return ordered


def _publishers(document: WorkloadDocument) -> set[str]:
    subscribe = getattr(document.model, "subscribe", None)
    return {topic.service for topic in subscribe.topics} if subscribe is not None else set()


def prepare(context: Context, environment: str, login: Login | None, flags: DeployFlags, *, deploy_it: bool) -> None:
    """Make an environment that is not there, with a ``login``, and deploy it."""
    from copilot.cli.aws import env
    from copilot.cli.aws._environment_manifest import NetworkAnswers

    known = [each.name for each in context.aws.environments(context.app)]
    if login is not None and environment not in known:
        env.init(context, environment, login, NetworkAnswers())
    if deploy_it:
        env.deploy(context, environment, flags.wish, force=flags.force, rollback=flags.rollback)


def package(
    context: Context,
    workload: str,
    environment: str,
    *,
    output_dir: Path | None,
    tag: str | None,
    upload: bool,
    diff: bool,
) -> bool:
    """Print a workload's template, or write it with its parameters; the answer is whether ``diff`` found anything to change."""
    from copilot.aws.packaging import Packager

    workspace = _own_workspace(context)
    packager = Packager(context.account, workspace)
    target: Target = (workload, environment)
    documents = packager.load([target])
    if upload:
        from copilot.aws.publishing import publish
        from copilot.cli.deploy import revision_of

        register(context, {workload: documents[target].model.type})
        revision = revision_of(workspace.root)
        images = publish(context.account, packager, documents, lambda line: say(dim(f"  {line}")), revision=revision, tag=tag)
    else:
        images = packager.named(documents, tag)
        if diff and tag is None:
            images = {target: _deployed_images(packager, target, images[target])}
    made = packager.package(target, documents[target], images[target], upload=upload)
    if diff:
        from copilot.aws.stacks import Stacks

        request = packager.request(made, tags={}, rollback=True)
        with progress(f"Working out what changes in {request.name}"):
            stacks = Stacks(packager.place(environment).aws)
            proposal = stacks.propose(request)
        if proposal is None:
            say("Nothing would change.")
            return False
        with proposal:
            return show_difference(stacks, proposal)
    if output_dir is None:
        out(made.template, newline=False)
        return True
    for path in made.write(output_dir):
        say(f"  wrote {shown_path(path)}")
    return True


def _deployed_images(packager: Packager, target: Target, named: Images) -> Images:
    """The images that run now, as far as there are some: what is not built yet is no difference."""
    from dataclasses import replace

    from copilot.aws import names
    from copilot.aws.stacks import Stacks

    workload, environment = target
    stack = Stacks(packager.place(environment).aws).find(names.workload_stack(packager.application, environment, workload))
    current = stack.parameters.get("ContainerImage") if stack is not None else None
    return replace(named, main=current) if named.main is not None and current else named


def _deploy_one(packager: Packager, made: Package, flags: DeployFlags, *, job: bool) -> str | None:
    """Change a workload's stack; the answer is where the workload answers, if the stack tells."""
    from copilot.aws.services import Services
    from copilot.aws.stacks import Stacks

    aws = packager.place(made.environment).aws
    services = Services(aws, packager.application, made.environment)
    explain = why_it_failed(services, made.workload)
    begin = time.monotonic()
    request = packager.request(made, tags=flags.tags, rollback=flags.rollback)
    stacks = Stacks(aws)
    outcome = change_stack(stacks, request, flags.wish, clear_failed=True, explain=explain)
    if outcome == "unchanged" and flags.force and not job:
        with progress(f"Starting new tasks of {made.workload}"):
            services.restart(made.workload)
        took = duration(time.monotonic() - begin)
        say(f"{green(OK)} Started new tasks of {bold(made.workload)} in {bold(made.environment)}, {took}; nothing else changes")
    elif outcome == "unchanged":
        say(f"{bold(made.workload)} in {bold(made.environment)} is up to date. There was nothing to do.")
        if not job:
            say(f"  New tasks all the same: copilot svc deploy --name {made.workload} --env {made.environment} --force")
    else:
        say_outcome(outcome, f"{made.workload} to {made.environment}", time.monotonic() - begin)
    stack = stacks.find(request.name)
    return stack.outputs.get("URL") if stack is not None else None


def why_it_failed(services: Services, workload: str) -> Explain:
    """What else is known when a resource of a workload's stack fails: for an ECS service why its tasks stopped."""
    return lambda event: services.stopped_because(workload) if event.type == "AWS::ECS::Service" else ()


def register(context: Context, types: Mapping[str, str]) -> None:
    """Make workloads part of the application that were never added, such as those that come from the local engine."""
    engine = context.aws
    known = {workload.name for workload in engine.workloads(context.app)}
    new = {name: type_ for name, type_ in types.items() if name not in known}
    if new:
        with progress(f"Adding {', '.join(new)} to application {context.app}"):
            engine.register_workloads(context.app, new)


def _own_workspace(context: Context) -> Workspace:
    workspace = context.require_workspace()
    if context.app != workspace.application:
        raise UsageError(
            f"this repository belongs to application `{workspace.application}`, not `{context.app}`",
            hint="leave `--app` out, or go to the other repository",
        )
    return workspace
