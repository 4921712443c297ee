"""The function behind `EnvControllerAction`: it lets an environment have what its workloads need, and no more.

CloudFormation runs it for a workload's stack. The parameters of the environment's stack list workloads; this adds or
removes one and answers with the stack's outputs. It is put into templates as it is, so it needs nothing but boto3.
"""

import json
import time
import urllib.request
from typing import Any

import boto3
from botocore.exceptions import ClientError

POLL = 5.0
SPARE = 30.0  # seconds before the function's own end by which it must have answered
FRESH = 60.0
LEFT_OUT = {"EnabledFeatures", "LastForceDeployID", "PublicSubnets", "PrivateSubnets"}  # an answer holds 4096 bytes


def handler(event: dict[str, Any], context: Any) -> None:
    """Does what a request of CloudFormation asks, and answers it whatever happens."""
    given, kind = event["ResourceProperties"], event["RequestType"]
    stack, workload = given["EnvStack"], given["Workload"]
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    # AWS Copilot writes it without the second r; another identifier would mean another resource.
    answer["PhysicalResourceId"] = event.get("PhysicalResourceId") or f"envcontoller/{stack}/{workload}"
    try:
        end = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - SPARE
        wanted = ([], []) if kind == "Delete" else (given.get("Parameters") or [], given.get("Aliases") or [])
        answer.update(Status="SUCCESS", Data=_settle(boto3.client("cloudformation"), stack, workload, *wanted, kind, end))
    except Exception as error:  # noqa: BLE001 - without an answer CloudFormation waits in vain
        answer.update(Status="FAILED", Reason=f"{error} (log {context.log_group_name}/{context.log_stream_name})"[:1500])
    _send(event["ResponseURL"], json.dumps(answer).encode())


def _settle(client: Any, stack: str, workload: str, parameters: list[str], aliases: list[str], kind: str, end: float) -> Any:
    asked, status, trusted = False, "unknown", time.monotonic() + FRESH
    while True:
        try:
            found = client.describe_stacks(StackName=stack)["Stacks"][0]
            status, outputs = found["StackStatus"], {o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])}
            if kind == "Delete" and status.startswith("DELETE_"):
                return {}
            if not status.endswith("_IN_PROGRESS"):
                before = {p["ParameterKey"]: p.get("ParameterValue", "") for p in found.get("Parameters", [])}
                after = _changed(stack, before, workload, parameters, aliases)
                if before == after:
                    return {key: value for key, value in outputs.items() if key not in LEFT_OUT}
                if asked and ("ROLLBACK" in status or "FAILED" in status):
                    raise RuntimeError(f"{stack} could not be updated: {_cause(client, stack)}")
                _update(client, found, before, after, outputs)
                asked = True
        except ClientError as error:
            text = str(error)
            if kind == "Delete" and "does not exist" in text:
                return {}
            # Another workload was quicker, or our own role is so new that AWS does not know its rights everywhere.
            fresh = "AccessDenied" in text and time.monotonic() < trusted
            if not (fresh or "_IN_PROGRESS state" in text or "Throttl" in text):
                raise
        if time.monotonic() + POLL > end:
            raise TimeoutError(f"{stack} is still {status}, and there is no time left to wait")
        time.sleep(POLL)


def _changed(stack: str, before: dict[str, str], workload: str, parameters: list[str], aliases: list[str]) -> dict[str, str]:
    missing = [key for key in [*parameters, *(["Aliases"] if aliases else [])] if key not in before]
    if missing:
        raise LookupError(f"{stack} has no {', '.join(missing)}: deploy the environment with `copilot env deploy` first")
    after = dict(before)
    for key in (key for key in before if key.endswith("Workloads")):
        names = [name for name in before[key].split(",") if name]
        if (key in parameters) != (workload in names):
            after[key] = ",".join([*names, workload] if key in parameters else [n for n in names if n != workload])
    known = json.loads(before.get("Aliases") or "{}")
    if known.get(workload, []) != aliases:
        known = {**known, workload: aliases} if aliases else {k: v for k, v in known.items() if k != workload}
        after["Aliases"] = json.dumps(known, separators=(",", ":")) if known else ""
    return after


def _update(client: Any, found: Any, before: dict[str, str], after: dict[str, str], outputs: dict[str, str]) -> None:
    client.update_stack(
        StackName=found["StackId"],
        UsePreviousTemplate=True,
        Parameters=[
            {"ParameterKey": key, **({"UsePreviousValue": True} if before[key] == value else {"ParameterValue": value})}
            for key, value in after.items()
        ],
        Capabilities=found.get("Capabilities", []),
        RoleARN=outputs["CFNExecutionRoleARN"],
    )


def _cause(client: Any, stack: str) -> str:
    reasons = ["it was rolled back"]
    for event in client.describe_stack_events(StackName=stack)["StackEvents"]:
        status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
        if status == "UPDATE_IN_PROGRESS" and event["ResourceType"] == "AWS::CloudFormation::Stack":
            break
        if status.endswith("_FAILED") and "cancelled" not in reason:
            reasons.append(f"{event['LogicalResourceId']}: {reason}")
    return reasons[-1]


def _send(url: str, body: bytes) -> None:
    for attempt in range(5):
        try:
            request = urllib.request.Request(url, body, {"Content-Type": ""}, method="PUT")  # noqa: S310 - from CloudFormation
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - the same
        except OSError:
            if attempt == 4:
                raise
            time.sleep(attempt)
        else:
            return
