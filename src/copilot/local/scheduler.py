"""Moves executions through their stages: applies the rules, writes each transition down, and starts the workers.

A monitor: whoever has news (a worker that finished, a request, the clock) takes the lock, notes it, and goes on with the
decisions that follow, all in one transaction; only then do workers start. A server killed between the two finds the
action in progress when it starts again, and resumes it. Stopping the server needs nothing else: it is the same path.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from copilot.engine import Revision
from copilot.errors import ConflictError, NotFoundError
from copilot.local.action import ActionContext, ActionResult
from copilot.local.crew import Crew, Worker
from copilot.local.home import Home
from copilot.local.store import Store
from copilot.local.store.executions import Attempt, ExecutionRecord
from copilot.release import execution as rules
from copilot.release.plan import Action, ApprovalAction, Plan

log = logging.getLogger(__name__)

_CLOCK_SECONDS = 1.0


@dataclass
class _Live:
    """An active execution: its state, and what its workers need."""

    record: ExecutionRecord
    state: rules.Execution
    attempts: dict[tuple[str, str], Attempt]
    artifacts: dict[str, str]
    revision: Revision | None
    entered_at: float | None = None
    cancelled: dict[int, threading.Event] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return self.record.app, self.record.pipeline

    def attempt(self, action: str) -> Attempt:
        return self.attempts[self.state.stage.name, action]


Effect = Callable[[], None]


class Scheduler:
    """Owns every active execution.

    Args:
        store: Where transitions are written.
        home: Where logs go.
        workers: A worker for each kind of action but approvals.
        ended: Called after each end of an execution; must return at once.
    """

    def __init__(self, store: Store, home: Home, workers: Mapping[str, Worker], ended: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._home = home
        self._crew = Crew(workers, self._finished)
        self._ended = ended
        self._lock = threading.RLock()
        self._live: dict[int, _Live] = {}
        self._effects: list[Effect] = []
        self._closing = threading.Event()

    def start(self) -> None:
        """Take up the executions that an earlier server left, and go on."""
        with self._transition():
            for record in self._store.executions.active():
                live = self._adopt(record)
                for action in live.state.stage.actions:
                    in_progress = live.state.run.actions[action.name] == "InProgress"
                    if in_progress and not isinstance(action, ApprovalAction):
                        self._effects.append(self._worker_starter(live, action, resumed=True))
            for key in {live.key for live in self._live.values()}:
                self._advance(key)
        threading.Thread(target=self._watch_clock, name="approval clock", daemon=True).start()

    def close(self) -> None:
        """Start nothing more. What runs goes on without this server."""
        self._closing.set()
        self._crew.close()

    def begin(
        self,
        *,
        app: str,
        pipeline: str,
        trigger: str,
        plan: Plan,
        repository: str,
        revision: Revision | None = None,
        head: str | None = None,
    ) -> ExecutionRecord:
        """Start an execution.

        Args:
            app: The application.
            pipeline: One of its pipelines.
            trigger: What started it, in a word.
            plan: What it does.
            repository: Where its revision comes from.
            revision: The commit to release (its id is enough); None: the branch's head.
            head: Remembered, in the same transaction, as the newest commit that was seen on the branch.

        Raises:
            NotFoundError: If the pipeline does not exist.
        """
        with self._transition():
            self._store.catalog.pipeline(app, pipeline)
            if head is not None:
                self._store.catalog.set_head(app, pipeline, head)
            record = self._store.executions.add(
                app=app, pipeline=pipeline, trigger=trigger, plan=plan, repository=repository, revision=revision
            )
            self._adopt(record)
            self._advance((app, pipeline))
            return self._store.executions.by_id(record.id)

    def roll_back(self, app: str, pipeline: str, stage: str, to: int | None = None) -> ExecutionRecord:
        """Start an execution that deploys again what an earlier one deployed in a stage.

        Raises:
            NotFoundError: If there is no such earlier execution.
        """
        with self._transition():
            record = self._add_rollback(app, pipeline, stage, to)
            self._advance((app, pipeline))
            return self._store.executions.by_id(record.id)

    def retry(self, app: str, pipeline: str, number: int, mode: rules.RetryMode) -> ExecutionRecord:
        """Retry the failed stage of an execution. Raises ConflictError by the rules of ``release.execution.retry``."""
        with self._transition():
            record = self._store.executions.get(app, pipeline, number)
            stage = record.state.stage.name
            newest = self._store.executions.newest_in_stage(app, pipeline, stage) or 0
            newest_id = self._store.executions.get(app, pipeline, newest).id if newest else 0
            state = rules.retry(record.state, mode, newest_id)
            inside = [o for o in self._of((app, pipeline)) if o.state.stage.name == stage and o.state.run.status == "InProgress"]
            if inside and state.plan.mode != "parallel":
                raise ConflictError(f"another execution is in stage `{stage}`", hint="Wait until it has left the stage")
            live = self._adopt(record)
            self._set_state(live, state, entered_at=time.time())
            self._advance(live.key)
            return self._store.executions.by_id(record.id)

    def stop(self, app: str, pipeline: str, number: int, *, abandon: bool) -> ExecutionRecord:
        """Stop an execution. Raises ConflictError if it has ended."""
        with self._transition():
            record = self._store.executions.get(app, pipeline, number)
            state = rules.stop(record.state, abandon=abandon)
            live = self._live[record.id]
            with self._store.transaction():
                self._set_state(live, state)
                waiting = [a.name for a in state.stage.actions if isinstance(a, ApprovalAction)]
                for name in waiting:
                    # Nobody has begun an approval that waits: there is nothing to let finish.
                    if live.state.run.actions[name] == "InProgress":
                        self._end_action(
                            live, name, "Abandoned", ActionResult(succeeded=False, summary="the execution was stopped")
                        )
                self._advance(live.key)
            return self._store.executions.by_id(record.id)

    def decide_approval(
        self, app: str, pipeline: str, number: int, action: str, *, approve: bool, summary: str
    ) -> ExecutionRecord:
        """Approve or reject. Raises ConflictError when that approval does not wait."""
        with self._transition():
            record = self._store.executions.get(app, pipeline, number)
            live = self._live.get(record.id)
            waits = live is not None and live.state.run.actions.get(action) == "InProgress"
            if live is None or not waits or not isinstance(live.state.stage.action(action), ApprovalAction):
                raise ConflictError(
                    f"no approval `{action}` of execution #{number} waits any more", hint="see `copilot pipeline status`"
                )
            status: rules.ActionStatus = "Succeeded" if approve else "Failed"
            self._end_action(live, action, status, ActionResult(succeeded=approve, summary=summary))
            self._advance(live.key)
            return self._store.executions.by_id(record.id)

    def reconsider(self, app: str, pipeline: str) -> None:
        """Look again at what may happen, after a transition was enabled or disabled."""
        with self._transition():
            self._advance((app, pipeline))

    def forget(self, app: str, pipeline: str, *, abandon: bool = False) -> None:
        """Delete a pipeline with its executions.

        Args:
            app: The application.
            pipeline: One of its pipelines.
            abandon: Give up executions that have not ended, and wait until their workers have cleaned up after themselves.

        Raises:
            ConflictError: If an execution has not ended and is not to be given up.
        """
        with self._transition():
            active = self._of((app, pipeline))
            if active and not abandon:
                number = active[0].record.number
                raise ConflictError(
                    f"execution #{number} of pipeline `{pipeline}` has not ended",
                    hint=f"Stop it first with `copilot pipeline stop {number}`",
                )
            for live in active:
                self._effects += [cancelled.set for cancelled in live.cancelled.values()]
                del self._live[live.record.id]
            self._store.catalog.delete_pipeline(app, pipeline)
        self._crew.join(app, pipeline)

    def attempts_in_progress(self) -> set[int]:
        """Ids of the attempts that have begun and not ended, also before ``start``."""
        records = self._store.executions.active()
        return {a.id for record in records for a in record.attempts.values() if a.status == "InProgress"}

    # -- inside the lock ---------------------------------------------------------------------------------------

    @contextmanager
    def _transition(self) -> Iterator[None]:
        """Everything inside is one transaction; workers start once it is committed."""
        with self._lock:
            try:
                with self._store.transaction():
                    yield
            except BaseException:
                self._effects.clear()
                self._reload()
                raise
            effects, self._effects = self._effects, []
            for effect in effects:
                effect()

    def _reload(self) -> None:
        """Forget what a transaction that failed had changed in memory."""
        before = self._live
        self._live = {}
        for record in self._store.executions.active():
            live = self._adopt(record)
            if record.id in before:
                live.cancelled = before[record.id].cancelled

    def _of(self, key: tuple[str, str]) -> list[_Live]:
        return [self._live[i] for i in sorted(self._live) if self._live[i].key == key]

    def _adopt(self, record: ExecutionRecord) -> _Live:
        artifacts = self._store.executions.artifacts(record.id)
        live = _Live(record, record.state, dict(record.attempts), artifacts, record.revision)
        live.entered_at = record.stage_times.get(record.state.stage.name, (None, None))[0]
        self._live[record.id] = live
        return live

    def _advance(self, key: tuple[str, str]) -> None:
        """Follow the rules until there is only waiting to do."""
        disabled = self._store.catalog.disabled_transitions(*key)
        while (decision := rules.decide([live.state for live in self._of(key)], disabled)) is not None:
            self._carry_out(self._live[decision.execution], decision)

    def _carry_out(self, live: _Live, decision: rules.Decision) -> None:
        before = live.state
        match decision:
            case rules.StartAction(action=name):
                action = before.stage.action(name)
                live.state = rules.apply(before, decision)
                timeout = action.timeout * 60 if isinstance(action, ApprovalAction) else None
                self._store.executions.start_attempt(live.attempt(name).id, time.time() + timeout if timeout else None)
                if not isinstance(action, ApprovalAction):
                    self._effects.append(self._worker_starter(live, action, resumed=False))
            case rules.AbandonAction(action=name):
                self._end_action(live, name, "Abandoned", ActionResult(succeeded=False, summary="abandoned"))
            case rules.EnterStage():
                self._set_state(live, rules.apply(before, decision), entered_at=time.time())
            case rules.RetryStage():
                self._set_state(live, rules.apply(before, decision))
            case rules.FinishStage():
                live.state = rules.apply(before, decision)
                run = live.state.stages[before.position]
                self._store.executions.save_stage(
                    live.record.id, before.stage.name, run, entered_at=live.entered_at, ended_at=time.time()
                )
                self._store.executions.save(live.state)
            case rules.FinishExecution():
                live.state = rules.apply(before, decision)
                self._store.executions.save(live.state)
                del self._live[live.record.id]
                self._effects.append(self._ended)
                failed = live.state.status == "Failed" and before.run.status == "Failed"
                if failed and before.stage.on_failure == "rollback" and live.record.rollback_of is None:
                    self._roll_back_automatically(live)

    def _set_state(self, live: _Live, state: rules.Execution, entered_at: float | None = None) -> None:
        """Take over a new state of the current stage, with a fresh attempt for each action that is to be tried again."""
        stage = state.stage.name
        for action, status in state.run.actions.items():
            attempt = live.attempts[stage, action]
            if status == "Pending" and live.state.run.actions[action] != "Pending":
                self._store.executions.add_attempt(live.record.id, stage, action, attempt.number + 1)
                newest = {(a.stage, a.action): a for a in self._store.executions.attempts(live.record.id)}
                live.attempts[stage, action] = newest[stage, action]
        live.state = state
        live.entered_at = entered_at or live.entered_at
        self._store.executions.save(state)
        if state.run.status != "Pending":
            self._store.executions.save_stage(live.record.id, stage, state.run, entered_at=live.entered_at)

    def _end_action(self, live: _Live, name: str, status: rules.ActionStatus, result: ActionResult) -> None:
        attempt = live.attempt(name)
        self._store.executions.finish_attempt(attempt.id, status, result)
        for artifact, digest in result.artifacts.items():
            self._store.executions.put_artifact(live.record.id, artifact, digest)
            live.artifacts[artifact] = digest
        if result.revision is not None:
            self._store.executions.set_revision(live.record.id, result.revision)
            live.revision = result.revision
        live.state = rules.with_action(live.state, name, status)
        cancelled = live.cancelled.pop(attempt.id, None)
        if status == "Abandoned" and cancelled is not None:
            self._effects.append(cancelled.set)

    def _add_rollback(self, app: str, pipeline: str, stage: str, to: int | None) -> ExecutionRecord:
        target = self._store.executions.rollback_target(app, pipeline, stage, to)
        record = self._store.executions.add(
            app=app,
            pipeline=pipeline,
            trigger=f"rollback to #{target.number}",
            plan=target.state.plan.rollback_of(stage),
            repository=target.repository,
            revision=target.revision,
            rollback_of=stage,
            rollback_to=target.number,
            artifacts_of=target.id,
        )
        self._adopt(record)
        return record

    def _roll_back_automatically(self, live: _Live) -> None:
        try:
            self._add_rollback(live.record.app, live.record.pipeline, live.state.stage.name, None)
        except NotFoundError as error:
            log.info("no automatic rollback of #%d: %s", live.record.number, error)

    # -- workers -----------------------------------------------------------------------------------------------

    def _worker_starter(self, live: _Live, action: Action, *, resumed: bool) -> Effect:
        attempt = live.attempt(action.name)
        cancelled = live.cancelled.setdefault(attempt.id, threading.Event())
        stage = live.state.stage.name

        def start() -> None:
            context = ActionContext(
                attempt=attempt.id,
                app=live.record.app,
                pipeline=live.record.pipeline,
                execution=live.record.number,
                repository=live.record.repository,
                plan=live.state.plan,
                stage=stage,
                action=action,
                reruns=attempt.reruns,
                resumed=resumed,
                revision=live.revision,
                artifacts=dict(live.artifacts),
                log=self._home.logs / f"attempt-{attempt.id}.log",
                cancelled=cancelled,
            )
            self._crew.start(context)

        return start

    def _finished(self, context: ActionContext, result: ActionResult) -> None:
        """A worker is done. An abandoned attempt has ended already, whatever its worker came to."""
        with self._transition():
            name = context.action.name
            live = next((x for x in self._of((context.app, context.pipeline)) if x.record.number == context.execution), None)
            if (
                self._closing.is_set()
                or live is None
                or live.state.stage.name != context.stage
                or live.attempt(name).id != context.attempt
            ):
                return
            if live.state.run.actions[name] == "InProgress":
                self._end_action(live, name, "Succeeded" if result.succeeded else "Failed", result)
                self._advance(live.key)

    def _watch_clock(self) -> None:
        while not self._closing.wait(_CLOCK_SECONDS):
            try:
                self._expire_approvals(time.time())
            except Exception:
                log.exception("the approvals could not be looked at")

    def _expire_approvals(self, now: float) -> None:
        with self._lock:
            waiting = [
                (live, action.name)
                for live in self._live.values()
                for action in live.state.stage.actions
                if isinstance(action, ApprovalAction) and live.state.run.actions[action.name] == "InProgress"
            ]
            for live, name in waiting:
                attempts = self._store.executions.attempts(live.record.id)
                expires = next(a.expires_at for a in reversed(attempts) if a.id == live.attempt(name).id)
                if expires is not None and expires <= now:
                    lapsed = ActionResult(succeeded=False, summary="nobody approved it in time")
                    with self._transition():
                        self._end_action(live, name, "Failed", lapsed)
                        self._advance(live.key)
