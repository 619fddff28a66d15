"""The `docker` builder: a rendered Dockerfile, built by an engine's BuildKit."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from mooring.build.daemon import Daemon, EngineError, RunResult
from mooring.build.interface import RECIPE_LABEL, BuildRequest, BuiltImage, SmokeResult
from mooring.build.names import image_names
from mooring.errors import InputError
from mooring.oci.model import LocalImage
from mooring.oci.reference import ImageReference
from mooring.reporting import Reporter

if TYPE_CHECKING:
    from mooring.build.engine import Engine


class EngineDaemon(Protocol):
    """What the builder asks of the engine's API; see `mooring.build.daemon.Daemon`."""

    def inspect(self, reference: str) -> LocalImage | None:
        """Return an image by name or id, or None."""

    def tag(self, image: str, reference: ImageReference) -> None:
        """Give an image another name."""

    def untag(self, reference: ImageReference) -> None:
        """Take a name away."""

    def push(self, reference: ImageReference, reporter: Reporter) -> str | None:
        """Push an image; return its manifest digest."""

    def run(
        self, image: str, command: Sequence[str], *, timeout: float, labels: Mapping[str, str]
    ) -> RunResult:
        """Run a command in a fresh container."""

    def close(self) -> None:
        """Close the connection."""


class ImageRegistry(Protocol):
    """What the builder asks of a registry; see `mooring.oci.registry.RegistryClient`."""

    def head(self, reference: ImageReference) -> str | None:
        """Return the digest of an image, or None."""

    def retag(self, reference: ImageReference, tags: Sequence[str]) -> str:
        """Give an image of the registry other tags; return its digest."""

    def close(self) -> None:
        """Close the connections."""


class DockerBuilder:
    """Builds with an engine; looks for the content tag first, and before any other question.

    Args:
        engine: What `probe` found; None probes when something must be built.
        daemon: The engine's API.
        registry: The registry that is pushed to; None uses the one of the repository's name.
        find_engine: Replaces `probe`.
    """

    name = "docker"

    def __init__(
        self,
        engine: Engine | None = None,
        *,
        daemon: EngineDaemon | None = None,
        registry: ImageRegistry | None = None,
        find_engine: Callable[[Reporter], Engine] | None = None,
    ) -> None:
        self._engine = engine
        self._daemon = daemon or Daemon()
        self._registry = registry
        self._find_engine = find_engine

    def build(self, request: BuildRequest, reporter: Reporter) -> BuiltImage:
        """Build the image unless its content tag exists; test it, tag it, push it.

        The content tag is given last, so an image that has it was whole and worked.

        Raises:
            InputError: The repository or a tag is not a valid name, or a secret's file is absent.
            EngineError: The engine is absent, the build or its smoke test fails.
            RegistryError: The registry cannot be asked, or refuses.
        """
        target, tags = _names(request)
        with closing(self._daemon):
            if not request.push:
                return self._in_engine(request, target, tags, reporter)
            with closing(self._open_registry()) as registry:
                if digest := registry.head(target):
                    return BuiltImage(
                        reference=str(target),
                        image_id=None,
                        digest=registry.retag(target, tags) if tags else digest,
                        recipe_digest=request.recipe.digest,
                        reused=True,
                        registry=True,
                        tags=_full(target, tags),
                    )
                built = self._in_engine(request, target, tags, reporter)
                return _with_digest(built, self._push(target, tags, registry, reporter))

    def _open_registry(self) -> ImageRegistry:
        if self._registry is not None:
            return self._registry
        from mooring.oci.registry import RegistryClient  # loads only for a push

        return RegistryClient(push=True)

    def _in_engine(
        self,
        request: BuildRequest,
        target: ImageReference,
        tags: Sequence[str],
        reporter: Reporter,
    ) -> BuiltImage:
        found = self._daemon.inspect(str(target))
        reused = found is not None and dict(found.labels).get(RECIPE_LABEL) == request.recipe.digest
        smoke = None
        if found is None or not reused:
            found, smoke = self._make(request, target, reporter)
        for tag in tags:
            self._daemon.tag(found.image_id, target.with_tag(tag))
        return BuiltImage(
            reference=str(target),
            image_id=found.image_id,
            digest=None,
            recipe_digest=request.recipe.digest,
            reused=reused,
            tags=_full(target, tags),
            smoke=smoke,
        )

    def _make(
        self, request: BuildRequest, target: ImageReference, reporter: Reporter
    ) -> tuple[LocalImage, SmokeResult | None]:
        self._check_base(request)
        # What only a real build needs is not loaded for finding out that there is nothing to do.
        from mooring.build.buildkit import BuildKitRun
        from mooring.build.engine import probe

        engine = self._engine or (self._find_engine or probe)(reporter)
        for limit in engine.limits:
            reporter.note(limit)
        with self._candidate(target) as candidate:
            reporter.step(f"Building {target}")
            BuildKitRun(engine, request, candidate, reporter).run()
            image = self._daemon.inspect(str(candidate))
            if image is None:
                raise EngineError("the build ended well, but the engine does not have the image")
            self._check_base(request)  # the tag could move while the build ran
            smoke = self._smoke(request, image, reporter)
            self._daemon.tag(image.image_id, target)
        return image, smoke

    def _check_base(self, request: BuildRequest) -> None:
        """A base that only this engine has goes by its tag, which may have moved since the lock."""
        base = request.base
        if base is None or base.digest is not None or base.image_id is None:
            return
        there = self._daemon.inspect(base.reference)
        if there is None:
            raise EngineError(
                f"the base image {base.reference} is not in this machine's engine any more",
                hint="build or load it again, or run `mooring lock --upgrade-base`",
            )
        if there.image_id != base.image_id:
            raise EngineError(
                f"the base image {base.reference} moved: {base.image_id} was locked, "
                f"the engine has {there.image_id}",
                hint="run `mooring lock --upgrade-base` to build on the new one",
            )

    @contextmanager
    def _candidate(self, target: ImageReference) -> Iterator[ImageReference]:
        """Give a name for an image that was not tested yet, and take it away at the end."""
        candidate = target.with_tag(f"{target.tag}-new-{os.urandom(4).hex()}")
        try:
            yield candidate
        finally:
            # A name that stays behind is no reason to hide what went wrong before.
            with suppress(EngineError):
                self._daemon.untag(candidate)

    def _smoke(
        self, request: BuildRequest, image: LocalImage, reporter: Reporter
    ) -> SmokeResult | None:
        from mooring.build.smoke import CannotRunHere, SmokeTest, smoke_test

        if request.smoke is None:
            return None
        reporter.step("Running the image once")
        test = SmokeTest(command=request.smoke, overridden=request.overridden)
        python = request.recipe.selection.python
        try:
            result = smoke_test(image, test, python, containers=self._daemon)
        except CannotRunHere as error:
            reporter.warn(f"the image was not tried: {error.message}")
            return None
        for note in result.notes:
            reporter.note(note)
        return result

    def _push(
        self,
        target: ImageReference,
        tags: Sequence[str],
        registry: ImageRegistry,
        reporter: Reporter,
    ) -> str:
        """Push under the content tag, read the digest back, then move the other tags to it."""
        reporter.step(f"Pushing {target}")
        pushed = self._daemon.push(target, reporter)
        digest = registry.head(target)
        if digest is None or (pushed is not None and pushed != digest):
            raise EngineError(
                f"the registry has {digest or 'nothing'} under {target.tag} after {pushed} was "
                "pushed",
                hint="somebody else may have pushed at the same time; run it again",
            )
        return registry.retag(target, tags) if tags else digest


def _names(request: BuildRequest) -> tuple[ImageReference, tuple[str, ...]]:
    for name, path in request.secrets.items():
        if not path.is_file():
            raise InputError(f"the file of the secret {name!r} is absent", where=str(path))
    return image_names(request.repository, request.recipe.content_tag, request.tags)


def _full(target: ImageReference, tags: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(target.with_tag(tag)) for tag in tags)


def _with_digest(built: BuiltImage, digest: str) -> BuiltImage:
    return dataclasses.replace(built, digest=digest, pushed=True)
