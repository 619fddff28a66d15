"""`mooring.lock`: what no other lock format can say: base images by digest, system packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mooring.digests import DIGEST_PATTERN
from mooring.errors import InputError, Problem, raise_problems
from mooring.files import parse_toml
from mooring.lock.formats.system_lock import SystemLock, read_systems, write_system
from mooring.manifest.system import SystemBase
from mooring.oci.reference import ImageReference
from mooring.oci.saved_names import is_saved_name
from mooring.platforms import Platform

FILE_NAME = "mooring.lock"
FORMAT_VERSION = 1

_HEADER = "# Written by `mooring lock`: base images, pinned for each platform.\n"
_KEYS = frozenset({"reference", "platform", "digest", "image-id", "absent"})


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseImageLock:
    """A base image pinned for one platform.

    Attributes:
        reference: As declared, such as `python:3.12-slim` or `oci:bases/python:3.12`.
        digest: Manifest digest `sha256:<hex>`; None when only the local engine has the image.
        image_id: The image's id, where there is no digest: the local engine's, or that of a
            `docker save` tar.
        absent: The image is not offered for this platform, so none can be built on it; recorded
            so that the question is not asked again until an upgrade.
    """

    reference: str
    platform: Platform
    digest: str | None = None
    image_id: str | None = None
    absent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class MooringLock:
    """The content of `mooring.lock`."""

    base_images: tuple[BaseImageLock, ...] = ()
    systems: tuple[SystemLock, ...] = ()

    def system(self, base: SystemBase, platform: Platform) -> SystemLock | None:
        """Return the locked system base; a platform's libc floor makes no difference to it."""
        return next(
            (
                system
                for system in self.systems
                if system.base == base and system.platform.subdir == platform.subdir
            ),
            None,
        )

    def base_image(self, reference: str, platform: Platform) -> BaseImageLock | None:
        """Return the pinned base image; a platform's libc floor makes no difference to it."""
        return next(
            (
                entry
                for entry in self.base_images
                if entry.reference == reference and entry.platform.subdir == platform.subdir
            ),
            None,
        )


def read(text: str, where: str = FILE_NAME) -> MooringLock:
    """Read the file's text.

    Args:
        text: The whole file.
        where: How messages name the file.

    Raises:
        InputError: The text is not TOML, its version is unknown, or values do not fit; all
            problems of the values are reported together, with their key paths.
    """
    document = parse_toml(text, where)
    version = document.get("version")
    if type(version) is not int or version != FORMAT_VERSION:
        raise InputError(
            f"this mooring reads version {FORMAT_VERSION} of the format, not {version!r}",
            where=f"{where}: version",
            hint="update mooring, or run `mooring lock` to write the file again",
        )
    problems = [
        Problem(where=f"{where}: {key}", message="unknown key")
        for key in sorted(document.keys() - {"version", "base-image", "system-base"})
    ]
    entries = document.get("base-image", [])
    if not isinstance(entries, list):
        problems.append(Problem(where=f"{where}: base-image", message="not an array of tables"))
        entries = []
    images: list[BaseImageLock] = []
    for number, entry in enumerate(entries):
        reader = _Entry(entry, f"{where}: base-image[{number}]", problems)
        if (image := reader.image()) is not None:
            images.append(image)
            reader.refuse_second(images)
    systems = read_systems(document.get("system-base", []), f"{where}: system-base", problems)
    raise_problems(problems)
    return MooringLock(base_images=_sorted(images), systems=systems)


def write(lock: MooringLock) -> str:
    """Write the file's text: sorted, the same bytes for the same content."""
    tables = []
    for image in _sorted(lock.base_images):
        values = {
            "reference": image.reference,
            "platform": str(image.platform),
            "digest": image.digest,
            "image-id": image.image_id,
        }
        # References, platforms and digests hold nothing that a TOML string must escape.
        lines = [f'{key} = "{value}"\n' for key, value in values.items() if value is not None]
        lines += ["absent = true\n"] * image.absent
        tables.append("\n[[base-image]]\n" + "".join(lines))
    systems = sorted(lock.systems, key=lambda system: (system.base, str(system.platform)))
    tables += map(write_system, systems)
    return f"{_HEADER}version = {FORMAT_VERSION}\n" + "".join(tables)


def _sorted(images: list[BaseImageLock] | tuple[BaseImageLock, ...]) -> tuple[BaseImageLock, ...]:
    return tuple(sorted(images, key=lambda image: (image.reference, str(image.platform))))


class _Entry:
    """One `[[base-image]]` table while it is read; problems are collected, not raised."""

    def __init__(self, entry: object, where: str, problems: list[Problem]) -> None:
        self._table: Mapping[str, object] = entry if isinstance(entry, dict) else {}
        self._where = where
        self._problems = problems
        if not isinstance(entry, dict):
            self._refuse("", "not a table")
        for key in sorted(self._table.keys() - _KEYS):
            self._refuse(key, "unknown key")

    def image(self) -> BaseImageLock | None:
        """Return the entry's value, or None after noting why there is none."""
        before = len(self._problems)
        reference, platform = self._reference(), self._platform()
        digest, image_id = self._digest("digest"), self._digest("image-id")
        absent = self._table.get("absent", False)
        if absent not in (True, False):
            self._refuse("absent", "not true or false")
        said = (digest is not None, image_id is not None, absent is True)
        if self._table and sum(said) != 1 and len(self._problems) == before:
            self._refuse("", "needs one of `digest`, `image-id` and `absent = true`")
        if reference is None or platform is None or len(self._problems) > before:
            return None
        return BaseImageLock(
            reference=reference,
            platform=platform,
            digest=digest,
            image_id=image_id,
            absent=absent is True,
        )

    def refuse_second(self, images: list[BaseImageLock]) -> None:
        """Note a problem when the last image repeats an earlier one."""
        *earlier, last = images
        if MooringLock(base_images=tuple(earlier)).base_image(last.reference, last.platform):
            self._refuse("", f"a second entry for {last.reference} on {last.platform}")

    def _refuse(self, key: str, message: str) -> None:
        where = f"{self._where}.{key}" if key else self._where
        self._problems.append(
            Problem(where=where, message=message, hint="run `mooring lock` to write it again")
        )

    def _text(self, key: str, *, needed: bool) -> str | None:
        value = self._table.get(key)
        if value is None and not needed:
            return None
        if not isinstance(value, str):
            if self._table:
                self._refuse(key, "missing" if value is None else "not a string")
            return None
        return value

    def _reference(self) -> str | None:
        text = self._text("reference", needed=True)
        if text is not None and is_saved_name(text):
            return text
        try:
            return None if text is None else str(ImageReference.parse(text))
        except InputError as error:
            self._refuse("reference", error.message)
            return None

    def _platform(self) -> Platform | None:
        text = self._text("platform", needed=True)
        try:
            return None if text is None else Platform.parse(text)
        except InputError as error:
            self._refuse("platform", error.message)
            return None

    def _digest(self, key: str) -> str | None:
        text = self._text(key, needed=False)
        if text is not None and not DIGEST_PATTERN.fullmatch(text):
            self._refuse(key, f"{text[:80]!r} is not `sha256:` and 64 hex digits")
            return None
        return text
