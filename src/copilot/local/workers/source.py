"""Source actions: a revision of the repository becomes an artifact."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from copilot.errors import CopilotError, NotFoundError
from copilot.local.action import ActionContext, ActionResult
from copilot.local.artifacts import ArtifactStore
from copilot.local.git import Mirror
from copilot.local.home import Home
from copilot.local.secrets import SecretStore
from copilot.release.plan import SOURCE_ARTIFACT, SourceAction


class Sources:
    """The mirrors of all repositories, and the tokens they are fetched with."""

    def __init__(self, home: Home, secrets: SecretStore) -> None:
        self._home = home
        self._secrets = secrets

    def mirror(self, repository: str) -> Mirror:
        """The mirror of a repository; nothing is fetched yet."""
        return Mirror(self._home.mirrors, repository)

    def token(self, source: SourceAction) -> str | None:
        """The access token of a source, None if it needs none. Raises NotFoundError when it is not in the secret store."""
        if source.access_token_secret is None:
            return None
        token = self._secrets.get(source.access_token_secret)
        if token is None:
            raise NotFoundError(
                f"the access token `{source.access_token_secret}` is not in the secret store",
                hint="Put it there with `copilot pipeline init --github-access-token`",
            )
        return token

    def fetch(self, repository: str, source: SourceAction) -> str:
        """Fetch the source's branch. The answer is the commit at its head; raises RepositoryError."""
        return self.mirror(repository).fetch(source.branch, self.token(source))


class SourceWorker:
    """Fetches the branch and keeps the commit as ``SOURCE_ARTIFACT``."""

    def __init__(self, sources: Sources, artifacts: ArtifactStore) -> None:
        self._sources = sources
        self._artifacts = artifacts

    def run(self, context: ActionContext) -> ActionResult:
        """The execution's commit if it has one already, else the branch's head."""
        action = context.action
        if not isinstance(action, SourceAction):
            raise TypeError(action.kind)
        mirror = self._sources.mirror(context.repository)
        wanted = context.revision.id if context.revision else None
        if wanted is None or not mirror.contains(wanted):
            head = self._sources.fetch(context.repository, action)
            wanted = wanted or head
        if not mirror.contains(wanted):
            raise CopilotError(
                f"commit {wanted[:12]} is not on branch `{action.branch}` of {context.repository} any more",
                hint="Another push took its place; `copilot pipeline run` releases the newest commit",
            )
        revision = mirror.revision(wanted)
        digest = self._archive(mirror, wanted, full_clone=action.full_clone)
        summary = f"{action.branch} @ {wanted[:7]}"
        context.log.write_text(f"{summary}  {revision.summary}  ({revision.author})\n", "utf-8")
        return ActionResult(succeeded=True, summary=summary, artifacts={SOURCE_ARTIFACT: digest}, revision=revision)

    def tidy(self, context: ActionContext) -> None:
        """Nothing is left."""

    def _archive(self, mirror: Mirror, commit: str, *, full_clone: bool) -> str:
        folder = Path(tempfile.mkdtemp(prefix="source-", dir=self._artifacts.folder))
        try:
            if full_clone:
                mirror.clone(commit, folder / "clone")
                return self._artifacts.pack_tree(folder / "clone")
            mirror.archive(commit, folder / "source.tar")
            return self._artifacts.adopt(folder / "source.tar")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
