"""What a waiting approval would release."""

from __future__ import annotations

from dataclasses import fields

from copilot.engine import Promotion, Revision, WorkloadPromotion
from copilot.errors import CopilotError
from copilot.local.artifacts import ArtifactStore
from copilot.local.store import Store
from copilot.local.store.executions import ExecutionRecord
from copilot.local.workers.deploy import read_description
from copilot.local.workers.source import Sources
from copilot.release.description import ReleaseDescription
from copilot.release.plan import BUILD_ARTIFACT, ApprovalAction, DeployAction, Stage

_NOT_SETTINGS = {"application", "environment", "workload", "image", "revision"}


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
            execution=record.number,
            stage=stage.name,
            action=action.name,
            environment=action.environment,
            waiting_since=attempt.started_at or record.started_at,
            expires_at=attempt.expires_at or record.started_at,
            revision_before=before,
            revision_after=record.revision,
            commits=self._commits(record, before),
            workloads=tuple(self._workload(record, a) for a in stage.actions if isinstance(a, DeployAction)),
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

    def _workload(self, record: ExecutionRecord, action: DeployAction) -> WorkloadPromotion:
        digest = self._store.executions.artifacts(record.id)[BUILD_ARTIFACT]
        after = read_description(self._artifacts, digest, action.workload, action.environment)
        current = self._store.releases.current(record.app, action.environment, action.workload)
        return WorkloadPromotion(
            workload=action.workload,
            image_before=current.description.image if current else None,
            image_after=after.image,
            settings=changed_settings(current.description, after) if current else (),
        )


def changed_settings(before: ReleaseDescription, after: ReleaseDescription) -> tuple[tuple[str, str, str], ...]:
    """Settings that differ, as (name, before, after). Variables are listed one by one."""
    changes = []
    for field in fields(ReleaseDescription):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if field.name in _NOT_SETTINGS or old == new:
            continue
        if field.name in {"variables", "secrets"}:
            keys = sorted(k for k in {*old, *new} if old.get(k) != new.get(k))
            changes += [(f"{field.name}.{key}", str(old.get(key, "—")), str(new.get(key, "—"))) for key in keys]
        else:
            changes.append((field.name, _shown(old), _shown(new)))
    return tuple(changes)


def _shown(value: object) -> str:
    if value is None:
        return "—"
    return " ".join(value) if isinstance(value, tuple) else str(value)
