"""``copilot env`` on AWS."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.cli import _ask
from copilot.cli._output import bold, dim, fields, out, print_json, progress, say, say_done, say_next, shown_path, table, yellow
from copilot.cli.aws._environment_manifest import NetworkAnswers, environment_manifest
from copilot.cli.aws._stacks import Outcome, Wish, plain_watch, say_outcome, show_difference, watching
from copilot.errors import CopilotError, ManifestError, NotFoundError, Problem

if TYPE_CHECKING:
    from copilot.aws.client import Aws
    from copilot.aws.environments import EnvironmentDetail, Environments
    from copilot.cli._context import Context
    from copilot.manifest.environment import EnvironmentManifest
    from copilot.manifest.loader import Document
    from copilot.workspace import Workspace


@dataclass(frozen=True)
class Login:
    """The account and region that an environment is made in; None: as the environment variables and ~/.aws have it."""

    profile: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None

    def connect(self) -> Aws:
        """Raises UsageError if there is no such profile."""
        from copilot.aws.client import connect

        return connect(
            self.profile,
            self.region,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            session_token=self.session_token,
        )


def init(context: Context, name: str, login: Login, network: NetworkAnswers) -> None:
    """Make its roles, and write its manifest. ``env deploy`` makes the rest."""
    network.check()
    workspace = context.require_workspace()
    within = login.connect()
    where = f"account {within.account}, {within.region}"
    known = {environment.name for environment in context.aws.environments(context.app)}
    with progress(f"Asking AWS for environment {name}" if name in known else f"Creating environment {name} in {where}"):
        _environments(context).init(context.app, name, within, plain_watch)
    if name in known:
        say(f"Environment {bold(name)} exists in {where}.")
    else:
        say_done(f"Created the roles of environment {bold(name)} in {where}")
    path = _path(workspace, name)
    _write(path, environment_manifest(name, network), described=network != NetworkAnswers())
    say_next(f"copilot env deploy --name {name}")


def ls(context: Context) -> None:
    """One environment per line, by name, with where it is."""
    with progress("Asking AWS"):
        context.aws.application(context.app)
        records = context.aws.store.environments(context.app)
    if records:
        out(table([(r.name, r.account, r.region) for r in records], ("name", "account", "region")))
    else:
        say(f"Application {context.app} has no environments yet.")
        say_next("copilot env init --name test")


def deploy(context: Context, name: str, wish: Wish, *, force: bool, rollback: bool) -> None:
    """Make an environment what its manifest says."""
    environments = _environments(context)
    document = _manifest(context, name)
    with progress(f"Working out what changes in environment {name}"):
        package = environments.package(context.app, name, document.model, document.text, overrides=_overrides(context))
    begin = time.monotonic()
    if wish.diff and not _agreed(context, environments, document, name, wish, force=force):
        return
    with watching(f"{context.app}-{name}", package.template) as watch:
        outcome = environments.deploy(
            context.app,
            name,
            document.model,
            document.text,
            overrides=_overrides(context),
            force=force,
            rollback=rollback,
            detach=wish.detach,
            watch=watch,
        )
    # Its stack exists since `env init`: that it is updated now says nothing to a person.
    made: Outcome = "begun" if wish.detach else "created"
    say_outcome("unchanged" if outcome == "unchanged" else made, f"environment {name}", time.monotonic() - begin)
    workspace = context.require_workspace()
    say_next("copilot svc init" if not workspace.workloads() else f"copilot deploy --env {name}")


def package(context: Context, name: str, *, output_dir: Path | None, diff: bool) -> bool:
    """Print an environment's template, or write it with its parameters; the answer is whether ``diff`` found anything."""
    environments = _environments(context)
    document = _manifest(context, name)
    if diff:
        return _difference(context, environments, document, name)
    with progress("Asking AWS"):
        made = environments.package(context.app, name, document.model, document.text, overrides=_overrides(context))
    if output_dir is None:
        out(made.template, newline=False)
        return True
    output_dir.mkdir(parents=True, exist_ok=True)
    for file, text in made.files.items():
        (output_dir / file).write_text(text, "utf-8")
        say(f"  wrote {shown_path(output_dir / file)}")
    return True


def show(context: Context, name: str, *, as_json: bool, resources: bool, manifest: bool) -> None:
    """What is written down of it, what it runs, and where it answers."""
    with progress("Asking AWS"):
        detail = _environments(context).show(context.app, name)
        environment = context.engine.environment(context.app, name)
    if manifest:
        if detail.manifest is None:
            raise NotFoundError(
                f"environment `{name}` was not deployed yet, so it has no manifest on AWS",
                hint=f"deploy it with `copilot env deploy --name {name}`",
            )
        out(detail.manifest, newline=False)
        return
    services = [w for w in detail.workloads if w.type != "Scheduled Job"]
    jobs = [w for w in detail.workloads if w.type == "Scheduled Job"]
    if as_json:
        tags = dict(detail.stack.tags) if detail.stack else {}
        held = {"services": [w.to_dict() for w in services], "jobs": [w.to_dict() for w in jobs], "tags": tags}
        listed = {"resources": _listed(detail)} if resources else {}
        print_json({"environment": environment, **held, **listed})
        return
    rows = {
        "Environment": bold(name),
        "Application": context.app,
        "Account": detail.record.account,
        "Region": detail.record.region,
        "Status": detail.stack.status.replace("_", " ").lower() if detail.stack else yellow("its stack is gone"),
        "URL": environment.url or dim("none: no service asks for a load balancer"),
    }
    out(fields(rows))
    for title, workloads in (("Services", services), ("Jobs", jobs)):
        if workloads or title == "Services":
            out(f"\n{title}")
            out(table([(w.name, w.type) for w in workloads], ("name", "type")) if workloads else dim("none"))
    if resources:
        out("\nResources")
        out(table([(r.type, r.physical_id) for r in detail.resources], ("type", "id")))
    if detail.stack is None:
        say_next(f"copilot env init --name {name}")
    elif not detail.deployed:
        say_next(f"copilot env deploy --name {name}")


def delete(context: Context, name: str, *, yes: bool) -> None:
    """Nothing must be deployed there any more."""
    _ask.confirm_deletion(f"Delete environment {name} of application {context.app} and its network?", yes=yes)
    with watching(f"{context.app}-{name}") as watch:
        left = _environments(context).delete(context.app, name, watch=watch)
    say_done(f"Deleted environment {bold(name)}")
    for role in left:
        say(f"{yellow('warning:')} role `{role}` could not be deleted; delete it by hand in its account")
    say_next("copilot env ls")


def _environments(context: Context) -> Environments:
    return context.aws.of_applications


def _path(workspace: Workspace, name: str) -> Path:
    return workspace.folder / "environments" / name / "manifest.yml"


def _overrides(context: Context) -> Path:
    from copilot.aws.overrides import environment_overrides

    return environment_overrides(context.require_workspace())


def _manifest(context: Context, name: str) -> Document[EnvironmentManifest]:
    """Raises NotFoundError without a manifest, ManifestError with a bad one."""
    from copilot.manifest.environment import load_environment

    workspace = context.require_workspace()
    path = _path(workspace, name)
    if not path.exists():
        context.engine.environment(context.app, name)
        raise NotFoundError(
            f"environment `{name}` has no manifest: `{shown_path(path)}` does not exist",
            hint=f"`copilot env show --name {name} --manifest` prints the one it was last deployed with",
        )
    document = load_environment(path, application=context.app)
    written = document.model.name
    if written != name:
        message = f"the environment is called `{written}`, but its folder `{name}`"
        raise ManifestError([document.diagnostic(Problem(("name",), message, "give both the same name"))])
    return document


def _write(path: Path, text: str, *, described: bool) -> None:
    from copilot.workspace import write

    written = write(path, text)
    if written == "differs":
        say(f"  kept {shown_path(path)} as it is")
        if described:
            raise CopilotError(
                f"`{shown_path(path)}` exists, so what the flags say of the network was not written",
                hint="write it into that file, or delete the file and run this again",
            )
    elif written == "written":
        say(f"  wrote {shown_path(path)}")


def _agreed(
    context: Context, environments: Environments, document: Document[EnvironmentManifest], name: str, wish: Wish, *, force: bool
) -> bool:
    if not _difference(context, environments, document, name) and not force:
        say(f"Environment {bold(name)} is up to date. There was nothing to do.")
        return False
    if wish.yes or _ask.confirm(f"Change environment {name} like this?", flag="--diff-yes"):
        return True
    say("Nothing was changed.")
    return False


def _difference(context: Context, environments: Environments, document: Document[EnvironmentManifest], name: str) -> bool:
    from copilot.aws.stacks import Stacks

    with progress(f"Working out what changes in environment {name}"):
        proposal = environments.propose(context.app, name, document.model, document.text, overrides=_overrides(context))
    if proposal is None:
        say("Nothing would change.", wrapped=sys.stderr.isatty())
        return False
    with proposal:
        return show_difference(Stacks(context.aws.inside(context.app, name)), proposal)


def _listed(detail: EnvironmentDetail) -> list[dict[str, str]]:
    return [{"type": r.type, "physicalID": r.physical_id, "logicalID": r.logical_id} for r in detail.resources]
