"""The API of CodePipeline."""

from __future__ import annotations

from typing import Any

from moto.codepipeline.models import codepipeline_backends
from moto.core.responses import ActionResult, BaseResponse, EmptyResult

from tests.aws.pipelines import errors
from tests.aws.pipelines.pipeline import LOCK, Pipeline
from tests.aws.pipelines.runs import ActionRun, Run

_PAGE = 100


class PipelineResponse(BaseResponse):
    """What is answered."""

    def __init__(self) -> None:
        super().__init__(service_name="codepipeline")

    def call_action(self) -> Any:
        with LOCK:
            return super().call_action()

    @property
    def _backend(self) -> Any:
        return codepipeline_backends[self.current_account][self.region]

    @property
    def _pipeline(self) -> Pipeline:
        found: Pipeline = self._backend.find(self._get_param("pipelineName") or self._get_param("name"))
        return found

    # -- pipelines -----------------------------------------------------------------------------------------------

    def create_pipeline(self) -> ActionResult:
        tags = {each["key"]: each["value"] for each in self._get_param("tags") or []}
        pipeline = self._backend.create(_whole(self._get_param("pipeline")), tags)
        return ActionResult({"pipeline": _declared(pipeline), "tags": self._get_param("tags") or []})

    def update_pipeline(self) -> ActionResult:
        return ActionResult({"pipeline": _declared(self._backend.update(_whole(self._get_param("pipeline"))))})

    def get_pipeline(self) -> ActionResult:
        pipeline, version = self._pipeline, self._get_param("version")
        if version not in {None, pipeline.version}:
            raise errors.PipelineVersionNotFoundError(f"Pipeline '{pipeline.name}' has no version {version} here")
        metadata = {"pipelineArn": pipeline.arn, "created": pipeline.created, "updated": pipeline.updated}
        return ActionResult({"pipeline": _declared(pipeline), "metadata": metadata})

    def list_pipelines(self) -> ActionResult:
        pipelines = sorted(self._backend.pipelines.values(), key=lambda each: each.name)
        page, more = self._page(pipelines, 1000)
        described = [
            {
                "name": each.name,
                "version": each.version,
                "pipelineType": each.structure["pipelineType"],
                "executionMode": each.structure["executionMode"],
                "created": each.created,
                "updated": each.updated,
            }
            for each in page
        ]
        return ActionResult({"pipelines": described, **more})

    def delete_pipeline(self) -> EmptyResult:
        self._backend.delete(self._get_param("name"))
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        name = self._get_param("resourceArn").rpartition(":")[2]
        self._backend.find(name)
        tags = [{"key": key, "value": value} for key, value in sorted(self._backend.tags(name).items())]
        return ActionResult({"tags": tags})

    def tag_resource(self) -> EmptyResult:
        name = self._get_param("resourceArn").rpartition(":")[2]
        self._backend.find(name)
        self._backend.own_tags[name] |= {each["key"]: each["value"] for each in self._get_param("tags")}
        return EmptyResult()

    # -- executions ----------------------------------------------------------------------------------------------

    def start_pipeline_execution(self) -> ActionResult:
        pipeline = self._pipeline
        sources = {action["name"] for action in pipeline.actions("Source")}
        overrides = {}
        for each in self._get_param("sourceRevisions") or []:
            if each["actionName"] not in sources or each["revisionType"] != "COMMIT_ID":
                raise errors.ValidationError(f"Source revision override for action {each['actionName']} is not valid")
            overrides[each["actionName"]] = each["revisionValue"]
        run = pipeline.start("StartPipelineExecution", pipeline.by, overrides)
        return ActionResult({"pipelineExecutionId": run.id})

    def list_pipeline_executions(self) -> ActionResult:
        stage = ((self._get_param("filter") or {}).get("succeededInStage") or {}).get("stageName")
        runs = [run for run in reversed(self._pipeline.runs) if stage is None or run.stage_status(stage) == "Succeeded"]
        page, more = self._page(runs, _PAGE)
        return ActionResult({"pipelineExecutionSummaries": [run.summary() for run in page], **more})

    def get_pipeline_execution(self) -> ActionResult:
        run = self._pipeline.find(self._get_param("pipelineExecutionId"))
        return ActionResult({"pipelineExecution": run.detail()})

    def list_action_executions(self) -> ActionResult:
        pipeline, chosen = self._pipeline, self._get_param("filter") or {}
        execution = chosen.get("pipelineExecutionId") or (chosen.get("latestInPipelineExecution") or {}).get(
            "pipelineExecutionId"
        )
        runs = [pipeline.find(execution)] if execution else pipeline.runs
        attempts = [(action, run) for run in runs for action in run.actions]
        if (chosen.get("latestInPipelineExecution") or {}).get("startTimeRange") == "Latest":
            attempts = list({(action.stage, action.name): (action, run) for action, run in attempts}.values())
        attempts.sort(key=lambda each: each[0].started, reverse=True)
        page, more = self._page(attempts, _PAGE)
        return ActionResult({"actionExecutionDetails": [action.detail(run) for action, run in page], **more})

    def get_pipeline_state(self) -> ActionResult:
        pipeline = self._pipeline
        state = {
            "pipelineName": pipeline.name,
            "pipelineVersion": pipeline.version,
            "stageStates": [_stage_state(pipeline, stage) for stage in pipeline.structure["stages"]],
            "created": pipeline.created,
            "updated": pipeline.updated,
        }
        return ActionResult(state)

    # -- what people do ------------------------------------------------------------------------------------------

    def put_approval_result(self) -> ActionResult:
        result, names = self._get_param("result"), (self._get_param("stageName"), self._get_param("actionName"))
        approved, summary = result["status"] == "Approved", result["summary"]
        at = self._pipeline.decide(*names, self._get_param("token"), approved=approved, summary=summary)
        return ActionResult({"approvedAt": at})

    def retry_stage_execution(self) -> ActionResult:
        stage, execution, mode = (self._get_param(name) for name in ("stageName", "pipelineExecutionId", "retryMode"))
        return ActionResult({"pipelineExecutionId": self._pipeline.retry(stage, execution, mode)})

    def rollback_stage(self) -> ActionResult:
        run = self._pipeline.roll_back(self._get_param("stageName"), self._get_param("targetPipelineExecutionId"))
        return ActionResult({"pipelineExecutionId": run.id})

    def stop_pipeline_execution(self) -> ActionResult:
        execution = self._get_param("pipelineExecutionId")
        self._pipeline.stop(execution, self._get_param("reason"), abandon=bool(self._get_param("abandon")))
        return ActionResult({"pipelineExecutionId": execution})

    def enable_stage_transition(self) -> EmptyResult:
        self._pipeline.set_transition(self._get_param("stageName"), None)
        return EmptyResult()

    def disable_stage_transition(self) -> EmptyResult:
        self._pipeline.set_transition(self._get_param("stageName"), self._get_param("reason"))
        return EmptyResult()

    def _page(self, items: list[Any], size: int) -> tuple[list[Any], dict[str, str]]:
        token = self._get_param("nextToken") or "0"
        if not token.isdecimal() or int(token) > len(items):
            raise errors.InvalidNextTokenError("The next token is invalid")
        begin, size = int(token), min(size, int(self._get_param("maxResults") or size))
        more = {"nextToken": str(begin + size)} if begin + size < len(items) else {}
        return items[begin : begin + size], more


def _stage_state(pipeline: Pipeline, stage: dict[str, Any]) -> dict[str, Any]:
    name = stage["name"]
    disabled = pipeline.disabled.get(name)
    transition: dict[str, Any] = {"enabled": disabled is None}
    if disabled is not None:
        transition |= {"lastChangedBy": pipeline.by, "lastChangedAt": disabled[1], "disabledReason": disabled[0]}
    waiting = [run for run in pipeline.runs if run.active and run.rules.stage.name == name and run.rules.run.status == "Pending"]
    inbound = [_stage_execution(run, "InProgress") for run in waiting]
    state: dict[str, Any] = {
        "stageName": name,
        "inboundExecutions": inbound,
        "inboundTransitionState": transition,
        "actionStates": [_action_state(pipeline, name, action) for action in stage["actions"]],
    }
    if inbound:
        state["inboundExecution"] = inbound[-1]
    entered = pipeline.entered.get(name)
    if entered:
        state["latestExecution"] = _stage_execution(entered[-1], entered[-1].stage_status(name) or "InProgress")
        if name in entered[-1].retries:
            state["retryStageMetadata"] = entered[-1].retries[name]
    return state


def _stage_execution(run: Run, status: str) -> dict[str, str]:
    return {"pipelineExecutionId": run.id, "status": status, "type": run.type}


def _action_state(pipeline: Pipeline, stage: str, action: dict[str, Any]) -> dict[str, Any]:
    """The newest attempt, of whichever execution."""
    state: dict[str, Any] = {"actionName": action["name"]}
    attempts: list[tuple[ActionRun, Run]] = [
        (each, run) for run in pipeline.runs for each in run.actions if (each.stage, each.name) == (stage, action["name"])
    ]
    if not attempts:
        return state
    attempt, run = max(attempts, key=lambda each: each[0].started)
    state["latestExecution"] = attempt.state()
    revision = run.revisions.get(action["name"]) if attempt.category == "Source" else None
    if revision is not None and attempt.status == "Succeeded":
        state["currentRevision"] = {"revisionId": revision.id, "revisionChangeId": revision.id, "created": revision.created}
        state["revisionUrl"] = revision.url
    if attempt.external_url is not None:
        state["entityUrl"] = attempt.external_url
    return state


def _whole(structure: dict[str, Any]) -> dict[str, Any]:
    """With what may be left out."""
    stages = [
        {
            **stage,
            "actions": [
                {"runOrder": 1, "configuration": {}, "inputArtifacts": [], "outputArtifacts": [], **action}
                for action in stage["actions"]
            ],
        }
        for stage in structure["stages"]
    ]
    without = {key: value for key, value in structure.items() if key != "version"}
    return {"pipelineType": "V1", "executionMode": "SUPERSEDED", **without, "stages": stages}


def _declared(pipeline: Pipeline) -> dict[str, Any]:
    return {**pipeline.structure, "version": pipeline.version}
