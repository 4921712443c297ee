"""Deploy actions: a stack of a template and a configuration that the build put out, through CloudFormation."""

from __future__ import annotations

import json
import time
from typing import Any

from botocore.exceptions import ClientError

from tests.aws.pipelines import artifacts
from tests.aws.pipelines.clients import client
from tests.aws.pipelines.pipeline import Pipeline
from tests.aws.pipelines.runs import ActionFailedError, ActionRun, Place, Run

_LARGEST_INLINE = 51_200
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_UNUSABLE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED", "CREATE_FAILED")


def deploy(pipeline: Pipeline, run: Run, action: ActionRun) -> None:
    """Create or update the stack of an action. Raises ActionFailedError."""
    del run
    region, configuration = action.region, action.resolved
    if configuration["ActionMode"] != "CREATE_UPDATE":
        raise ActionFailedError("ConfigurationError", f"The emulator does not know ActionMode {configuration['ActionMode']}")
    for name, place in list(action.inputs.items()):
        inputs = dict(action.inputs)
        inputs[name] = artifacts.copied(place, pipeline.region, pipeline.store(region), region)
        action.inputs = inputs
    template = _file(action, region, configuration["TemplatePath"])
    given = (
        json.loads(_file(action, region, configuration["TemplateConfiguration"]))
        if "TemplateConfiguration" in configuration
        else {}
    )
    _Deployment(pipeline, action, template, given).run()


def _file(action: ActionRun, region: str, path: str) -> bytes:
    name, _, file = path.partition("::")
    place = action.inputs[name]
    content = artifacts.file(artifacts.read(place, region), file)
    if content is None:
        raise ActionFailedError("ConfigurationError", f"File [{file}] does not exist in artifact [{name}]")
    return content


class _Deployment:
    """What becomes of one stack."""

    def __init__(self, pipeline: Pipeline, action: ActionRun, template: bytes, given: dict[str, Any]) -> None:
        self._pipeline, self._action, self._template, self._given = pipeline, action, template, given
        self._stack = action.resolved["StackName"]
        self._client: Any = client("cloudformation", action.region)

    def run(self) -> None:
        """Deploy. Raises ActionFailedError."""
        there = self._described()
        status = there["StackStatus"] if there else "REVIEW_IN_PROGRESS"
        if there is not None:
            self._show(there["StackId"])
        if status in _UNUSABLE:
            raise self._failed(f"Stack:{self._id()} is in {status} state and can not be updated.")
        name = f"pipeline-{self._action.id}"
        creates = status == "REVIEW_IN_PROGRESS"
        request = {
            "StackName": self._stack,
            "ChangeSetName": name,
            "ChangeSetType": "CREATE" if creates else "UPDATE",
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in self._given.get("Parameters", {}).items()],
            "Tags": [{"Key": key, "Value": value} for key, value in self._given.get("Tags", {}).items()],
            "Capabilities": self._action.resolved.get("Capabilities", "").split(","),
            **self._body(),
        }
        if "RoleArn" in self._action.resolved:
            request["RoleARN"] = self._action.resolved["RoleArn"]
        try:
            made = self._client.create_change_set(**request)
            self._show(made["StackId"])
            found = self._client.describe_change_set(ChangeSetName=made["Id"], StackName=self._stack)
            if found["Status"] == "FAILED":
                self._unchanged(found.get("StatusReason", ""))
                return
            self._client.execute_change_set(ChangeSetName=made["Id"], StackName=self._stack)
        except ClientError as error:
            self._unchanged(error.response["Error"]["Message"])
            return
        self._wait()
        self._action.summary = f"Stack {self._stack} was {'created' if creates else 'updated'}."

    def _wait(self) -> None:
        while True:
            stack = self._described()
            status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
            if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
                return
            if not status.endswith("_IN_PROGRESS"):
                raise self._failed(f"Stack {self._stack} is in state {status}. {self._reason()}".strip())
            if self._action.cancelled.is_set():
                raise self._failed("The action was abandoned")
            time.sleep(0.1)

    def _unchanged(self, reason: str) -> None:
        """It is well that there is nothing to change. Raises ActionFailedError if that is not what CloudFormation says."""
        if not any(each in reason for each in _NO_CHANGES):
            raise self._failed(reason)
        self._action.summary = f"Stack {self._stack} was updated."

    def _reason(self) -> str:
        """Why CloudFormation has rolled back."""
        events = self._client.describe_stack_events(StackName=self._stack)["StackEvents"]
        reasons = [
            each.get("ResourceStatusReason", "") for each in events if each["ResourceStatus"].endswith("ROLLBACK_IN_PROGRESS")
        ]
        return str(reasons[0]) if reasons else ""

    def _described(self) -> Any:
        try:
            return self._client.describe_stacks(StackName=self._stack)["Stacks"][0]
        except ClientError:
            return None

    def _body(self) -> dict[str, str]:
        if len(self._template) <= _LARGEST_INLINE:
            return {"TemplateBody": self._template.decode()}
        bucket = self._pipeline.store(self._action.region)
        place: Place = artifacts.put(bucket, self._action.region, self._pipeline.name, "templates", self._template)
        return {"TemplateURL": f"https://{place.bucket}.s3.{self._action.region}.amazonaws.com/{place.key}"}

    def _show(self, stack_id: str) -> None:
        region = self._action.region
        self._action.external_id = stack_id
        self._action.external_url = (
            f"https://console.aws.amazon.com/cloudformation/home?region={region}#/stack/detail?stackId={stack_id}"
        )

    def _id(self) -> str:
        return self._action.external_id or self._stack

    def _failed(self, message: str) -> ActionFailedError:
        return ActionFailedError("JobFailed", f"Failed to deploy stack [{self._stack}]: {message}")
