"""Images of workloads: built once, and in the ECR repository of every region that they are deployed to."""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Self

from copilot.aws.ecr import Repository, credentials, digest_of, find_image
from copilot.aws.names import LATEST
from copilot.aws.push_errors import explain_push
from copilot.docker import command
from copilot.docker.build import build, has_buildkit
from copilot.docker.cache import NO_CACHE, NOTES, Cache, registry_cache
from copilot.docker.logins import Logins
from copilot.errors import ConflictError, CopilotError, NotFoundError, UsageError
from copilot.image import ImageRequest
from copilot.progress import Print, in_turn, prefixed, shown

_CACHE = "buildcache"
_COMMIT_DIGITS = 7
_DIGEST_DIGITS = 12
# More at once would share the same way out of this machine.
_AT_ONCE = 4
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_PUSHED = re.compile(r"digest: (sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Wanted:
    """An image to build and publish.

    Attributes:
        request: What to build.
        repositories: Where it is deployed from. The first one also keeps the cache of builds.
        sidecar: The sidecar whose image it is; empty: the workload's main container.
    """

    request: ImageRequest
    repositories: tuple[Repository, ...]
    sidecar: str = ""

    @property
    def name(self) -> str:
        """Whose image it is, for messages."""
        return f"{self.request.workload}/{self.sidecar}" if self.sidecar else self.request.workload


def publish_images(wanted: Sequence[Wanted], out: Print, *, tag: str | None = None) -> list[dict[str, str]]:
    """Build each image once and push it to each of its repositories.

    As many are built at once as this machine has cores.

    Args:
        wanted: The images.
        out: Takes progress, line by line.
        tag: Instead of the commit (``--tag``).

    Returns:
        For each image: the URI of each repository, and what it is there by digest, ``<uri>@sha256:…``.

    Raises:
        UsageError: The tag is none.
        BuildError: A build failed, or a push for a reason of this machine.
        NotFoundError: There is no such repository.
        EngineUnavailableError: AWS, a registry or the container engine refuses or does not answer.
    """
    if tag is not None and not _TAG.fullmatch(tag):
        raise UsageError(
            f"`{tag}` is no tag of an image", hint="Up to 128 letters, digits, `_`, `.` and `-`, of which the last two not first"
        )
    with Publisher(in_turn(out)) as publisher, ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="image") as pool:
        made = [pool.submit(publisher.make, image, tag) for image in wanted]
        try:
            return [future.result() for future in made]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def image_tags(revision: str, image: str, *, tag: str | None = None, sidecar: str = "") -> tuple[str, ...]:
    """The tags of an image: what names it for good, then the one that moves with each build. As AWS Copilot gives them.

    Args:
        revision: The commit, as `ReleaseDescription.revision` has it.
        image: Its digest, which names what is not a commit: each state of a working tree is another image.
        tag: Instead of the commit.
        sidecar: The sidecar whose image it is.

    >>> image_tags("a1b2c3d4e5f60718293a4b5c6d7e8f9001122334", "sha256:0")
    ('a1b2c3d', 'latest')
    """
    commit, _, dirty = revision.partition("-")
    own = commit[:_COMMIT_DIGITS]
    if dirty or not commit:
        own = f"{own or 'worktree'}-{image.removeprefix('sha256:')[:_DIGEST_DIGITS]}"
    prefix = f"{sidecar}-" if sidecar else ""
    return tuple(f"{prefix}{name}" for name in (tag or own, LATEST))


@dataclass(frozen=True)
class Published:
    """An image in a repository.

    Attributes:
        reference: By digest, ``<uri>@sha256:…``.
        pushed: Whether it was not there before.
    """

    reference: str
    pushed: bool


class Publisher:
    """Builds images and pushes them, from any thread. A context manager: the logins to registries end with it."""

    def __init__(self, out: Print) -> None:
        self._out = out
        self._logins = Logins()
        self._turns: dict[str, Lock] = defaultdict(Lock)

    def __enter__(self) -> Self:
        """Begin with no login."""
        self._logins.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Forget the logins."""
        self._logins.__exit__(*error)

    def make(self, wanted: Wanted, tag: str | None) -> dict[str, str]:
        """Build an image once and have it in all of its repositories: see `publish_images`."""
        dockerfile = wanted.request.dockerfile
        if not dockerfile.is_file():
            raise NotFoundError(
                f"image of `{wanted.name}`: `{shown(dockerfile)}` is not there",
                hint="write it, or correct `image.build` in the manifest",
            )
        # Before the build: nobody should wait for one that cannot be pushed.
        self._log_in(wanted.repositories)
        prefix = f"{wanted.sidecar}-" if wanted.sidecar else ""
        # It may pull, which moves a name that an image of the same workload may just be pushed under.
        with self._turns[wanted.name]:
            cache = registry_cache(
                self._logins.docker,
                latest=f"{wanted.repositories[0].uri}:{prefix}{LATEST}",
                cache=f"{wanted.repositories[0].uri}:{prefix}{_CACHE}",
                platform=wanted.request.platform,
                buildkit=has_buildkit(),
            )
        image = self.build(wanted, cache)
        tags = image_tags(wanted.request.revision, image, tag=tag, sidecar=wanted.sidecar)
        published = self.publish(wanted.name, image, wanted.repositories, tags)
        if cache.beside and any(there.pushed for there in published.values()):
            self._keep_notes(wanted, cache.beside)
        return {uri: there.reference for uri, there in published.items()}

    def build(self, wanted: Wanted, cache: Cache = NO_CACHE) -> str:
        """Build an image; the answer is its digest on the container engine. Raises BuildError."""
        request, out = wanted.request, prefixed(self._out, wanted.name)
        begin = time.monotonic()
        out(f"building from {shown(request.dockerfile)}")
        local = f"copilot/{request.application}/{request.workload}:{wanted.sidecar or LATEST}"
        try:
            image = build(self._logins.docker, request, [local], out, cache)
        except CopilotError as error:
            raise type(error)(f"image of `{wanted.name}`: {error.message}", hint=error.hint, details=error.details) from error
        out(f"{image} in {time.monotonic() - begin:.1f} s")
        return image

    def publish(self, name: str, image: str, repositories: Sequence[Repository], tags: Sequence[str]) -> dict[str, Published]:
        """Push an image to repositories, side by side, but not to those that have it.

        Args:
            name: Whose image it is.
            image: Its digest on the container engine.
            repositories: Where it is to be; the same one may be in it more than once.
            tags: What it is called there, the one that moves last.

        Returns:
            For the URI of each repository, what it is there.

        Raises:
            CopilotError: As `publish_images` does.
        """
        self._log_in(repositories)
        different = list({repository.uri: repository for repository in repositories}.values())
        # Environments may each have an image of their own of one workload, under the same names.
        with self._turns[name], ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="publish") as pool:
            there = pool.map(lambda repository: self._find(name, image, repository, tags), different)
            published = {repository.uri: found for repository, found in zip(different, there, strict=True)}
            missing = [repository for repository in different if published[repository.uri] is None]
            pushed = self._push_all(pool, name, image, missing, tags) if missing else {}
        return {uri: found or pushed[uri] for uri, found in published.items()}

    def _find(self, name: str, image: str, repository: Repository, tags: Sequence[str]) -> Published | None:
        digest = find_image(repository, name, image, tags)
        if digest is None:
            return None
        self._out(f"{name}: {repository.uri} has it already")
        return Published(f"{repository.uri}@{digest}", pushed=False)

    def _push_all(
        self, pool: Executor, name: str, image: str, repositories: Sequence[Repository], tags: Sequence[str]
    ) -> dict[str, Published]:
        docker = self._logins.docker
        references = [f"{repository.uri}:{tag}" for repository in repositories for tag in tags]
        try:
            # All before the first push: what has a name cannot be deleted by another build meanwhile.
            for reference in references:
                docker.run(command.tag(image, reference))
            pushes = [pool.submit(self._push, name, image, repository, tags) for repository in repositories]
            wait(pushes)
            pushed = {repository.uri: push.result() for repository, push in zip(repositories, pushes, strict=True)}
            # The engine notes them too, and would keep the image for them.
            references += [one.reference for one in pushed.values()]
        finally:
            docker.ask(command.untag(references))
        return pushed

    def _push(self, name: str, image: str, repository: Repository, tags: Sequence[str]) -> Published:
        out = prefixed(self._out, name)
        begin = time.monotonic()
        out(f"pushing to {repository.uri}")
        digest = ""
        for tag in tags:
            digest = self._push_tag(name, image, repository, tag)
        out(f"pushed to {repository.uri} in {time.monotonic() - begin:.1f} s")
        return Published(f"{repository.uri}@{digest}", pushed=True)

    def _push_tag(self, name: str, image: str, repository: Repository, tag: str) -> str:
        """The digest of an image that was pushed."""
        reference = f"{repository.uri}:{tag}"
        docker = self._logins.docker
        answer = docker.ask(command.push(reference), seconds=None)
        if answer.code:
            raise explain_push(name, repository.uri, answer.output)
        # Another program on this machine may publish the same workload, and have taken the name for another image.
        if docker.ask(command.image_digest(reference)).text.strip() != image:
            raise ConflictError(
                f"image of `{name}`: something else on this machine pushes another one to `{repository.uri}` at the same time",
                hint="Run this again when that has ended",
            )
        said = _PUSHED.search(answer.output)
        # Podman's own client does not say it.
        return said[1] if said else digest_of(repository, tag)

    def _keep_notes(self, wanted: Wanted, reference: str) -> None:
        """Push what later builds take layers from, all of which were just built and pushed; a failure only makes those slower."""
        docker = self._logins.docker
        try:
            build(docker, wanted.request, [reference], lambda _: None, NOTES)
            answer = docker.ask(command.push(reference), seconds=None)
            problem = explain_push(wanted.name, wanted.repositories[0].uri, answer.output) if answer.code else None
        except CopilotError as error:
            problem = error
        finally:
            docker.ask(command.untag([reference]))
        if problem is not None:
            self._out(
                f"{wanted.name}: the next build on another machine begins anew, as its cache was not pushed: {problem.message}"
            )

    def _log_in(self, repositories: Sequence[Repository]) -> None:
        for repository in repositories:
            self._logins.log_in(repository.registry, partial(credentials, repository.aws))
