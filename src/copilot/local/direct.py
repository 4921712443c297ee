"""Deployments asked for directly, without a pipeline."""

from __future__ import annotations

import logging
import threading
import uuid
from pathlib import Path

from copilot.engine import Deployment, LogChunk
from copilot.errors import CopilotError
from copilot.local import views
from copilot.local.deployer import Deployer
from copilot.local.home import Home
from copilot.local.logs import read_log
from copilot.local.printer import Printer
from copilot.local.store import Store
from copilot.local.store.releases import DeploymentRecord, ReleaseRecord
from copilot.release.description import ReleaseDescription

log = logging.getLogger(__name__)


class DirectDeployments:
    """Carries them out in the background, and again after a server was killed."""

    def __init__(self, home: Home, store: Store, deployer: Deployer) -> None:
        self._home = home
        self._store = store
        self._deployer = deployer
        self._running: dict[str, tuple[ReleaseDescription, threading.Event]] = {}

    def start(self, description: ReleaseDescription) -> Deployment:
        """Begin one; the answer is in progress."""
        return self._start(description, "deploy", None)

    def roll_back(self, release: ReleaseRecord) -> Deployment:
        """Begin to deploy an earlier release again, as a new one."""
        return self._start(release.description, "rollback", release.id)

    def resume_service(self, release: ReleaseRecord) -> Deployment:
        """Begin to start the tasks of a paused release again."""
        return self._start(release.description, "resume", release.id)

    def _start(self, description: ReleaseDescription, kind: str, release: int | None) -> Deployment:
        record = self._store.releases.add_deployment(uuid.uuid4().hex[:12], description, kind, release)
        self._in_background(record)
        return views.deployment(record, None)

    def resume(self) -> None:
        """Go on with those that an earlier server had begun."""
        for record in self._store.releases.unfinished_deployments():
            self._in_background(record)

    def get(self, deployment_id: str) -> Deployment:
        """Raises NotFoundError."""
        record = self._store.releases.deployment(deployment_id)
        environment = self._store.catalog.environment(record.description.application, record.description.environment)
        return views.deployment(record, views.service_url(environment, record.description))

    def log(self, deployment_id: str, offset: int) -> LogChunk:
        """What one printed, from a byte offset. Raises NotFoundError."""
        finished = self._store.releases.deployment(deployment_id).status != "InProgress"
        return read_log(self._log(deployment_id), offset, finished=finished)

    def cancel(self, app: str, *, environment: str, workload: str | None = None) -> None:
        """Give up those to what is about to be removed: nobody has to wait until they are healthy."""
        for description, cancelled in list(self._running.values()):
            if (description.application, description.environment) == (app, environment) and workload in {
                None,
                description.workload,
            }:
                cancelled.set()

    def _log(self, deployment_id: str) -> Path:
        return self._home.logs / f"deploy-{deployment_id}.log"

    def _in_background(self, record: DeploymentRecord) -> None:
        cancelled = threading.Event()
        self._running[record.id] = (record.description, cancelled)
        threading.Thread(target=self._run, args=(record, cancelled), name=f"deploy {record.id}", daemon=True).start()

    def _run(self, record: DeploymentRecord, cancelled: threading.Event) -> None:
        releases = self._store.releases
        try:
            with Printer(self._log(record.id)) as out:
                if record.kind == "resume" and record.release is not None:
                    self._deployer.resume(releases.get(record.release), out, cancelled)
                else:
                    self._deployer.deploy(releases.ensure(record.description, _origin(record)), out, cancelled)
        except CopilotError as error:
            details = (*error.details, error.hint) if error.hint else error.details
            releases.finish_deployment(record.id, error.message, details)
        except Exception:
            log.exception("deployment %s", record.id)
            releases.finish_deployment(
                record.id, f"a defect of copilot stopped this deployment; {self._home.server_log} has the traceback"
            )
        else:
            releases.finish_deployment(record.id)
        finally:
            self._running.pop(record.id, None)


def _origin(record: DeploymentRecord) -> str:
    return f"rollback:{record.release}:{record.id}" if record.kind == "rollback" else f"deploy:{record.id}"
