"""Scheduled jobs on AWS: a state machine runs a task when a rule says so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from copilot.aws.client import Aws
from copilot.aws.errors import explained
from copilot.aws.services import Services
from copilot.engine import Timestamp, Value

RunStatus = Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"]


class Run(Value):
    """One run of a job: an execution of its state machine."""

    id: str
    status: RunStatus
    started_at: Timestamp
    ended_at: Timestamp | None


class Jobs:
    """The jobs of one environment.

    Args:
        aws: An identity that may look into the environment, in its region.
        application: The application.
        environment: The environment.
    """

    def __init__(self, aws: Aws, application: str, environment: str) -> None:
        self._aws = aws
        self._workloads = Services(aws, application, environment)

    def run(self, job: str) -> Run:
        """Start a job now. Raises NotFoundError if it is not deployed here."""
        with explained():
            answer = self._aws.stepfunctions.start_execution(stateMachineArn=self._machine(job))
        return Run(
            id=answer["executionArn"].rpartition(":")[2],
            status="RUNNING",
            started_at=_seconds(answer["startDate"]),
            ended_at=None,
        )

    def runs(self, job: str, limit: int = 20) -> Sequence[Run]:
        """The last runs, newest first. Raises NotFoundError if it is not deployed here."""
        with explained():
            answer = self._aws.stepfunctions.list_executions(stateMachineArn=self._machine(job), maxResults=limit)
        return tuple(
            Run(
                id=execution["name"],
                status=execution["status"],
                started_at=_seconds(execution["startDate"]),
                ended_at=_seconds(execution["stopDate"]) if "stopDate" in execution else None,
            )
            for execution in answer["executions"]
        )

    def _machine(self, job: str) -> str:
        return self._workloads.resource(job, "StateMachine")


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
