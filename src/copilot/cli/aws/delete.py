"""``copilot svc delete``, ``job delete`` and ``pipeline delete`` on AWS."""

from __future__ import annotations

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._output import bold, progress, say, say_done, say_next
from copilot.cli.aws._stacks import watching


def delete(context: Context, name: str, environment: str | None, *, yes: bool, job: bool = False) -> None:
    """Delete its stack in each environment, or in one; from all also its images and what the application knows of it."""
    from copilot.aws import names
    from copilot.aws.stacks import Stacks

    engine, app = context.aws, context.app
    kind, words = ("job", "job") if job else ("service", "svc")
    with progress("Asking AWS"):
        if environment is not None:
            engine.store.environment(app, environment)
        deployed = [each for each in engine.deployed_to(app, name) if environment in (None, each)]
    if environment is not None and not deployed:
        say(f"{kind.capitalize()} {bold(name)} is not deployed to environment {environment}. There was nothing to do.")
        return
    where = f"environment {environment}" if environment else _everywhere(app, deployed)
    _ask.confirm_deletion(f"Delete {kind} {name} from {where}?", yes=yes)
    for each in deployed:
        record = engine.store.environment(app, each)
        stack = names.workload_stack(app, each, name)
        with watching(stack) as watch:
            Stacks(engine.inside(app, each)).delete(stack, record.execution_role, watch)
        say_done(f"Deleted {kind} {bold(name)} from environment {bold(each)}")
    if environment is None:
        with progress(f"Deleting the images of {name}"):
            engine.delete_workload(app, name)
        say_done(f"Deleted {kind} {bold(name)} from application {bold(app)}, with its images")
    say_next(f"copilot {words} ls")


def delete_pipeline(context: Context, name: str, *, delete_secret: bool, yes: bool) -> None:
    """Delete a pipeline's stack, and the secret with its access token if that is wanted."""
    from copilot.aws.pipelines import Pipelines
    from copilot.cli.pipeline.delete import say_deleted

    with progress("Asking AWS"):
        pipelines = Pipelines(context.account)
        pipeline = pipelines.find(context.app, name)
        secret = pipelines.token_secret(pipeline)
        pipelines.check_at_rest(pipeline)  # nobody is asked about what is refused then
    _ask.confirm_deletion(f"Delete pipeline {name} with the history of its executions?", yes=yes)
    with watching(pipeline.stack_name) as watch:
        pipelines.delete(pipeline, secret if delete_secret else None, watch)
    say_deleted(name, secret, deleted=delete_secret)


def _everywhere(app: str, deployed: list[str]) -> str:
    places = f"environment{'s' if len(deployed) > 1 else ''} {', '.join(deployed)}, and " if deployed else ""
    return f"{places}application {app}, with all its images"
