"""``copilot pipeline update`` on AWS: the stack of a pipeline, its connection, and the execution that follows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot.cli import _ask
from copilot.cli._output import WAITING, bold, dim, duration, progress, say, say_done, say_next, yellow
from copilot.cli.aws._stacks import Outcome, Wish, plain_watch, show_difference, waits, watching
from copilot.cli.aws.deploy import register
from copilot.cli.pipeline._text import execution_label
from copilot.cli.pipeline.build import deployment_targets
from copilot.cli.pipeline.update import DONE, show_plan, warn
from copilot.cli.pipeline.view import Hints
from copilot.errors import CopilotError, NotFoundError

if TYPE_CHECKING:
    from copilot.aws.client import Aws
    from copilot.aws.connections import Connection
    from copilot.aws.pipeline_package import Inspection, PipelinePackage
    from copilot.cli._context import Context
    from copilot.release.plan import Plan
    from copilot.workspace import PipelineFiles, Workspace

_CONNECTION = "PipelineConnectionARN"
"""The output of a pipeline's stack that has its connection."""
_BEGINNINGS = {
    "started": "Started execution {}",
    "retried": "Retried execution {}, which could not fetch anything before",
    "by itself": "Execution {} has begun by itself",
}


def update(context: Context, workspace: Workspace, files: PipelineFiles, wish: Wish) -> None:
    """Check everything; then make what the pipeline needs, change its stack, wait for its connection, and start an execution."""
    _Update(context, workspace, files, wish).run()


@dataclass(frozen=True)
class _Update:
    context: Context
    workspace: Workspace
    files: PipelineFiles
    wish: Wish

    @property
    def aws(self) -> Aws:
        return self.context.aws.aws

    def run(self) -> None:
        from copilot.aws.pipeline_package import inspect_pipeline
        from copilot.aws.pipelines import Pipelines

        with progress("Asking AWS"):
            inspection = inspect_pipeline(self.aws, self.workspace, self.files, to_run=True)
            pipelines = Pipelines(self.aws)
            pipelines.check_name(self.context.app, inspection.stack_name)
            pipelines.check_whole(inspection.plan.pipeline, inspection.stack_name)
            before = self._present_plan(inspection.plan.pipeline)
        plan = inspection.plan
        if inspection.connection is not None:
            _check_sound(inspection.connection)
        self._warn(plan)
        if not self._make_regions(inspection):
            say("Nothing was changed.")
            return
        begin = time.monotonic()
        with progress("Asking AWS"):
            package = inspection.package()
        after = _as_aws_tells(plan, before)
        outcome = self._change(package, before, after)
        if outcome == "declined":
            say("Nothing was changed.")
        elif outcome == "begun":
            say(f"AWS works on pipeline {bold(plan.pipeline)} now.")
            say("  Run the same command without `--detach` to wait for it, and to start an execution.")
        else:
            took = "" if outcome == "unchanged" else f" in {duration(time.monotonic() - begin)}"
            say_done(f"{DONE[outcome]} pipeline {bold(plan.pipeline)}{took}")
            if outcome == "unchanged" and before not in (None, after):
                say("  The pipeline on AWS was changed by hand, and CloudFormation does not notice. The manifest says:")
                show_plan(before, after)
            elif not self.wish.diff and outcome != "unchanged":
                show_plan(before, after)
            self._release(package, created=outcome == "created")

    def _present_plan(self, name: str) -> Plan | None:
        try:
            return self.context.aws.pipeline(self.context.app, name).definition.plan
        except NotFoundError:
            return None

    def _warn(self, plan: Plan) -> None:
        from copilot.repository import normalise_url

        repository = normalise_url(plan.source.repository, self.workspace.repository)
        warn(self.workspace, self.files, repository, plan.source.branch)

    def _make_regions(self, inspection: Inspection) -> bool:
        """Give the application what pipelines need in regions where it has nothing yet; false if a person does not want that."""
        missing = inspection.missing_regions
        if not missing:
            return True
        app, listed = self.context.app, " and ".join(missing)
        if self.wish.diff:
            say(f"Application {app} has nothing in {listed} yet: it gets a bucket and a key there, and repositories for images.")
            if not self._agreed("Make them?"):
                return False
        with progress(f"Making a bucket and a key of application {app} in {listed}"):
            for region in missing:
                self.context.aws.in_account.add_region(app, region, plain_watch)
        say_done(f"Made a bucket and a key of application {bold(app)} in {listed}")
        return True

    def _change(self, package: PipelinePackage, before: Plan | None, after: Plan) -> Outcome:
        """Have the stack changed, once a person has seen and agreed to what changes, if that is wanted."""
        from copilot.aws.pipelines import Pipelines
        from copilot.aws.stacks import Stacks

        stacks, request = Stacks(self.aws), Pipelines(self.aws).request(package)
        with progress(f"Working out what changes in {request.name}"):
            proposal = stacks.propose(request, waits, clear_failed=True)
        if proposal is None:
            if self.wish.diff and not self._agreed("Nothing changes. Start an execution?"):
                return "declined"
            self._register(after)
            return "unchanged"
        with proposal:
            if self.wish.diff:
                show_difference(stacks, proposal)
                show_plan(before, after)  # last: it says in few words what the many lines before it come to
                if not self._agreed("Make it so?"):
                    return "declined"
            self._register(after)
            if self.wish.detach:
                stacks.begin(proposal)
                return "begun"
            with watching(request.name, request.template) as watch:
                stacks.execute(proposal, watch)
            return "created" if proposal.creates else "updated"

    def _agreed(self, question: str) -> bool:
        return self.wish.yes or _ask.confirm(question, flag="--yes", default=True)

    def _register(self, plan: Plan) -> None:
        """Make what is deployed part of the application: a build makes no repositories for images."""
        from copilot.workload_checks import load_named_workload

        register(self.context, {each: load_named_workload(self.workspace, each).model.type for each in deployment_targets(plan)})

    def _release(self, package: PipelinePackage, *, created: bool) -> None:
        """Have the pipeline release what is in the repository, as soon as it can read that."""
        from copilot.aws.connections import PENDING
        from copilot.aws.first_executions import FirstExecutions
        from copilot.aws.pipelines import Pipelines

        pipeline = Pipelines(self.aws).in_stack(self.context.app, package.pipeline, package.stack_name)
        if pipeline is None:
            raise CopilotError(f"there is no pipeline in stack `{package.stack_name}`", hint="an override has removed it")
        connection = self._connection(package.stack_name)
        allowed = False
        if connection is not None and connection.status == PENDING:
            if self.wish.detach:
                _say_pending(connection)
                say("  Run the same command without `--detach` then, and an execution starts.")
                return
            connection = self._wait_for(connection)
            allowed = True
        if connection is not None:
            _check_sound(connection)
        if allowed:
            say_done("The connection is allowed")
        say(dim(f"  pushes: {self.context.aws.pipeline(self.context.app, package.pipeline).trigger}"))
        with progress("Starting an execution"):
            first = FirstExecutions(self.aws).begin(pipeline, created=created, allowed=allowed)
        say_done(_BEGINNINGS[first.beginning].format(execution_label(first.id)))
        say_next(self._command("status --watch", package.pipeline))

    def _connection(self, stack: str) -> Connection | None:
        """The connection that the pipeline fetches code through, if it does so."""
        from copilot.aws.connections import Connections
        from copilot.aws.stacks import Stacks

        arn = Stacks(self.aws).require(stack).outputs.get(_CONNECTION)
        return Connections(self.aws).get(arn) if arn else None

    def _wait_for(self, connection: Connection) -> Connection:
        from copilot.aws.connections import Connections

        try:
            with progress(f"Waiting until connection {connection.name} is allowed"):
                return Connections(self.aws).wait(connection, _say_pending)
        except KeyboardInterrupt:
            say("\nThe pipeline is there, and its connection still waits to be allowed.")
            say("  Run the same command again to wait for it, and then to start an execution.")
            raise

    def _command(self, words: str, pipeline: str) -> str:
        flags = f" --name {pipeline}" if len(self.workspace.pipelines()) > 1 else ""
        return Hints(flags).command(words).text


def _as_aws_tells(plan: Plan, before: Plan | None) -> Plan:
    """The plan as far as it can be compared with that of the present pipeline."""
    from copilot.aws.pipeline_comparison import as_aws_tells

    return plan if before is None else as_aws_tells(plan, before)


def _say_pending(connection: Connection) -> None:
    from copilot.aws.connections import console_url

    say(f"{yellow(WAITING)} Connection {bold(connection.name)} waits until a person allows it to read the repository.")
    say("  Open this page, and choose Update pending connection:\n")
    say(f"  {console_url(connection)}\n", wrapped=False)


def _check_sound(connection: Connection) -> None:
    """Raises CopilotError if AWS could not make the connection."""
    from copilot.aws.connections import ERROR, console_url

    if connection.status == ERROR:
        raise CopilotError(
            f"connection `{connection.name}` to {connection.provider} does not work",
            hint=f"mend it at {console_url(connection)} or make another one, then run this again",
        )
