"""Why the actions of a pipeline failed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from copilot.aws import stack_states as states
from copilot.aws.build_logs import find_build
from copilot.aws.client import Aws
from copilot.aws.connections import AVAILABLE, Connections, console_url
from copilot.aws.execution_values import Failure
from copilot.aws.pipeline_logs import PipelineLogs
from copilot.aws.pipeline_structure import THROUGH_CONNECTION, environment_of
from copilot.aws.pipeline_values import ActionExecution
from copilot.aws.stacks import Stacks
from copilot.errors import CopilotError

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import BuildTypeDef

_LINES = 20
_LONGEST_COMMAND = 60
"""Characters of a command that a message quotes."""
_COMMAND = re.compile(
    r"Error while executing command: (?P<command>.*?)\.? Reason: (?:exit status (?P<code>\d+)|(?P<why>.*))", re.DOTALL
)


class Failures:
    """Asks for the first cause of what failed. Each is asked for once: it does not change any more.

    Args:
        aws: The account and region of the pipelines.
        logs: Their logs.
        inside: An identity that may look into an environment, by the names of the application and of the environment.
    """

    def __init__(self, aws: Aws, logs: PipelineLogs, inside: Callable[[str, str], Aws]) -> None:
        self._aws = aws
        self._logs = logs
        self._inside = inside
        self._known: dict[str, Failure | None] = {}

    def of(self, app: str, action: ActionExecution) -> Failure | None:
        """Why an attempt failed; None if no more is known than CodePipeline says itself."""
        if action.id not in self._known:
            try:
                self._known[action.id] = self._ask(app, action)
            except CopilotError:
                # That it failed can be seen all the same. The environment may be gone, or not for our eyes.
                return None
        return self._known[action.id]

    def _ask(self, app: str, action: ActionExecution) -> Failure | None:
        if action.provider == "CodeBuild" and action.external_id:
            build = find_build(self._aws, action.external_id)
            lines = self._logs.tail(action, self._aws, _LINES)
            reason = (reason_of(build) if build is not None else None) or action.error or "the build failed"
            if action.category == "Test":
                # Test commands are no buildspec to whoever wrote them: they know no phases.
                reason = reason.replace(" in phase build:", ":", 1)
            return Failure(reason, lines)
        if action.provider == "CloudFormation":
            environment = environment_of(action.stage)
            inside = self._inside(app, environment) if environment is not None else self._aws
            causes = self._logs.tail(action, inside, _LINES)
            return Failure(causes[0], causes[1:]) if causes else _refused(inside, action)
        if action.provider == THROUGH_CONNECTION:
            return self._not_allowed(action)
        return None

    def _not_allowed(self, action: ActionExecution) -> Failure | None:
        """A connection that waits for a person, which is why nothing could be fetched."""
        connection = Connections(self._aws).get(action.configuration.get("ConnectionArn", ""))
        if connection.status == AVAILABLE:
            return None
        return Failure(
            f"connection `{connection.name}` to {connection.provider} is not allowed yet",
            (f"allow it at {console_url(connection)}", "then run `copilot pipeline retry`"),
        )


def reason_of(build: BuildTypeDef) -> str | None:
    """Why a build failed, in a line: what CodeBuild says of the first phase that did."""
    for phase in build.get("phases", []):
        status = phase.get("phaseStatus", "SUCCEEDED")
        if status in {"SUCCEEDED", "IN_PROGRESS"}:
            continue
        where = f"phase {phase.get('phaseType', '').lower()}"
        message = next((each["message"].strip() for each in phase.get("contexts", []) if each.get("message", "").strip()), "")
        if status == "TIMED_OUT":
            return f"{where} took longer than the {build['timeoutInMinutes']} minutes that a build may"
        if match := _COMMAND.fullmatch(message):
            why = f"exit {match['code']}" if match["code"] else match["why"]
            return f"{_quoted(match['command'])} in {where}: {why.rstrip('.')}"
        return f"{where}: {' '.join(message.split()).rstrip('.')}" if message else f"{where} {status.lower()}"
    return None


def _refused(inside: Aws, action: ActionExecution) -> Failure | None:
    """A stack on which CloudFormation does not begin before a person has done something to it."""
    stack = Stacks(inside).find(action.configuration.get("StackName", ""))
    if stack is None or stack.status not in action.error:
        return None
    refusal = states.refusal(stack, inside.region, rollback=True)
    return Failure(refusal.message, (refusal.hint,) if refusal.hint else ()) if refusal is not None else None


def _quoted(command: str) -> str:
    first, *more = command.strip().split("\n")
    if len(first) > _LONGEST_COMMAND:
        return f"`{first[: _LONGEST_COMMAND - 1]}…`"
    return f"`{first}{' …' if more else ''}`"
