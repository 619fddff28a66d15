"""A wheel that is read in place: proved, bounded, and checked against its own RECORD."""

from __future__ import annotations

import contextlib
import hashlib
import io
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from mooring.build.embedded.interface import EmbeddedBuildError
from mooring.build.embedded.wheels.checks import check_members
from mooring.build.embedded.wheels.metadata import WheelMetadata, check_format, read_metadata
from mooring.build.embedded.wheels.refused import WheelRefused, shown
from mooring.build.embedded.wheels.site_record import (
    RECORD_LIMIT,
    SIGNATURES,
    Row,
    check_record,
    read_record,
)
from mooring.build.embedded.wheels.zip_directory import Member, read_directory
from mooring.build.embedded.wheels.zip_members import ZipMembers
from mooring.oci.store import Source

_INFO, _DATA = ".dist-info", ".data"
_DATA_KEYS = ("purelib", "platlib", "headers", "scripts", "data")
_TEXT_LIMIT = 8 << 20
# What an installer writes itself; a copy in the wheel would be of another installation.
_INSTALLERS = ("RECORD", *SIGNATURES, "INSTALLER", "REQUESTED", "direct_url.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelFile:
    """One file of a wheel that is installed.

    Attributes:
        path: In the wheel.
        hash: `sha256=<urlsafe base64>`, as RECORD promises it.
        executable: Whether anybody may run it.
    """

    path: str
    size: int
    hash: str
    executable: bool


class Wheel:
    """An open wheel; it can be read until the block of `open_wheel` ends.

    Attributes:
        name: Normalised.
        version: As its metadata writes it.
        where: What messages call it: name and version.
        info_dir: Its dist-info folder, without slash.
        data_dir: Its data folder, which need not be there.
        metadata: What it says of itself.
        members: The files that are installed, sorted by path; those that installers write
            themselves are left out.
    """

    def __init__(self, archive: ZipMembers, members: Mapping[str, Member], name: str) -> None:
        self.name: str = canonicalize_name(name)
        self.where = archive.where
        self.info_dir = _info_dir(members, self.name, self.where)
        self.data_dir = self.info_dir.removesuffix(_INFO) + _DATA
        self._archive = archive
        self._members = members
        self._rows: Mapping[str, Row] = {}
        self._rows = read_record(self._required("RECORD", RECORD_LIMIT), self.where)
        sizes = {path: member.size for path, member in members.items()}
        check_record(self._rows, sizes, self.info_dir, self.where)
        check_format(self._required("WHEEL"), self.where)
        self.metadata: WheelMetadata = read_metadata(self._required("METADATA"), self.where)
        self.version = self.metadata.version
        self.members = tuple(self._files())

    def open(self, path: str) -> contextlib.AbstractContextManager[Source]:
        """Return a context manager of a file's content, compared with RECORD at its end."""
        return contextlib.nullcontext(self._source(path))

    def read(self, path: str, limit: int = _TEXT_LIMIT) -> bytes | None:
        """Return the whole content of a small file, None when there is none of that path.

        Raises:
            WheelRefused: It is larger than the limit, or damaged.
        """
        member = self._members.get(path)
        if member is None:
            return None
        if member.size > limit:
            raise WheelRefused(f"{shown(path)} in it is larger than {limit:,}", where=self.where)
        return self._source(path).read()

    def info(self, name: str) -> bytes | None:
        """Return a file of the dist-info folder, None when it has none of that name."""
        return self.read(f"{self.info_dir}/{name}")

    def _source(self, path: str) -> Source:
        row = self._rows.get(path)
        return self._archive.open(self._members[path], row.hash if row else None)

    def _required(self, name: str, limit: int = _TEXT_LIMIT) -> bytes:
        data = self.read(f"{self.info_dir}/{name}", limit)
        if data is None:
            raise WheelRefused(f"it has no {self.info_dir}/{name}", where=self.where)
        return data

    def _files(self) -> Iterator[WheelFile]:
        skipped = {f"{self.info_dir}/{name}" for name in _INSTALLERS}
        for path in sorted(self._members.keys() - skipped):
            member = self._members[path]
            top, _, rest = path.partition("/")
            if top == self.data_dir or (rest and top.endswith(_DATA)):
                self._require_key(path, top, rest)
            yield WheelFile(
                path=path,
                size=member.size,
                hash=self._rows[path].hash,
                executable=bool(member.mode & 0o111),
            )

    def _require_key(self, path: str, top: str, rest: str) -> None:
        if top != self.data_dir:
            raise WheelRefused(f"{shown(path)} is in the data of another one", where=self.where)
        key, slash, _ = rest.partition("/")
        if key not in _DATA_KEYS or not slash:
            raise WheelRefused(
                f"{shown(path)} in it has no place: the data folder of a wheel holds "
                f"{', '.join(_DATA_KEYS)}",
                where=self.where,
            )


@contextlib.contextmanager
def open_wheel(path: Path, *, name: str, version: str, sha256: str) -> Iterator[Wheel]:
    """Open a wheel, and refuse one that is not the locked one or that nobody should install.

    Nothing is unpacked to disk. The list of its members, its RECORD and what it says of itself are
    checked now; the content of a file is compared with RECORD whenever its end is read.

    Args:
        path: The file.
        name: Of its project, in any spelling.
        version: That it must have.
        sha256: Of the file, in lower-case hex.

    Raises:
        WheelRefused: It is another file or another project, damaged, or dangerous.
        EmbeddedBuildError: It cannot be read.
    """
    # In the cache, its file is named by its digest, which tells nobody which package it is.
    where = f"{name} {version}".strip()
    with contextlib.ExitStack() as stack:
        try:
            stream = stack.enter_context(_opened(path))
            _require_digest(stream, sha256, path)
            listed = read_directory(stream, where)
            check_members(listed, packed=stream.seek(0, io.SEEK_END), where=where)
            members = {member.name: member for member in listed if not member.is_folder}
            wheel = Wheel(ZipMembers(stream, where), members, name)
        except OSError as error:
            raise EmbeddedBuildError(
                f"the wheel cannot be read: {error.strerror or error}", where=str(path)
            ) from error
        _require_same(wheel, version)
        yield wheel


def _opened(path: Path) -> io.BufferedReader:
    # A named pipe would wait for a writer for ever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise EmbeddedBuildError("this is not a file", where=str(path))
    return path.open("rb")


def _require_digest(stream: io.BufferedReader, sha256: str, path: Path) -> None:
    actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != sha256:
        raise WheelRefused(
            f"its SHA-256 is {actual}, the locked one {sha256}",
            where=str(path),
            hint="the file was replaced or damaged: delete it and fetch it again",
        )


def _info_dir(members: Mapping[str, Member], name: str, where: str) -> str:
    """Return the one dist-info folder, which must be of the project's name."""
    found = sorted({top for path in members if (top := path.partition("/")[0]).endswith(_INFO)})
    if len(found) != 1:
        text = f"{len(found)} folders" if found else "no folder"
        raise WheelRefused(f"it has {text} *{_INFO} at its top", where=where)
    project = found[0].removesuffix(_INFO).rpartition("-")[0]
    if canonicalize_name(project) != name:
        raise WheelRefused(f"it holds {shown(found[0])} instead of {name}", where=where)
    return found[0]


def _require_same(wheel: Wheel, version: str) -> None:
    name = wheel.metadata.name
    if canonicalize_name(name) != wheel.name:
        raise WheelRefused(
            f"its METADATA says that it is {shown(name)}, not {wheel.name}", where=wheel.where
        )
    try:
        same = Version(wheel.version) == Version(version)
    except InvalidVersion:
        same = wheel.version == version
    if not same:
        raise WheelRefused(
            f"its METADATA says that it is version {shown(wheel.version)}, not {version}",
            where=wheel.where,
        )
