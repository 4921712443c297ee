"""The environment variables that a task is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from copilot.errors import DeploymentError
from copilot.release.description import ReleaseDescription


def task_variables(
    description: ReleaseDescription, of_runtime: Mapping[str, str], secret: Callable[[str], str | None]
) -> dict[str, str]:
    """All variables of a task: AWS Copilot's, the manifest's, its secrets, and where it listens.

    Args:
        description: The release that the task runs.
        of_runtime: Those that depend on the runtime; the manifest's win over them, but for ``PORT``.
        secret: Gives the value of a secret, or None if there is none of that name.

    Raises:
        DeploymentError: Naming every secret that does not exist.
    """
    d = description
    return {
        **of_runtime,
        "COPILOT_APPLICATION_NAME": d.application,
        "COPILOT_ENVIRONMENT_NAME": d.environment,
        "COPILOT_SERVICE_NAME": d.workload,
        "COPILOT_SERVICE_DISCOVERY_ENDPOINT": f"{d.environment}.{d.application}.local",
        **d.variables,
        **_secrets(d.workload, d.secrets, secret),
        **({"PORT": of_runtime["PORT"]} if "PORT" in of_runtime else {}),
    }


def sidecar_variables(
    description: ReleaseDescription, of_task: Mapping[str, str], secret: Callable[[str], str | None]
) -> dict[str, dict[str, str]]:
    """All variables of each sidecar, by its name: AWS Copilot's, its own, and its secrets.

    Args:
        description: The release that the task runs.
        of_task: Those of the main container.
        secret: As in `task_variables`.

    Raises:
        DeploymentError: Naming the secrets that do not exist.
    """
    common = {name: value for name, value in of_task.items() if name.startswith("COPILOT_")}
    return {
        sidecar.name: {**common, **sidecar.variables, **_secrets(description.workload, sidecar.secrets, secret)}
        for sidecar in description.sidecars
    }


def _secrets(workload: str, names: Mapping[str, str], secret: Callable[[str], str | None]) -> dict[str, str]:
    values = {variable: secret(name) for variable, name in names.items()}
    missing = sorted({names[variable] for variable, value in values.items() if value is None})
    if missing:
        listed = ", ".join(f"`{name}`" for name in missing)
        what = "a secret that does" if len(missing) == 1 else "secrets that do"
        raise DeploymentError(
            f"`{workload}` needs {what} not exist: {listed}",
            hint=f"Create it with `copilot secret init --name {missing[0]}`",
        )
    return {variable: value for variable, value in values.items() if value is not None}
