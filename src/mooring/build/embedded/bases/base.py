"""The base image of one platform: opened wherever it is, and looked at whether it can carry us."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mooring.build.embedded.bases.layers import scan_of
from mooring.build.embedded.bases.repack import SavingEngine, archive_base, engine_base
from mooring.build.embedded.bases.sources import RawBase, RegistryBase, RegistryBlobs, layout_base
from mooring.build.embedded.interface import (
    BaseContent,
    BaseScan,
    EmbeddedBuildError,
    Interpreter,
)
from mooring.errors import InputError
from mooring.lock.model import Selection
from mooring.oci.archive import open_saved_image
from mooring.oci.blob_store import BlobStore
from mooring.oci.model import platform_of, same_platform
from mooring.oci.reference import ImageReference
from mooring.oci.saved import read_object
from mooring.oci.saved_names import is_saved_image, located
from mooring.platforms import Platform, PythonVersion
from mooring.render.interface import BaseImage
from mooring.reporting import Reporter

MOST_LAYERS = 120
"""Layers that a base may have: engines stop at 127, and some are ours."""

_LIBC_TAG = re.compile(r"(?P<kind>manylinux|musllinux)_(?P<major>\d+)_(?P<minor>\d+)_")
_LIBC_OF = {"manylinux": "glibc", "musllinux": "musl"}
_PREFERRED = ("/usr/local/bin/", "/usr/bin/", "/bin/")


@contextlib.contextmanager
def open_base(
    base: BaseImage,
    platform: str,
    *,
    store: BlobStore,
    registry: RegistryBlobs | None,
    reporter: Reporter,
    root: Path,
    engine: SavingEngine | None = None,
) -> Iterator[BaseContent]:
    """Give a base image as it is locked.

    Layers of a registry's image are downloaded when they are opened, and for the first scan.

    Args:
        base: With the digest or image id of `mooring.lock`.
        platform: OCI `os/arch`.
        store: Keeps what is downloaded; the scans are kept beside it.
        registry: None takes only what the store has.
        reporter: Hears what takes time.
        root: The project folder, where relative paths of saved images start.
        engine: The local engine; this machine's own by default.

    Raises:
        EmbeddedBuildError: The image is for another platform, has changed, or cannot be built upon.
        MooringError: It cannot be had, or is damaged.
    """
    with contextlib.ExitStack() as stack:
        if is_saved_image(base.reference):
            raw = _saved(base, platform, store, root)
        elif base.digest is not None:
            reference = ImageReference.parse(base.reference).with_digest(base.digest)
            raw = RegistryBase(reference, platform, store=store, registry=registry).read()
        elif base.image_id is not None:
            engine = engine or _local_engine(stack)
            raw = engine_base(
                base.image_id, platform, store=store, engine=engine, reporter=reporter
            )
        else:
            raise _unlocked(base)
        config = read_object(raw.config, base.reference)
        _check(raw, config, platform, base.reference)
        scan = scan_of(raw, base.reference, store, reporter)
        yield BaseContent(
            reference=base.reference,
            digest=raw.digest,
            platform=platform_of(config),
            config=config,
            layers=raw.layers,
            scan=scan,
        )


def find_interpreter(scan: BaseScan, python: PythonVersion, where: str) -> Interpreter:
    """Return the base's Python of a version, the one in the most usual place.

    Args:
        scan: Of the base.
        python: X.Y, or X.Y.Z for exactly that one.
        where: How the message names the base.

    Raises:
        EmbeddedBuildError: It has none; the message says which it has.
    """
    same = [each for each in scan.interpreters if each.version.minor == python.minor]
    fitting = [each for each in same if python.patch in (None, each.version.patch)]
    if fitting:
        return min(fitting, key=lambda each: (_rank(each), each.path))
    has = ", ".join(f"{each.version} ({each.path})" for each in scan.interpreters[:10])
    raise EmbeddedBuildError(
        f"the base image has no Python {python}"
        + (f"; it has {has}" if has else ", nor any other"),
        where=where,
        hint=_instead(scan, python),
    )


def check_libc(scan: BaseScan, platform: Platform, selection: Selection) -> None:
    """Refuse a base whose libc cannot load a locked wheel.

    Args:
        scan: Of the base; one whose libc is unknown is not refused.
        platform: What the wheels were selected for.
        selection: The wheels.

    Raises:
        EmbeddedBuildError: At least one does not fit; each is named.
    """
    if scan.libc is None or platform.floor is None:
        return
    kind, version = scan.libc
    here = Platform.parse(f"{platform.subdir}-{kind}{version[0]}.{version[1]}")
    accepted = {"any", *here.platform_tags()}
    unfit = []
    for selected in selection.packages:
        name = selected.artifact.name
        tags = name.removesuffix(".whl").rpartition("-")[2].split(".")
        if name.endswith(".whl") and accepted.isdisjoint(tags):
            unfit.append(f"{name} needs {_needed(tags)}")
    if unfit:
        lines = "\n".join(f"  {line}" for line in unfit)
        floor = f"{platform.subdir}-{kind}{version[0]}.{version[1]}"
        raise EmbeddedBuildError(
            f"the base image has {kind} {version[0]}.{version[1]}, and locked wheels need "
            f"another:\n{lines}",
            hint=f'choose a newer base, or lock for the platform "{floor}"',
        )


def _saved(base: BaseImage, platform: str, store: BlobStore, root: Path) -> RawBase:
    """Open files, which anybody may have changed since they were locked."""
    image = open_saved_image(located(base.reference, root), [platform])
    layout = image.manifest_digest is not None
    found, locked = (image.manifest_digest, base.digest) if layout else (image.id, base.image_id)
    if locked is None and base.digest is None and base.image_id is None:
        raise _unlocked(base)
    if found != locked:
        raise EmbeddedBuildError(
            f"the base image is not the one that is locked: {locked or 'another kind'} expected, "
            f"{found} found",
            where=base.reference,
            hint="run `mooring lock --upgrade-base` to take the new one",
        )
    return layout_base(image) if layout else archive_base(image, store)


def _check(raw: RawBase, config: Mapping[str, object], platform: str, where: str) -> None:
    found = platform_of(config)
    if not same_platform(found, platform):
        raise EmbeddedBuildError(
            f"the base image is for {found or 'no platform that it names'}, not for {platform}",
            where=where,
            hint="choose another base; `mooring lock --upgrade-base` asks for it again",
        )
    if len(raw.layers) > MOST_LAYERS:
        raise EmbeddedBuildError(
            f"the base image has {len(raw.layers)} layers, which leaves no room for others",
            where=where,
            hint=f"choose one with at most {MOST_LAYERS}",
        )


def _unlocked(base: BaseImage) -> InputError:
    return InputError(
        "the base image is not locked", where=base.reference, hint="run `mooring lock`"
    )


def _local_engine(stack: contextlib.ExitStack) -> SavingEngine:
    from mooring.build.daemon import Daemon  # the engine's client is heavy

    return stack.enter_context(Daemon())


def _instead(scan: BaseScan, python: PythonVersion) -> str:
    """Say what to do about a base without the wanted Python."""
    if not scan.interpreters:
        return (
            "choose a base with Python: an official `python` image, or one that installs it "
            "with its package manager"
        )
    same = [each.version for each in scan.interpreters if each.version.minor == python.minor]
    if any(version.patch is None for version in same):
        return f'write python = "{python.short}": the base does not tell its patch release'
    other = same[0] if same else scan.interpreters[0].version
    return f'choose another base, or set python = "{other.short}" and run `mooring lock`'


def _rank(interpreter: Interpreter) -> int:
    folder = interpreter.path.rpartition("/")[0] + "/"
    return _PREFERRED.index(folder) if folder in _PREFERRED else len(_PREFERRED)


def _needed(tags: Sequence[str]) -> str:
    """Say what the platform tags of a wheel stand for, `glibc 2.28` or `musl 1.2`."""
    names = {
        f"{_LIBC_OF[match['kind']]} {match['major']}.{match['minor']}"
        for tag in tags
        if (match := _LIBC_TAG.match(tag))
    }
    return " or ".join(sorted(names)) or ".".join(tags)
