"""`copilot pipeline enable` and `disable`: whether executions may enter a stage."""

from __future__ import annotations

import click

from copilot.cli._context import Context
from copilot.cli._options import app_option
from copilot.cli._output import say, say_done
from copilot.cli._root import command
from copilot.cli.pipeline._target import Target, choose_pipeline, choose_word, name_option, user_name
from copilot.engine import PipelineDetail


@command("pipeline enable")
@app_option
@name_option
@click.argument("stage")
def enable(context: Context, name: str | None, stage: str) -> None:
    """STAGE is a stage's name, or an environment's."""
    target = choose_pipeline(context, name)
    pipeline = target.engine.pipeline(target.app, target.name)
    stage = _stage(target, pipeline, stage)
    if stage not in pipeline.disabled_stages:
        say(f"There was nothing to do: {stage} is enabled.")
        return
    target.engine.set_transition(target.app, target.name, stage, True)
    say_done(f"Enabled {stage}: executions that wait for it go on")


@command("pipeline disable")
@app_option
@name_option
@click.option("--reason", metavar="TEXT", help="Why; shown to everybody who looks.")
@click.argument("stage")
def disable(context: Context, name: str | None, reason: str | None, stage: str) -> None:
    """STAGE is a stage's name, or an environment's. What is in the stage finishes."""
    target = choose_pipeline(context, name)
    pipeline = target.engine.pipeline(target.app, target.name)
    stage = _stage(target, pipeline, stage)
    given = reason or f"disabled by {user_name()}"
    reason = _kept(given) if target.on_aws else given
    if pipeline.disabled_stages.get(stage) == reason:
        say(f"There was nothing to do: {stage} is disabled.")
        return
    target.engine.set_transition(target.app, target.name, stage, False, reason)
    say_done(f"Disabled {stage}: executions wait in front of it until {target.command(f'enable {stage}')}")
    if reason != given:
        say(f"  CodePipeline takes few characters for a reason. It keeps: {reason}")


def _kept(reason: str) -> str:
    from copilot.aws.execution_values import disabling_reason

    return disabling_reason(reason)


def _stage(target: Target, pipeline: PipelineDetail, word: str) -> str:
    plan = pipeline.definition.plan
    by_name = {stage.environment or stage.name: stage.name for stage in plan.stages} | {s.name: s.name for s in plan.stages}
    return by_name[choose_word(word, list(by_name), f"pipeline `{target.name}` has no stage")]
