"""The variables a build starts with, and what of a buildspec has no effect on this machine."""

from __future__ import annotations

import json
import os
import pwd
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote

from copilot.errors import CopilotError, NotFoundError, UnsupportedError
from copilot.local.buildspec.processes import BUILD_ID
from copilot.manifest.buildspec import Buildspec

_SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# What commands need to find programs, people's settings, the network and a container engine. Nothing else of the server's
# environment reaches a build.
_INHERITED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK"),
    *("LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME"),
    *("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "CONTAINER_HOST"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO"),
)


def inherited_variables() -> dict[str, str]:
    """What builds get of this process's environment."""
    return {"PATH": os.defpath} | {name: os.environ[name] for name in _INHERITED if name in os.environ}


def build_variables(
    buildspec: Buildspec,
    inherited: Mapping[str, str],
    variables: Mapping[str, str],
    secrets: Mapping[str, str],
    folder: Path,
    source: Path,
) -> dict[str, str]:
    """All variables a build starts with. The caller's ``variables`` win over the buildspec's; values are literal.

    Raises:
        UnsupportedError: A name is not one that a shell can have, or a value has a NUL character.
    """
    result = {**inherited, "TERM": "dumb", "CI": "true"}
    result |= buildspec.env.variables
    result |= secrets
    result |= variables
    result |= {"CODEBUILD_SRC_DIR": str(source), "CODEBUILD_BUILD_SUCCEEDING": "1", BUILD_ID: str(folder)}
    for name, value in result.items():
        if not _SHELL_NAME.fullmatch(name):
            raise UnsupportedError(
                f"`{name}` cannot be the name of a shell variable",
                hint="Use letters, digits and `_`, and do not begin with a digit",
            )
        if "\0" in value:
            raise UnsupportedError(f"the value of variable `{name}` has a NUL character, which no environment variable can have")
    return result


def state_text(variables: Mapping[str, str], source: Path) -> bytes:
    """The first state of the commands, as shell text: their variables, and the working folder."""
    lines = [f"export {name}={quote(value)}\n" for name, value in variables.items()]
    return os.fsencode("".join(lines) + f"PWD={quote(str(source))}\n")


def resolve_secrets(buildspec: Buildspec, lookup: Callable[[str], str | None]) -> dict[str, str]:
    """The values of ``env.parameter-store`` and ``env.secrets-manager``, by the name of their variable.

    Args:
        buildspec: Whose references to resolve.
        lookup: The value of a secret by its name, or None.

    Raises:
        NotFoundError: Secrets are missing; all of them are named.
        CopilotError: A secret lacks the key that is asked for.
        UnsupportedError: Another version than the current one is asked for.
    """
    wanted: dict[str, tuple[str, str]] = {name: (parameter, "") for name, parameter in buildspec.env.parameter_store.items()}
    for name, reference in buildspec.env.secrets_manager.items():
        wanted[name] = _secret_reference(reference)
    values = {name: lookup(secret) for name, (secret, _) in wanted.items()}
    missing = sorted({wanted[name][0] for name, value in values.items() if value is None})
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        raise NotFoundError(f"secrets that `env` of the buildspec asks for do not exist: {names}")
    return {name: _json_value(wanted[name], value) for name, value in values.items() if value is not None}


def _secret_reference(reference: str) -> tuple[str, str]:
    """Name and JSON key of ``secret-id:json-key:version-stage:version-id``; the id may be an ARN, which has colons of its own."""
    parts = reference.split(":")
    length = 7 if parts[0] == "arn" else 1
    name, (key, stage, version) = ":".join(parts[:length]), ([*parts[length:], "", "", ""])[:3]
    if stage not in {"", "AWSCURRENT"} or version:
        raise UnsupportedError(
            f"the buildspec asks for a version of secret `{name}`, and the local engine keeps only the current one",
            hint=f"Write `{name}:{key}`" if key else f"Write `{name}`",
        )
    return name, key


def _json_value(wanted: tuple[str, str], value: str) -> str:
    secret, key = wanted
    if not key:
        return value
    try:
        document = json.loads(value)
    except ValueError:
        document = None
    if not isinstance(document, dict) or key not in document:
        raise CopilotError(f"secret `{secret}` is not a JSON object with the key `{key}`, which the buildspec asks for")
    found = document[key]
    return found if isinstance(found, str) else json.dumps(found)


def check_users(buildspec: Buildspec) -> None:
    """Refuse a ``run-as`` that names another user than the one builds run as.

    Raises:
        UnsupportedError: It does.
    """
    own = pwd.getpwuid(os.getuid()).pw_name
    phases = buildspec.phases
    for section in (buildspec, phases.install, phases.pre_build, phases.build, phases.post_build):
        if section is not None and section.run_as not in {None, own}:
            raise UnsupportedError(
                f"`run-as: {section.run_as}` of the buildspec names another user than `{own}`, who runs this engine",
                hint="Remove it, or run the engine as that user",
            )


def notes(buildspec: Buildspec) -> tuple[str, ...]:
    """What the buildspec asks for and this machine does not do, a line each, for the log."""
    env, install = buildspec.env, buildspec.phases.install
    found = []
    if install is not None and install.runtime_versions:
        wanted = ", ".join(f"{name} {version}" for name, version in install.runtime_versions.items())
        found.append(f"`runtime-versions` ({wanted}) is not installed: the build uses what this machine has")
    if buildspec.cache is not None:
        found.append("`cache` is not kept between builds yet")
    if buildspec.proxy is not None:
        found.append("`proxy` has no effect: nothing is uploaded")
    if env.git_credential_helper:
        found.append("`git-credential-helper` has no effect: git uses the credentials of this user")
    found += [
        f"report `{name}` is not read: its format {report.file_format} is not supported yet, only JUNITXML"
        for name, report in buildspec.reports.items()
        if report.file_format != "JUNITXML"
    ]
    return tuple(f"note: {text}" for text in found)
