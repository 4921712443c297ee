"""Builds the images of workloads and describes their releases. Runs where the checkout is; needs no server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from copilot.errors import CopilotError, Diagnostic, ManifestError, UnsupportedError
from copilot.local.home import Home
from copilot.local.host.images import HostImageBuilder, refuse_location
from copilot.local.runtime import ImageBuilder, ImageRequest, Print
from copilot.manifest.workload import Workload, env_file_variables, load_workload
from copilot.release.describe import describe
from copilot.release.description import ReleaseDescription
from copilot.release.plan import release_path
from copilot.workspace import Workspace

_DESCRIPTION = TypeAdapter(ReleaseDescription)


def image_builder(runtimes: Sequence[str], home: Home) -> ImageBuilder:
    """What builds images for environments of these runtimes. Raises UnsupportedError for one that is not there."""
    unknown = sorted(set(runtimes) - {"host"})
    if unknown:
        raise UnsupportedError(f"runtime `{unknown[0]}` is not part of this release")
    return HostImageBuilder(home)


def build_workloads(
    workspace: Workspace,
    targets: Mapping[str, Sequence[str]],
    *,
    revision: str,
    builder: ImageBuilder,
    out: Print,
) -> list[ReleaseDescription]:
    """Build each workload's image once and describe its release for each environment.

    Args:
        workspace: The checkout.
        targets: Workload to the environments it is deployed to.
        revision: The commit, as in `ReleaseDescription.revision`.
        builder: Builds the images.
        out: Takes progress, line by line.

    Raises:
        ManifestError: With every problem of every manifest, before anything is built.
        BuildError: Names the workload and what failed.
    """
    settled = _load(workspace, targets)
    built: dict[tuple[str, str], str] = {}
    descriptions = []
    for (name, environment), (manifest, variables) in settled.items():
        request = _image_request(workspace, name, manifest)
        key = (name, repr(request))
        if key not in built:
            out(f"{name}: building from {request.dockerfile.relative_to(workspace.root)}")
            begin = time.monotonic()
            try:
                built[key] = builder.build(request, _prefixed(out, name))
            except CopilotError as error:
                raise type(error)(f"image of `{name}`: {error.message}", hint=error.hint, details=error.details) from error
            out(f"{name}: {built[key]} in {time.monotonic() - begin:.1f} s")
        descriptions.append(
            describe(
                manifest,
                application=workspace.application,
                environment=environment,
                image=built[key],
                revision=revision,
                env_file=variables,
            )
        )
    return descriptions


def write_descriptions(descriptions: Sequence[ReleaseDescription], output_dir: Path) -> list[Path]:
    """Write each description where a deployment looks for it. ``output_dir`` is the plan's release folder."""
    output_dir.mkdir(parents=True, exist_ok=True)
    paths = []
    for description in descriptions:
        path = output_dir / Path(release_path(description.workload, description.environment)).name
        path.write_bytes(_DESCRIPTION.dump_json(description, indent=2) + b"\n")
        paths.append(path)
    return paths


def _load(
    workspace: Workspace, targets: Mapping[str, Sequence[str]]
) -> dict[tuple[str, str], tuple[Workload, Mapping[str, str]]]:
    """The manifest of each workload as it is in each environment, and what its ``env_file`` holds."""
    found: dict[tuple[str, str], tuple[Workload, Mapping[str, str]]] = {}
    diagnostics: list[Diagnostic] = []
    for name, environments in targets.items():
        try:
            document = load_workload(workspace.workload_manifest(name))
        except ManifestError as error:
            diagnostics += error.diagnostics
            continue
        for environment in environments:
            manifest = document.model.resolved(environment, workspace.application)
            try:
                variables = env_file_variables(document, workspace.root, workspace.application, environment)
            except ManifestError as error:
                diagnostics += error.diagnostics
            else:
                found[name, environment] = manifest, variables
    if diagnostics:
        raise ManifestError(list(dict.fromkeys(diagnostics)))
    return found


def _prefixed(out: Print, workload: str) -> Print:
    return lambda line: out(f"{workload}: {line}")


def _image_request(workspace: Workspace, name: str, manifest: Workload) -> ImageRequest:
    build = manifest.image.build
    if build is None:
        refuse_location(name, manifest.image.location or "")
    return ImageRequest(
        application=workspace.application,
        workload=name,
        dockerfile=workspace.root / build.dockerfile,
        context=workspace.root / build.context,
        target=build.target,
        args=build.args,
    )
