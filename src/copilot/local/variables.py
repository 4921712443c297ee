"""The environment variables that a task is given."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from copilot.errors import DeploymentError
from copilot.release.description import ReleaseDescription


def task_variables(
    description: ReleaseDescription,
    port: int | None,
    environment_port: int,
    proxy_port: int,
    secret: Callable[[str], str | None],
) -> dict[str, str]:
    """All variables of a task: AWS Copilot's, the manifest's, its secrets, and where it listens.

    Args:
        description: The release that the task runs.
        port: Where the task must listen; None if nothing connects to it.
        environment_port: Where the environment's front door answers.
        proxy_port: Where services are reached by name, as an HTTP proxy.
        secret: Gives the value of a secret, or None if there is none of that name.

    Raises:
        DeploymentError: Naming every secret that does not exist.
    """
    d = description
    return {
        **_proxy(proxy_port, os.environ),
        "COPILOT_APPLICATION_NAME": d.application,
        "COPILOT_ENVIRONMENT_NAME": d.environment,
        "COPILOT_SERVICE_NAME": d.workload,
        "COPILOT_LB_DNS": f"localhost:{environment_port}",
        "COPILOT_SERVICE_DISCOVERY_ENDPOINT": f"{d.environment}.{d.application}.local",
        **d.variables,
        **_secrets(d, secret),
        **({} if port is None else {"PORT": str(port)}),
    }


def _proxy(port: int, own: Mapping[str, str]) -> dict[str, str]:
    """Makes the names of services work without DNS. A machine that already has a proxy keeps it."""
    if "http_proxy" in own:
        return {}
    return {"http_proxy": f"http://127.0.0.1:{port}", "no_proxy": "localhost,127.0.0.1,::1", "NODE_USE_ENV_PROXY": "1"}


def _secrets(description: ReleaseDescription, secret: Callable[[str], str | None]) -> dict[str, str]:
    values = {variable: secret(name) for variable, name in description.secrets.items()}
    missing = sorted({description.secrets[variable] for variable, value in values.items() if value is None})
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        what = "a secret that does" if len(missing) == 1 else "secrets that do"
        raise DeploymentError(
            f"`{description.workload}` needs {what} not exist: {names}",
            hint=f"Create it with `copilot secret init --name {missing[0]}`",
        )
    return {variable: value for variable, value in values.items() if value is not None}
