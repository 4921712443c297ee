"""Builds the images of workloads and describes their releases. Runs where the checkout is; needs no server."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from copilot.errors import CopilotError, Diagnostic, ManifestError, UnsupportedError
from copilot.image import ImageRequest, image_request
from copilot.local.docker.images import DockerImageBuilder
from copilot.local.home import Home
from copilot.local.host.images import HostImageBuilder
from copilot.local.host.limits import refuse_unsupported
from copilot.local.runtime import ImageBuilder
from copilot.manifest.image import ImageSource
from copilot.manifest.workload import Workload, read_env_files
from copilot.progress import Print, in_turn, prefixed
from copilot.release.describe import describe
from copilot.release.description import ReleaseDescription
from copilot.release.plan import release_path
from copilot.workload_checks import engine_faults, load_named_workload
from copilot.workspace import Workspace

_DESCRIPTION = TypeAdapter(ReleaseDescription)
_NOT_BUILT = "sha256:"


@dataclass(frozen=True)
class _Wanted:
    """An image for a runtime: one to build, or the location of one that exists."""

    runtime: str
    workload: str
    source: ImageRequest | str
    platform: str | None = None


def image_builder(runtime: str, home: Home) -> ImageBuilder:
    """What builds images for environments of a runtime. Raises UnsupportedError for one that is not there."""
    if runtime == "host":
        return HostImageBuilder(home)
    if runtime == "docker":
        return DockerImageBuilder(home)
    raise UnsupportedError(f"runtime `{runtime}` is not part of this release")


def build_workloads(
    workspace: Workspace,
    targets: Mapping[str, Sequence[str]],
    *,
    runtimes: Mapping[str, str],
    home: Home,
    revision: str,
    out: Print,
    execution: str = "",
) -> list[ReleaseDescription]:
    """Build each workload's image once for each runtime, side by side, and describe its release for each environment.

    Args:
        workspace: The checkout.
        targets: Workload to the environments it is deployed to.
        runtimes: The runtime of each environment.
        home: Where images are kept.
        revision: The commit, as in `ReleaseDescription.revision`.
        out: Takes progress, line by line.
        execution: As in `ImageRequest.execution`.

    Raises:
        ManifestError: With every problem of every manifest, before anything is built.
        UnsupportedError: An environment's runtime cannot honour something, before anything is built.
        BuildError: Names the workload and what failed.
    """
    settled = _load(workspace, targets)
    builders = {runtime: image_builder(runtime, home) for runtime in sorted({runtimes[e] for _, e in settled})}
    described = {
        target: describe(
            manifest,
            application=workspace.application,
            environment=target[1],
            image=manifest.image.location or _NOT_BUILT,
            revision=revision,
            env_files=variables,
        )
        for target, (manifest, variables) in settled.items()
    }
    for description in described.values():
        if runtimes[description.environment] == "host":
            refuse_unsupported(description)
    wanted = {
        target: _wanted(workspace, target[0], runtimes[target[1]], manifest, revision, execution)
        for target, (manifest, _) in settled.items()
    }
    images = _all_images(builders, [image for images in wanted.values() for image in images], workspace.root, in_turn(out))
    descriptions = []
    for target, description in described.items():
        main, *beside = (images[image] for image in wanted[target])
        sidecars = tuple(replace(s, image=image) for s, image in zip(description.sidecars, beside, strict=True))
        descriptions.append(replace(description, image=main, sidecars=sidecars))
    return descriptions


def text_of(description: ReleaseDescription) -> str:
    """A description as the JSON that a deployment reads."""
    return _DESCRIPTION.dump_json(description, indent=2).decode() + "\n"


def write_descriptions(descriptions: Sequence[ReleaseDescription], output_dir: Path) -> list[Path]:
    """Write each description where a deployment looks for it. ``output_dir`` is the plan's release folder."""
    output_dir.mkdir(parents=True, exist_ok=True)
    paths = []
    for description in descriptions:
        path = output_dir / Path(release_path(description.workload, description.environment)).name
        path.write_text(text_of(description), "utf-8")
        paths.append(path)
    return paths


def _load(
    workspace: Workspace, targets: Mapping[str, Sequence[str]]
) -> dict[tuple[str, str], tuple[Workload, Mapping[str, Mapping[str, str]]]]:
    """The manifest of each workload as it is in each environment, and what its ``env_file`` keys name."""
    found: dict[tuple[str, str], tuple[Workload, Mapping[str, Mapping[str, str]]]] = {}
    diagnostics: list[Diagnostic] = []
    for name, environments in targets.items():
        try:
            document = load_named_workload(workspace, name)
        except ManifestError as error:
            diagnostics += error.diagnostics
            continue
        for environment in environments:
            diagnostics += engine_faults(document, application=workspace.application, environment=environment, engine="local")
            manifest = document.model.resolved(environment, workspace.application)
            try:
                variables = read_env_files(document, workspace.root, workspace.application, environment)
            except ManifestError as error:
                diagnostics += error.diagnostics
            else:
                found[name, environment] = manifest, variables
    if diagnostics:
        raise ManifestError(list(dict.fromkeys(diagnostics)))
    return found


def _wanted(
    workspace: Workspace, name: str, runtime: str, manifest: Workload, revision: str, execution: str
) -> tuple[_Wanted, ...]:
    """The image of a workload's main container, then those of its sidecars."""
    sources = (manifest.image, *(sidecar.image for sidecar in manifest.sidecars.values()))
    return tuple(_wanted_image(workspace, name, runtime, source, manifest.platform, revision, execution) for source in sources)


def _wanted_image(
    workspace: Workspace, name: str, runtime: str, source: ImageSource, platform: str | None, revision: str, execution: str
) -> _Wanted:
    build = source.build
    if build is None:
        return _Wanted(runtime, name, source.location or "", platform)
    request = image_request(workspace, name, build, platform=platform, revision=revision, execution=execution)
    return _Wanted(runtime, name, request)


def _all_images(builders: Mapping[str, ImageBuilder], wanted: Sequence[_Wanted], root: Path, out: Print) -> dict[_Wanted, str]:
    """The digest of each image. As many are made at once as this machine has cores."""
    different = list(dict.fromkeys(wanted))
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="image") as pool:
        made = {image: pool.submit(_image, builders[image.runtime], image, root, out) for image in different}
        try:
            return {image: future.result() for image, future in made.items()}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _image(builder: ImageBuilder, wanted: _Wanted, root: Path, out: Print) -> str:
    name, source = wanted.workload, wanted.source
    begin = time.monotonic()
    try:
        if isinstance(source, str):
            digest = builder.locate(name, source, wanted.platform, prefixed(out, name))
            out(f"{name}: {source} is {digest}")
            return digest
        dockerfile = source.dockerfile
        out(f"{name}: building from {dockerfile.relative_to(root) if dockerfile.is_relative_to(root) else dockerfile}")
        digest = builder.build(source, prefixed(out, name))
    except CopilotError as error:
        raise type(error)(f"image of `{name}`: {error.message}", hint=error.hint, details=error.details) from error
    out(f"{name}: {digest} in {time.monotonic() - begin:.1f} s")
    return digest
