"""Deploy actions: a release description of the build's output becomes the release that serves."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from copilot.errors import CopilotError, NotFoundError
from copilot.local.action import ActionContext, ActionResult
from copilot.local.artifacts import ArtifactStore
from copilot.local.deployer import Deployer
from copilot.local.printer import Printer
from copilot.local.store import Store
from copilot.release.description import ReleaseDescription
from copilot.release.plan import BUILD_ARTIFACT, DeployAction, release_path

_DESCRIPTION = TypeAdapter(ReleaseDescription)


def read_description(artifacts: ArtifactStore, digest: str, app: str, workload: str, environment: str) -> ReleaseDescription:
    """The release description of a workload for an environment of an application, from a build's output.

    Raises:
        NotFoundError: If the build put out none.
        CopilotError: If it cannot be read, or describes another release: whatever a commit's build puts out, it goes nowhere
            else than the plan says.
    """
    path = release_path(workload, environment)
    try:
        content = artifacts.read(digest, path)
    except NotFoundError:
        raise NotFoundError(
            f"the build put out no release of `{workload}` for `{environment}` (`{path}`)",
            hint=f"Is copilot/{workload}/manifest.yml committed, and does the buildspec run `copilot pipeline build`?",
        ) from None
    try:
        description = _DESCRIPTION.validate_json(content)
    except ValidationError as error:
        raise CopilotError(f"the build's `{path}` is not a release description: {error.error_count()} problems") from None
    if (description.application, description.workload, description.environment) != (app, workload, environment):
        raise CopilotError(
            f"the build's `{path}` describes `{description.workload}` of application `{description.application}` "
            f"for environment `{description.environment}`",
            hint=f"Is `application: {app}` in copilot/.workspace of the commit?",
        )
    return description


class DeployWorker:
    """Deploys one workload to one environment."""

    def __init__(self, store: Store, artifacts: ArtifactStore, deployer: Deployer) -> None:
        self._store = store
        self._artifacts = artifacts
        self._deployer = deployer

    def run(self, context: ActionContext) -> ActionResult:
        """The same attempt asks for the same release, however often it is resumed."""
        action = context.action
        if not isinstance(action, DeployAction):
            raise TypeError(action.kind)
        self._store.catalog.environment(context.app, action.environment)
        description = read_description(
            self._artifacts, context.artifacts[BUILD_ARTIFACT], context.app, action.workload, action.environment
        )
        self._store.catalog.register_workload(context.app, description.workload, description.type)
        release = self._store.releases.ensure(description, f"attempt:{context.attempt}", context.execution)
        with Printer(context.log) as out:
            url = self._deployer.deploy(release, out, context.cancelled)
        images = {description.workload: description.image}
        return ActionResult(succeeded=True, summary=f"{description.image[:19]}…", url=url, images=images)

    def tidy(self, context: ActionContext) -> None:
        """Nothing is left."""
