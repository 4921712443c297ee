"""What of a release a runtime without a container engine cannot honour."""

from __future__ import annotations

from copilot.release.description import ReleaseDescription


def unsupported_by_host(description: ReleaseDescription, machine: str) -> tuple[str, ...]:
    """The settings, by their keys in a manifest, that the host runtime cannot honour; empty if it can run the release.

    Args:
        description: The release.
        machine: The platform of this machine, such as ``linux/amd64``.
    """
    found = {
        f"image.location: {description.image}": not description.image.startswith("sha256:"),
        "image.healthcheck": description.check is not None,
        "sidecars": bool(description.sidecars),
        "storage.volumes": bool(description.volumes),
        f"platform: {description.platform}": description.platform not in (None, machine),
    }
    return tuple(key for key, there in found.items() if there)
