"""What a promotion changes, from what is known of executions and stacks. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from copilot.aws.pipeline_values import ActionExecution
from copilot.engine import ExecutionSummary, Revision, WorkloadPromotion
from copilot.release.plan import Plan

LONGEST_SUMMARY = 512
"""Characters of what is said with a decision (CodePipeline's PutApprovalResult)."""

_NOTHING = "—"
_NO_VALUES = frozenset({"", "-1", "NO_EXPOSED_CONTAINER_PORT"})
"""What parameters have that have no value: texts, and ports in templates of ours and of AWS Copilot."""
_IMAGE = "ContainerImage"
_NO_SETTINGS = frozenset({_IMAGE, "AppName", "EnvName", "WorkloadName", "ArtifactKeyARN"})
"""Parameters that are no settings."""
_HIDDEN = "****"
"""What CloudFormation says of a parameter whose value it does not show."""
_SETTINGS: Mapping[str, str] = {
    "AddonsTemplateURL": "addons",
    "ContainerPort": "image.port",
    "EnvFileARN": "env_file",
    "LogRetention": "logging.retention",
    "RulePath": "http.path",
    "Schedule": "on.schedule",
    "TargetContainer": "http.target_container",
    "TargetPort": "http.target_port",
    "TaskCPU": "cpu",
    "TaskCount": "count",
    "TaskMemory": "memory",
}
"""What the manifest calls what a parameter of a workload's stack sets."""


@dataclass(frozen=True)
class WorkloadState:
    """The stack of a workload, as it is or is to be: the values of its parameters, and its template (`read_template`)."""

    parameters: Mapping[str, str]
    template: Mapping[str, Any]


def workload_promotion(workload: str, after: WorkloadState, before: WorkloadState | None) -> WorkloadPromotion:
    """What becomes of a workload whose stack is changed; ``before`` is None if it is not there yet."""
    image = _image(after.parameters.get(_IMAGE, ""))
    if before is None:
        return WorkloadPromotion(workload=workload, image_before=None, image_after=image)
    changes = [*_changed_parameters(before.parameters, after.parameters), *_changed_variables(before.template, after.template)]
    return WorkloadPromotion(
        workload=workload,
        image_before=_image(before.parameters.get(_IMAGE, "")),
        image_after=image,
        settings=tuple((name, then, now) for name, then, now in changes if then != now),
    )


def _changed_parameters(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys([*after, *before]):
        if name not in _NO_SETTINGS and before.get(name) != _HIDDEN:
            yield _SETTINGS.get(name, name), _value(before.get(name)), _value(after.get(name))


def _changed_variables(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    old, new = dict(_variables(before)), dict(_variables(after))
    for name in dict.fromkeys([*new, *old]):
        yield name, old.get(name, _NOTHING), new.get(name, _NOTHING)


def _variables(template: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The variables and secrets of containers, by the names that manifests have for them."""
    resources = template.get("Resources")
    task = resources.get("TaskDefinition") if isinstance(resources, Mapping) else None
    properties = task.get("Properties") if isinstance(task, Mapping) else None
    containers = properties.get("ContainerDefinitions") if isinstance(properties, Mapping) else None
    for container in _mappings(containers):
        # The main container is named by a parameter, in templates of ours and of AWS Copilot.
        name = container.get("Name")
        prefix = f"sidecars.{name}." if isinstance(name, str) else ""
        for key, word, value in (("Environment", "variables", "Value"), ("Secrets", "secrets", "ValueFrom")):
            for each in _mappings(container.get(key)):
                yield f"{prefix}{word}.{each.get('Name')}", _written(each.get(value))


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """The elements of a list that are mappings; none of what is no list, such as of a function."""
    return (each for each in value if isinstance(each, Mapping)) if isinstance(value, list) else iter(())


def _written(value: Any) -> str:
    """A value of a template as text, with the names of what is put in."""
    if isinstance(value, Mapping) and isinstance(value.get("Fn::Sub"), str):
        return str(value["Fn::Sub"])
    return json.dumps(value) if isinstance(value, (Mapping, list)) else str(value)


def _value(text: str | None) -> str:
    """A parameter's value, for a person: of files in the bucket, which are called by what is in them, the name."""
    if text is None or text in _NO_VALUES:
        return _NOTHING
    is_file = text.startswith(("https://", "arn:")) and "/" in text
    return text.rpartition("/")[2] if is_file else text


def _image(reference: str) -> str:
    """An image's digest; of one that is named by a tag, its name without the registry."""
    return reference.rpartition("@" if "@" in reference else "/")[2]


def parameters_in(content: bytes | None) -> dict[str, str]:
    """The parameters in a template configuration; none if it is no such thing."""
    try:
        parameters = json.loads(content or b"{}").get("Parameters", {})
        return {str(name): str(value) for name, value in parameters.items()}
    except (ValueError, AttributeError):
        return {}


def newest(actions: Sequence[ActionExecution], stage: str, action: str) -> ActionExecution | None:
    """The last attempt of an action, of those that are given in order; None if there is none."""
    return next((each for each in reversed(actions) if (each.stage, each.action) == (stage, action)), None)


def last_tests(plan: Plan, stage: str, actions: Sequence[ActionExecution]) -> tuple[str | None, float | None]:
    """The environment before this one that tests passed in, and when."""
    earlier = [each.name for each in plan.stages]
    for each in reversed(plan.stages[: earlier.index(stage)] if stage in earlier else ()):
        for action in each.actions:
            if action.kind == "commands" or (action.kind == "project" and action == each.actions[-1]):
                attempt = newest(actions, each.name, action.name)
                if attempt is not None and attempt.status == "Succeeded":
                    return each.environment, attempt.updated_at
    return None, None


def commits_between(
    history: Sequence[ExecutionSummary], before: ExecutionSummary | None, own: ExecutionSummary
) -> Iterator[Revision]:
    """The commits that executions brought since then, newest first: those of which there was no execution are not known."""
    if own.revision is None:
        return
    ids = [each.id for each in history]
    begin = ids.index(own.id) if own.id in ids else len(ids)
    end = ids.index(before.id) if before is not None and before.id in ids else begin + 1 if before is None else len(ids)
    seen = {before.revision.id} if before is not None and before.revision is not None else set()
    for each in [own, *history[begin + 1 : end]] if begin < end else []:
        # One that went back brought nothing new.
        revision = each.revision if each is own or "rollback" not in each.trigger else None
        if revision is not None and revision.id not in seen:
            seen.add(revision.id)
            yield revision


def decision_summary(approver: str, comment: str, *, approve: bool) -> str:
    """What is kept with a decision: who decided, and why."""
    text = f"{'approved' if approve else 'rejected'} by {approver}"
    text += f": {comment}" if comment else ""
    return text if len(text) <= LONGEST_SUMMARY else f"{text[: LONGEST_SUMMARY - 1]}…"
