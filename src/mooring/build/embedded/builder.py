"""The embedded builder: from a request to images where they are wanted, without an engine."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mooring.build.embedded.assemble import Assembler, Ground
from mooring.build.embedded.bases.base import check_libc, find_interpreter, open_base
from mooring.build.embedded.bytecode.compilers import Compiler, find_compiler
from mooring.build.embedded.config import image_index
from mooring.build.embedded.destinations import (
    Arrival,
    Destination,
    EngineDestination,
    OutputDestination,
    Wanted,
    joined,
)
from mooring.build.embedded.interface import ENVIRONMENT_ROOT, BaseContent, Place
from mooring.build.embedded.memory import return_large_buffers
from mooring.build.embedded.registry_destination import RegistryDestination
from mooring.build.embedded.request import EmbeddedRequest, Output, PlatformImage, Variant
from mooring.build.interface import BuiltImage, SmokeResult
from mooring.build.names import image_names
from mooring.errors import InputError
from mooring.files import remove_cache_leftovers
from mooring.lock.formats.system_lock import SystemLock
from mooring.oci.blob_store import BlobStore
from mooring.oci.content import Content, IndexContent, images_of
from mooring.oci.model import LocalImage
from mooring.reporting import Reporter

if TYPE_CHECKING:
    from mooring.oci.registry import RegistryClient

DEFAULT_OUTPUT = ".mooring/image"
"""Folder of the project for images that nobody said where to bring, where no engine answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A new image, and what it was made with."""

    variant: Variant
    content: Content


class EmbeddedBuilder:
    """Makes images out of locked artifacts; looks for the content tag before anything else.

    Args:
        store: Keeps blobs; Mooring's cache by default.
        registry: Speaks to registries.
    """

    name = "oci"

    def __init__(
        self, *, store: BlobStore | None = None, registry: RegistryClient | None = None
    ) -> None:
        self._store = store or BlobStore()
        self._registry = registry

    def build(self, request: EmbeddedRequest, reporter: Reporter) -> BuiltImage:
        """Build the images unless they are everywhere that they are wanted.

        Raises:
            InputError: A name, an output or a value does not fit.
            MooringError: A base, an artifact, a registry or an engine cannot be had, refuses, or
                is not what it should be; nothing has the content tag then.
        """
        request.check()
        _check_sign_key(request, reporter)
        with contextlib.ExitStack() as stack:
            client = self._registry or stack.enter_context(_registry(request))
            run = _Run(request, reporter, self._store, client)
            places = run.destinations(stack)
            for variant in request.variants:
                wanted = _wanted(request, variant)
                found = [place.find(wanted) for place in places]
                if all(found):
                    return _result(wanted, [each for each in found if each], reused=True)
            made = run.make(stack)
            wanted = _wanted(request, made.variant)
            arrived = [
                place.find(wanted) or place.deliver(wanted, made.content) for place in places
            ]
            if request.smoke and not any(isinstance(each, EngineDestination) for each in places):
                reporter.note("the command of image.smoke was not run: no engine got the image")
            return _result(wanted, arrived, reused=False)


class _Run:
    """One build: what its steps share."""

    def __init__(
        self,
        request: EmbeddedRequest,
        reporter: Reporter,
        store: BlobStore,
        client: RegistryClient,
    ) -> None:
        self._request = request
        self._reporter = reporter
        self._store = store
        self._client = client
        self._assembler = Assembler(request, reporter, store=store)

    def destinations(self, stack: contextlib.ExitStack) -> tuple[Destination, ...]:
        """Return where the images are wanted, a registry last: it is what others see."""
        request, reporter = self._request, self._reporter
        found: list[Destination] = [OutputDestination(each, reporter) for each in request.outputs]
        if request.load or not (request.push or request.outputs):
            engine = self._engine(stack)
            found.append(engine or _default_output(request, reporter))
        if request.push:
            attach = self._attach if request.attest else None
            complete = self._sign if request.attest and request.sign_key else None
            found.append(
                RegistryDestination(self._client, reporter, attach=attach, complete=complete)
            )
        return tuple(found)

    def _engine(self, stack: contextlib.ExitStack) -> Destination | None:
        """Return this machine's engine; None when it does not answer and was not asked for."""
        from mooring.build.daemon import Daemon, EngineError  # the engine's client is heavy

        engine = stack.enter_context(Daemon())
        try:
            engine.inspect("mooring-asks-for-an-answer")
        except EngineError as error:
            if self._request.load:
                raise
            self._reporter.note(f"{error.message}: writing an OCI layout instead")
            return None

        def try_out(wanted: Wanted, image: LocalImage) -> SmokeResult | None:
            return self._smoke(image, engine)

        return EngineDestination(engine, self._reporter, try_out)

    def make(self, stack: contextlib.ExitStack) -> Made:
        """Open the bases, decide on byte code, and make the images."""
        remove_cache_leftovers()
        return_large_buffers()
        grounds = [self._ground(image, stack) for image in self._request.images]
        variant, compilers = self._variant(grounds)
        images = []
        for recipe, ground, compiler in zip(variant.recipes, grounds, compilers):
            self._reporter.step(f"Building {recipe.selection.platform.oci}")
            whole = Ground(base=ground.base, place=ground.place, compiler=compiler)
            images.append(self._assembler.image(recipe, whole))
        if len(images) == 1:
            return Made(variant=variant, content=images[0])
        content = IndexContent(index=image_index(images), images=tuple(images))
        return Made(variant=variant, content=content)

    def _ground(self, image: PlatformImage, stack: contextlib.ExitStack) -> Ground:
        selection, base = image.selection, stack.enter_context(self._opened(image))
        interpreter = find_interpreter(base.scan, selection.python, base.reference)
        check_libc(base.scan, selection.platform, selection)
        place = Place(
            root=ENVIRONMENT_ROOT, python=interpreter.version, interpreter=interpreter.path
        )
        return Ground(base=base, place=place)

    def _opened(self, image: PlatformImage) -> contextlib.AbstractContextManager[BaseContent]:
        request = self._request
        if isinstance(image.base, SystemLock):
            from mooring.build.embedded.system.base import open_system_base

            return open_system_base(
                image.base,
                store=self._store,
                offline=request.offline,
                reporter=self._reporter,
            )
        return open_base(
            image.base,
            image.platform,
            store=self._store,
            registry=None if request.offline else self._client,
            reporter=self._reporter,
            root=request.root,
        )

    def _variant(self, grounds: Sequence[Ground]) -> tuple[Variant, tuple[Compiler | None, ...]]:
        """Decide on byte code: an index has it for all platforms or for none."""
        request = self._request
        without: tuple[Compiler | None, ...] = (None,) * len(grounds)
        if request.spec.bytecode is False:
            return request.variant(False), without
        compilers = tuple(find_compiler(ground.place.python) for ground in grounds)
        if all(compilers):
            return request.variant(True), compilers
        missing = ", ".join(
            sorted({str(g.place.python) for g, found in zip(grounds, compilers) if not found})
        )
        if request.spec.bytecode:
            raise InputError(
                f"byte code needs Python {missing}, which this machine does not have",
                where="image.bytecode",
                hint="install exactly that version, or leave the key out",
            )
        self._reporter.note(f"no byte code: this machine has no Python {missing} to compile it")
        return request.variant(False), without

    def _smoke(self, image: LocalImage, engine: object) -> SmokeResult | None:
        """Run a loaded image once; it has no tag of its own yet."""
        from mooring.build.daemon import Daemon
        from mooring.build.smoke import CannotRunHere, SmokeTest, smoke_test

        request = self._request
        if request.smoke is None:
            return None
        assert isinstance(engine, Daemon)
        self._reporter.step("Running the image once")
        test = SmokeTest(command=request.smoke, overridden=request.overridden)
        python = request.images[0].selection.python
        try:
            result = smoke_test(image, test, python, containers=engine)
        except CannotRunHere as error:
            self._reporter.warn(f"the image was not tried: {error.message}")
            return None
        for note in result.notes:
            self._reporter.note(note)
        return result

    def _sign(self, wanted: Wanted, digest: str) -> None:
        """Put documents and signature beside an image that is there and lacks the signature."""
        from mooring.build.embedded.attest import is_signed  # heavy, see `_attach`
        from mooring.build.embedded.read_back import read_back

        key, reference = self._request.sign_key, wanted.reference
        assert key is not None
        content = read_back(self._client, reference.with_digest(digest), wanted.variant.recipes)
        digests = [image.manifest.digest for image in images_of(content)]
        if not all(is_signed(self._client, reference, each, key) for each in digests):
            self._attach(wanted, content)

    def _attach(self, wanted: Wanted, content: Content) -> None:
        """Put SBOM and provenance beside the images of a registry."""
        # Models and validators of the documents are heavy, and only a new image needs them.
        from mooring.build.embedded.attest import Attestation, attach_documents

        attestation = Attestation(
            wheels_of=lambda recipe: self._assembler.wheels(recipe, recipe.selection.packages),
            bases={image.platform: image.base for image in self._request.images},
            sign_key=self._request.sign_key,
        )
        attach_documents(
            self._client,
            wanted.reference,
            content,
            wanted.variant.recipes,
            attestation,
            self._reporter,
        )


def _check_sign_key(request: EmbeddedRequest, reporter: Reporter) -> None:
    if request.push and request.attest and request.sign_key is not None:
        from mooring.build.embedded.attest import check_sign_key  # heavy, see above

        check_sign_key(request.sign_key, reporter)


def _registry(request: EmbeddedRequest) -> RegistryClient:
    from mooring.oci.registry import RegistryClient  # loads requests

    return RegistryClient(push=request.push)


def _wanted(request: EmbeddedRequest, variant: Variant) -> Wanted:
    reference, tags = image_names(request.repository, variant.content_tag, request.tags)
    return Wanted(variant=variant, reference=reference, tags=tags)


def _default_output(request: EmbeddedRequest, reporter: Reporter) -> Destination:
    path = request.root / DEFAULT_OUTPUT
    return OutputDestination(Output(kind="oci", path=path), reporter, own_folder=path.parent)


def _result(wanted: Wanted, arrivals: Sequence[Arrival], *, reused: bool) -> BuiltImage:
    whole = joined(arrivals)
    return BuiltImage(
        reference=wanted.names[0],
        image_id=whole.image_id,
        digest=whole.digest,
        recipe_digest=wanted.variant.digest,
        reused=reused,
        pushed=any(arrival.registry and arrival.new for arrival in arrivals),
        registry=any(arrival.registry for arrival in arrivals),
        tags=wanted.names[1:],
        smoke=whole.smoke,
        places=tuple(arrival.place for arrival in arrivals if arrival.place),
    )
