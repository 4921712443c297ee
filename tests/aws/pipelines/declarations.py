"""Pipelines and projects as CloudFormation has them, as their own services have them, and as the rules of executions see them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.session import get_session
from botocore.validate import ParamValidator

from copilot.release.plan import ExecutionMode, OnFailure, Plan, ProjectAction, Stage

_VARIABLE = re.compile(r"#\{([A-Za-z0-9@\-_]+)\.([A-Za-z0-9@\-_]+)\}")
_ON_FAILURE: dict[str | None, OnFailure] = {"ROLLBACK": "rollback", "RETRY": "retry"}
_MODES: dict[str, ExecutionMode] = {"SUPERSEDED": "superseded", "QUEUED": "queued", "PARALLEL": "parallel"}
_HIDDEN = "****"
"""What CodePipeline answers with in place of an access token."""


class InvalidStructureError(Exception):
    """A pipeline that CodePipeline would refuse."""


def structure_of(properties: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The properties of an ``AWS::CodePipeline::Pipeline`` as the API's PipelineDeclaration. Raises InvalidStructureError."""
    stores = {each["Region"]: _camel(each["ArtifactStore"]) for each in properties.get("ArtifactStores", [])}
    structure: dict[str, Any] = {
        "name": name,
        "roleArn": properties["RoleArn"],
        "stages": [_stage(stage) for stage in properties["Stages"]],
        "pipelineType": properties.get("PipelineType", "V1"),
        "executionMode": properties.get("ExecutionMode", "SUPERSEDED"),
        **({"artifactStores": stores} if stores else {"artifactStore": _camel(properties["ArtifactStore"])}),
        **{_first(key): _camel(properties[key]) for key in ("Triggers", "Variables") if key in properties},
    }
    check(structure)
    return structure


def check(structure: Mapping[str, Any]) -> None:
    """Raises InvalidStructureError for a structure of another shape, or one whose names or artifacts do not fit together."""
    shape: Any = get_session().get_service_model("codepipeline").operation_model("CreatePipeline").input_shape
    report = ParamValidator().validate({"pipeline": dict(structure)}, shape)
    if report.has_errors():
        raise InvalidStructureError(report.generate_report())
    stages = structure["stages"]
    if len(stages) < 2:
        raise InvalidStructureError(
            f"Pipeline has only {len(stages)} stage(s). There should be a minimum of 2 stages in a pipeline"
        )
    known: set[str] = set()
    for index, stage in enumerate(stages):
        for action in sorted(stage["actions"], key=lambda action: int(action["runOrder"])):
            if (action["actionTypeId"]["category"] == "Source") != (index == 0):
                message = f"Pipeline stage '{stage['name']}' should only contain {'source' if index == 0 else 'other'} actions"
                raise InvalidStructureError(message)
            missing = [each["name"] for each in action["inputArtifacts"] if each["name"] not in known]
            if missing:
                message = (
                    f"Input Artifact Bundle {missing[0]} in action {action['name']} is declared as an output artifact nowhere"
                )
                raise InvalidStructureError(message)
            known |= {each["name"] for each in action["outputArtifacts"]}


def plan_of(structure: Mapping[str, Any]) -> Plan:
    """The structure, for the rules of `copilot.release.execution`: of an action they see no more than name and run order."""
    stages = []
    for stage in structure["stages"]:
        actions = sorted(stage["actions"], key=lambda action: (int(action["runOrder"]), action["name"]))
        seen = tuple(ProjectAction(action["name"], int(action["runOrder"]), "", "", 0) for action in actions)
        stages.append(Stage(stage["name"], seen, None, _ON_FAILURE.get(stage.get("onFailure", {}).get("result"), "stop")))
    return Plan("", structure["name"], tuple(stages), _MODES[structure["executionMode"]])


def resolved(text: str, namespaces: Mapping[str, Mapping[str, str]]) -> str:
    """A value of a configuration with its variables filled in. Raises KeyError for one that is not there."""
    return _VARIABLE.sub(lambda match: namespaces[match[1]][match[2]], text)


def project_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of an ``AWS::CodeBuild::Project`` as CodeBuild has them."""
    project: dict[str, Any] = _camel({key: value for key, value in properties.items() if key != "Tags"})
    source = project["source"]
    if "buildSpec" in source:
        source["buildspec"] = source.pop("buildSpec")
    for key in ("timeoutInMinutes", "queuedTimeoutInMinutes"):
        if key in project:
            project[key] = int(project[key])
    environment = project["environment"]
    environment["privilegedMode"] = str(environment.get("privilegedMode", False)).lower() == "true"
    variables = environment.get("environmentVariables", [])
    environment["environmentVariables"] = [{"type": "PLAINTEXT", **each, "value": str(each["value"])} for each in variables]
    return project


def _stage(properties: Mapping[str, Any]) -> dict[str, Any]:
    stage: dict[str, Any] = _camel({key: value for key, value in properties.items() if key != "Actions"})
    return {**stage, "actions": [_action(action) for action in properties["Actions"]]}


def _action(properties: Mapping[str, Any]) -> dict[str, Any]:
    configuration = {key: _plain(key, value) for key, value in properties.get("Configuration", {}).items()}
    action: dict[str, Any] = _camel({key: value for key, value in properties.items() if key != "Configuration"})
    action["runOrder"] = int(action.get("runOrder", 1))
    if "timeoutInMinutes" in action:
        action["timeoutInMinutes"] = int(action["timeoutInMinutes"])
    return {"inputArtifacts": [], "outputArtifacts": [], **action, "configuration": configuration}


def _plain(key: str, value: Any) -> str:
    if key == "OAuthToken":
        return _HIDDEN
    return str(value).lower() if isinstance(value, bool) else str(value)


def _camel(value: Any) -> Any:
    """With names that begin in lower case, as the services' own are."""
    if isinstance(value, Mapping):
        return {_first(key): _camel(each) for key, each in value.items()}
    return [_camel(each) for each in value] if isinstance(value, list) else value


def _first(key: str) -> str:
    return key[0].lower() + key[1:]
