"""What the host runtime refuses to run."""

from __future__ import annotations

import platform

from copilot.errors import UnsupportedError
from copilot.release.description import ReleaseDescription
from copilot.release.unsupported import unsupported_by_host

# What the kernel calls a processor, where a platform is named otherwise.
_PROCESSORS = {"x86_64": "amd64", "aarch64": "arm64"}


def machine() -> str:
    """The platform of this machine, such as ``linux/amd64``."""
    processor = platform.machine().lower()
    return f"{platform.system().lower()}/{_PROCESSORS.get(processor, processor)}"


def refuse_unsupported(description: ReleaseDescription) -> None:
    """Raise UnsupportedError, naming the settings, if a release has some that only a container engine can honour."""
    keys = unsupported_by_host(description, machine())
    if keys:
        raise UnsupportedError(
            f"`{description.workload}` has {_listed(keys)}, which the host runtime of environment `{description.environment}`"
            " cannot honour: it has no container engine",
            hint="Deploy it to an environment on Docker: `copilot env init --runtime docker` makes one",
        )


def _listed(keys: tuple[str, ...]) -> str:
    quoted = [f"`{key}`" for key in keys]
    return " and ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
