"""What a waiting approval would release."""

from __future__ import annotations

from collections.abc import Iterator

from copilot.engine import Promotion, Revision, WorkloadPromotion
from copilot.errors import CopilotError
from copilot.local.artifacts import ArtifactStore
from copilot.local.store import Store
from copilot.local.store.executions import ExecutionRecord
from copilot.local.workers.deploy import read_description
from copilot.local.workers.source import Sources
from copilot.release.plan import BUILD_ARTIFACT, ApprovalAction, DeployAction, Stage
from copilot.release.settings import changed_settings


class Promotions:
    """Reads what approvals wait and what they would change."""

    def __init__(self, store: Store, artifacts: ArtifactStore, sources: Sources) -> None:
        self._store = store
        self._artifacts = artifacts
        self._sources = sources

    def waiting(self, app: str, pipeline: str) -> list[Promotion]:
        """Oldest first."""
        records = [r for r in self._store.executions.active() if (r.app, r.pipeline) == (app, pipeline)]
        return [promotion for record in records for promotion in self._of(record)]

    def _of(self, record: ExecutionRecord) -> list[Promotion]:
        stage = record.state.stage
        return [
            self._promotion(record, stage, action)
            for action in stage.actions
            if isinstance(action, ApprovalAction) and record.state.run.actions[action.name] == "InProgress"
        ]

    def _promotion(self, record: ExecutionRecord, stage: Stage, action: ApprovalAction) -> Promotion:
        attempt = record.attempts[stage.name, action.name]
        before = next((r.revision for r in self._store.executions.passed(record.app, record.pipeline, stage.name)), None)
        tested_in, tested_at = self._tested(record)
        return Promotion(
            app=record.app,
            pipeline_name=record.pipeline,
            execution=str(record.number),
            stage=stage.name,
            action=action.name,
            environment=action.environment,
            waiting_since=attempt.started_at or record.started_at,
            expires_at=attempt.expires_at or record.started_at,
            revision_before=before,
            revision_after=record.revision,
            commits=self._commits(record, before),
            workloads=tuple(self._workloads(record, stage)),
            tested_in=tested_in,
            tested_at=tested_at,
        )

    def _tested(self, record: ExecutionRecord) -> tuple[str | None, float | None]:
        """The environment before this one that tests passed in, and when."""
        for stage in reversed(record.state.plan.stages[: record.state.position]):
            for action in stage.actions:
                if action.kind == "commands" or (action.kind == "project" and action == stage.actions[-1]):
                    return stage.environment, record.attempts[stage.name, action.name].ended_at
        return None, None

    def _commits(self, record: ExecutionRecord, before: Revision | None) -> tuple[Revision, ...]:
        if before is None or record.revision is None:
            return (record.revision,) if record.revision else ()
        try:
            return tuple(self._sources.mirror(record.repository).commits(before.id, record.revision.id))
        except CopilotError:
            # History was rewritten: what is known is where it goes.
            return (record.revision,)

    def _workloads(self, record: ExecutionRecord, stage: Stage) -> Iterator[WorkloadPromotion]:
        digest = self._store.executions.artifacts(record.id).get(BUILD_ARTIFACT)
        for action in stage.actions:
            if isinstance(action, DeployAction) and digest is not None:
                try:
                    yield self._workload(record, action, digest)
                except CopilotError:
                    continue  # its deployment will say what is wrong; the approval can be given or refused all the same

    def _workload(self, record: ExecutionRecord, action: DeployAction, digest: str) -> WorkloadPromotion:
        after = read_description(self._artifacts, digest, record.app, action.workload, action.environment)
        current = self._store.releases.current(record.app, action.environment, action.workload)
        return WorkloadPromotion(
            workload=action.workload,
            image_before=current.description.image if current else None,
            image_after=after.image,
            settings=changed_settings(current.description, after) if current else (),
        )
