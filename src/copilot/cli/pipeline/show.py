"""`copilot pipeline show`: a pipeline's structure."""

from __future__ import annotations

from typing import Any

import click

from copilot.cli._context import Context
from copilot.cli._options import app_option, json_option
from copilot.cli._output import bold, out, print_json, table, timestamp
from copilot.cli._output import fields as table_of_fields
from copilot.cli._root import command
from copilot.cli.pipeline._target import Target, choose_pipeline, name_option
from copilot.cli.pipeline._text import printable, shorten
from copilot.engine import PipelineDetail
from copilot.release.plan import (
    Action,
    ApprovalAction,
    BuildAction,
    CommandsAction,
    DeployAction,
    OtherAction,
    ProjectAction,
    SourceAction,
    Stage,
)

Resources = list[dict[str, str]]
"""Each with ``type``, ``physicalID`` and ``logicalID``, as AWS Copilot has them."""
_WIDEST_DETAILS = 80
"""Columns; the JSON answer has all of it."""


@command("pipeline show")
@app_option
@name_option
@json_option
@click.option("--resources", is_flag=True, help="List what the pipeline uses and deploys, too.")
def show(context: Context, name: str | None, as_json: bool, resources: bool) -> None:
    """As it was read by the last `copilot pipeline update`."""
    target = choose_pipeline(context, name)
    pipeline = target.engine.pipeline(target.app, target.name)
    used = None
    if resources:
        used = context.aws.pipeline_resources(target.app, target.name) if context.on_aws else _resources(target, pipeline)
    if as_json:
        print_json(as_document(pipeline, used))
    else:
        out(as_text(pipeline, used))


def as_text(pipeline: PipelineDetail, resources: Resources | None) -> str:
    """The pipeline for a person."""
    definition = pipeline.definition
    about = [
        ("Name", definition.name),
        *([("On AWS", f"{pipeline.pipeline_name} in {pipeline.region}")] if _on_aws(pipeline) else []),
        ("Application", definition.app),
        ("Repository", definition.repository),
        ("Branch", definition.branch),
        ("Notices pushes by", pipeline.trigger),
        ("Manifest", definition.manifest),
        ("Mode", definition.plan.mode),
        ("Created", timestamp(pipeline.created_at)),
        ("Updated", timestamp(pipeline.updated_at)),
    ]
    rows = [row for stage in definition.plan.stages for row in _rows(stage, pipeline.disabled_stages)]
    parts = [table_of_fields(about), table(rows, ("Stage", "Order", "Action", "Details"))]
    if resources is not None:
        parts.append(table([(r["type"], r["physicalID"], r["logicalID"]) for r in resources], ("Type", "Name", "Used by")))
    return "\n\n".join(parts)


def as_document(pipeline: PipelineDetail, resources: Resources | None) -> dict[str, Any]:
    """The JSON answer: AWS Copilot's keys, and ours besides."""
    definition = pipeline.definition
    document = {
        "name": definition.name,
        "pipelineName": pipeline.pipeline_name,
        "app": definition.app,
        "region": pipeline.region,
        "accountId": pipeline.account_id,
        "repository": definition.repository,
        "branch": definition.branch,
        "manifest": definition.manifest,
        "trigger": pipeline.trigger,
        "mode": definition.plan.mode,
        "stages": [_stage_document(stage, pipeline) for stage in definition.plan.stages],
        "createdAt": timestamp(pipeline.created_at),
        "updatedAt": timestamp(pipeline.updated_at),
    }
    return document if resources is None else {**document, "resources": resources}


def _stage_document(stage: Stage, pipeline: PipelineDetail) -> dict[str, Any]:
    # AWS Copilot describes a stage by what it ends in; its gate and its tests are among our actions.
    main = next((a for a in stage.actions if isinstance(a, DeployAction)), stage.actions[0])
    category, provider = _category(main, pipeline)
    return {
        "name": stage.name,
        "category": category,
        "provider": provider,
        "details": details(main),
        "environment": stage.environment,
        "transition": "DISABLED" if stage.name in pipeline.disabled_stages else "ENABLED",
        "actions": [
            {
                "name": action.name,
                "runOrder": action.run_order,
                "category": _category(action, pipeline)[0],
                "provider": _category(action, pipeline)[1],
                "details": details(action),
            }
            for action in stage.actions
        ],
    }


def _category(action: Action, pipeline: PipelineDetail) -> tuple[str, str]:
    build, deploy = ("CodeBuild", "CloudFormation") if _on_aws(pipeline) else ("Local", "Local")
    match action:
        case SourceAction():
            return "Source", action.provider
        case ApprovalAction():
            return "Approval", "Manual"
        case DeployAction():
            return "Deploy", deploy
        case CommandsAction():
            return "Test", build
        case OtherAction():
            return action.category, action.provider
        case BuildAction() | ProjectAction():
            return "Build", build


def details(action: Action) -> str:
    """What the action works on, in a few words."""
    match action:
        case SourceAction():
            return f"Repository: {action.repository}, branch {action.branch}"
        case BuildAction() | ProjectAction():
            return f"Buildspec: {action.buildspec}"
        case ApprovalAction():
            return f"Lapses after {action.timeout // (24 * 60)} d"
        case DeployAction():
            return f"Workload: {action.workload}"
        case CommandsAction():
            return f"Commands: {'; '.join(action.commands)}"
        case OtherAction():
            return f"{action.category} by {action.provider}, not from the manifest"


def _rows(stage: Stage, disabled: Any) -> list[tuple[str, str, str, str]]:
    name = bold(stage.name) + (f" (disabled: {disabled[stage.name]})" if stage.name in disabled else "")
    return [
        (name if index == 0 else "", str(action.run_order), action.name, shorten(printable(details(action)), _WIDEST_DETAILS))
        for index, action in enumerate(stage.actions)
    ]


def _on_aws(pipeline: PipelineDetail) -> bool:
    return pipeline.region != "local"


def _resources(target: Target, pipeline: PipelineDetail) -> Resources:
    """What the pipeline stands on, and what it deploys to."""
    source = pipeline.definition.plan.source
    found = [("Repository", source.repository, source.name)]
    if source.access_token_secret is not None:
        found.append(("Secret", source.access_token_secret, source.name))
    urls = {e.name: e.url for e in target.engine.environments(target.app)}
    for stage in pipeline.definition.plan.stages:
        if stage.environment is not None:
            found.append(("Environment", urls.get(stage.environment) or stage.environment, stage.name))
        found += [("Service", f"{a.workload} in {a.environment}", a.name) for a in stage.actions if isinstance(a, DeployAction)]
    return [{"type": kind, "physicalID": name, "logicalID": used_by} for kind, name, used_by in found]
