"""Where pipelines' code comes from: bare git repositories in the folder that ``EMULATED_REPOSITORIES`` names.

There, ``<owner>/<repository>.git`` is what a connection or a token leads to, and ``<repository>.git`` a repository of CodeCommit.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from copilot.local.git.paths import matches
from tests.aws.pipelines import artifacts
from tests.aws.pipelines.clients import client
from tests.aws.pipelines.connections import Connection, connection_of
from tests.aws.pipelines.runs import ActionFailedError, Revision

VARIABLE = "EMULATED_REPOSITORIES"


def repository(configuration: Mapping[str, str]) -> Path:
    """The repository that a source action reads."""
    names = [configuration[key] for key in ("Owner", "Repo", "FullRepositoryId", "RepositoryName") if key in configuration]
    return Path(os.environ.get(VARIABLE, "/nonexistent"), "/".join(names) + ".git")


def branch(configuration: Mapping[str, str]) -> str:
    """The branch that a source action reads."""
    return configuration.get("BranchName") or configuration.get("Branch") or "main"


def head(configuration: Mapping[str, str]) -> str | None:
    """The commit that the branch is at; None if there is no such branch.

    It is read off git's own files: this is asked all the time, and a process for each time would be too many.
    """
    path, name = repository(configuration), f"refs/heads/{branch(configuration)}"
    try:
        return (path / name).read_text().strip() or None
    except OSError:
        pass
    try:
        packed = (path / "packed-refs").read_text().splitlines()
    except OSError:
        return None
    return next((line.split(" ")[0] for line in packed if line.endswith(f" {name}")), None)


def changed(configuration: Mapping[str, str], before: str | None, after: str) -> list[str]:
    """The files that a push changed; all that there are if the branch is new."""
    path = repository(configuration)
    if before is None or _commit(path, before) is None:
        return _git(path, "ls-tree", "-r", "--name-only", after).split("\n")
    return _git(path, "diff", "--name-only", before, after).split("\n")


def triggered(structure: Mapping[str, Any], action: Mapping[str, Any], files: list[str]) -> bool:
    """Whether a push that changed these files starts an execution of a V2 pipeline with a connection."""
    configuration = action["configuration"]
    triggers = [each["gitConfiguration"] for each in structure.get("triggers", [])]
    if not triggers:
        return str(configuration.get("DetectChanges", "true")).lower() == "true"
    filters = [push for each in triggers if each["sourceActionName"] == action["name"] for push in each.get("push", [{}])]
    return any(
        _allowed(push.get("branches"), [branch(configuration)]) and _allowed(push.get("filePaths"), files)
        for push in filters
        if "tags" not in push
    )


def _allowed(criteria: Mapping[str, list[str]] | None, names: list[str]) -> bool:
    """Whether any of the names is among those included, if any are, and not among those excluded."""
    if criteria is None:
        return True
    kept = [name for name in names if not matches([name], criteria.get("excludes", []))]
    included = criteria.get("includes")
    return matches(kept, included) if included else bool(kept)


class Fetched:
    """A commit: its files as an archive, what is known of it, and what it tells later actions."""

    def __init__(self, action: Mapping[str, Any], resolved: Mapping[str, str], region: str, commit: str | None) -> None:
        provider = action["actionTypeId"]["provider"]
        connection = _available(resolved) if provider == "CodeStarSourceConnection" else None
        path, name = repository(resolved), branch(resolved)
        found = _found(connection, path, name, resolved, commit)
        author, message = _git(path, "show", "--no-patch", "--format=%aI%n%B", found).split("\n", 1)
        message = message.strip("\n")
        self.commit = found
        self.content = _archive(path, found, name, whole=resolved.get("OutputArtifactFormat") == "CODEBUILD_CLONE_REF")
        when = datetime.fromisoformat(author).astimezone(UTC)
        date = when.strftime("%Y-%m-%dT%H:%M:%SZ")
        common = {"CommitId": found, "BranchName": name, "CommitMessage": message, "AuthorDate": date}
        full = resolved.get("FullRepositoryId", "")
        if connection is not None:
            arn, provider_type = resolved["ConnectionArn"], connection.provider
            self.variables = {**common, "ConnectionArn": arn, "FullRepositoryName": full}
            summary = json.dumps({"ProviderType": provider_type, "CommitMessage": message}, separators=(",", ":"))
            asked = {"connectionArn": arn, "referenceType": "COMMIT", "FullRepositoryId": full, "Commit": found}
            page = "codesuite/settings/connections/redirect"
            url = f"https://{region}.console.aws.amazon.com/{page}?{urlencode(asked)}"
        elif provider == "GitHub":
            url = f"https://github.com/{resolved['Owner']}/{resolved['Repo']}/commit/{found}"
            more = {"CommitterDate": date, "CommitUrl": url, "RepositoryName": resolved["Repo"]}
            self.variables, summary = {**common, **more}, message
        else:
            self.variables = {**common, "CommitterDate": date, "RepositoryName": resolved["RepositoryName"]}
            page = f"codesuite/codecommit/repositories/{resolved['RepositoryName']}/commit/{found}"
            summary, url = message, f"https://{region}.console.aws.amazon.com/{page}"
        output = action["outputArtifacts"][0]["name"]
        self.revision = Revision(action["name"], output, found, summary, url, when)


def token_exists(reference: str, region: str) -> bool:
    """Whether the secret is there that a dynamic reference names."""
    name = reference.removeprefix("{{resolve:secretsmanager:").removesuffix("}}")
    secrets = client("secretsmanager", region)
    try:
        secrets.get_secret_value(SecretId=name)
    except secrets.exceptions.ResourceNotFoundException:
        return False
    return True


def _available(resolved: Mapping[str, str]) -> Connection:
    connection = connection_of(resolved["ConnectionArn"])
    if connection is None or connection.status != "AVAILABLE":
        arn = resolved["ConnectionArn"]
        raise ActionFailedError("ConnectionError", f"Connection {arn} is not available")
    return connection


def _found(connection: Connection | None, path: Path, name: str, resolved: Mapping[str, str], commit: str | None) -> str:
    """The commit to fetch: the one that is asked for, or the branch's head."""
    prefix = f"[{connection.provider}] " if connection else ""
    shown = resolved.get("FullRepositoryId") or path.stem
    if not path.is_dir():
        raise ActionFailedError("ConfigurationError", f"{prefix}Could not find repository [{shown}]")
    found = _commit(path, commit) if commit else _commit(path, f"refs/heads/{name}")
    if found is None and commit:
        raise ActionFailedError("ConfigurationError", f"{prefix}No Commit [{commit}] found for FullRepositoryName [{shown}]")
    if found is None:
        raise ActionFailedError("ConfigurationError", f"{prefix}No Branch [{name}] found for FullRepositoryName [{shown}]")
    return found


def _archive(path: Path, commit: str, name: str, *, whole: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        if not whole:
            _git(path, "archive", "--format=zip", f"--output={folder}/source.zip", commit)
            return Path(folder, "source.zip").read_bytes()
        _git(path, "clone", "--quiet", "--no-hardlinks", f"--branch={name}", ".", f"{folder}/whole")
        _git(Path(folder, "whole"), "checkout", "--quiet", "--detach", commit)
        return artifacts.packed(Path(folder, "whole"))


def _commit(path: Path, name: str) -> str | None:
    if not path.is_dir():
        return None
    done = subprocess.run(
        ["git", "rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}"],
        cwd=path,
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() or None


def _git(path: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=path, check=True, capture_output=True, text=True)
    return done.stdout.removesuffix("\n")
