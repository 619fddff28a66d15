"""The project's own files, as they were when the recipe was made."""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from mooring.build.embedded.bases.links import resolve
from mooring.build.embedded.interface import BaseScan, EmbeddedBuildError, Entry
from mooring.build.embedded.layers.paths import WHITEOUT
from mooring.build.embedded.plan.skeleton import opener
from mooring.build.interface import ContextFile
from mooring.errors import InputError, MooringError, Problem, raise_problems
from mooring.oci.store import Source

FILES_KEY = "tool.mooring.image.files"
WORKDIR_KEY = "tool.mooring.image.workdir"


def project_entries(
    files: Sequence[ContextFile],
    workdir: str,
    *,
    scan: BaseScan,
    digests: Mapping[str, str],
) -> tuple[Entry, ...]:
    """Return the files below the working folder, and that folder itself, sorted by path.

    Args:
        files: What `mooring.build.context.collect` found: links are copies already.
        workdir: The working folder in the image.
        scan: Of the base; a folder that it has is left as it is.
        digests: What the recipe says of each file, by its path; a file that is another one when
            it is read is refused.

    Raises:
        MooringError: A file is gone.
    """
    folder = absolute(workdir)
    found = [_entry(folder, file, digests.get(file.path)) for file in files]
    if _is_missing(folder, scan):
        found.append(Entry(path=folder, kind="directory", mode=0o755))
    return tuple(sorted(found, key=lambda entry: entry.path))


def place_paths(files: Sequence[ContextFile], workdir: str, scan: BaseScan) -> tuple[str, ...]:
    """Return the paths that `project_entries` would give, without a look at any file."""
    folder = absolute(workdir)
    paths = [posixpath.join(folder, file.path) for file in files]
    return tuple(sorted(paths + ([folder] if _is_missing(folder, scan) else [])))


def check_places(files: Sequence[ContextFile], workdir: str, *, scan: BaseScan, root: str) -> None:
    """Refuse project files that would hide the environment or a folder of the base.

    Args:
        files: The project's files.
        workdir: The working folder in the image.
        scan: Of the base.
        root: The environment's folder.

    Raises:
        InputError: A file cannot be where it is meant to be; all of them are named.
    """
    folder = absolute(workdir)
    home = resolve(scan, root)
    if _is_within(resolve(scan, folder), home):
        raise InputError(
            f"the working folder {workdir} is in the environment, {root}",
            where=WORKDIR_KEY,
            hint='choose another one, such as "/app"',
        )
    raise_problems(
        Problem(where=FILES_KEY, message=f"{file.path!r} cannot be {shown} in the image: {reason}")
        for file in files
        if (reason := _refusal(scan, home, shown := posixpath.join(folder, file.path)))
    )


def absolute(path: str) -> str:
    """Return an absolute path in its shortest form; two slashes at the start are one."""
    return "/" + posixpath.normpath(path).strip("/")


def _is_missing(folder: str, scan: BaseScan) -> bool:
    return folder != "/" and resolve(scan, folder) not in scan.directories


def _refusal(scan: BaseScan, home: str, path: str) -> str | None:
    place = resolve(scan, path)
    if _is_within(place, home) or _is_within(home, place):
        return "the environment is there"
    if place in scan.directories:
        return "the base image has a folder of that name"
    if any(part.startswith(WHITEOUT) for part in path.split("/")):
        return f"names with `{WHITEOUT}` delete files of an image"
    return None


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def parents(path: str) -> Iterator[str]:
    """Yield the folders that a path is in, nearest first, `/` left out."""
    while (path := posixpath.dirname(path)) not in ("/", ""):
        yield path


def _entry(folder: str, file: ContextFile, expected: str | None) -> Entry:
    path, mode = posixpath.join(folder, file.path), 0o755 if file.executable else 0o644
    if isinstance(file.source, bytes):
        return Entry(path=path, mode=mode, size=len(file.source), open=opener(file.source))
    try:
        size = file.source.stat().st_size
    except OSError as error:
        raise changed(file.path) from error
    return Entry(
        path=path,
        mode=mode,
        size=size,
        open=partial(_opened, file.source, file.path, size, expected),
    )


@contextlib.contextmanager
def _opened(source: Path, shown: str, size: int, expected: str | None) -> Iterator[Source]:
    try:
        stream = source.open("rb")
    except OSError as error:
        raise changed(shown) from error
    with stream:
        yield _Expected(stream, shown, size, expected)


class _Expected:
    """A stream that refuses to end when its bytes are not those of the recipe."""

    def __init__(self, stream: Source, shown: str, size: int, expected: str | None) -> None:
        self._stream = stream
        self._shown = shown
        self._left = size
        self._expected = expected
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end."""
        data = self._stream.read(size)
        self._hash.update(data)
        self._left -= len(data)
        at_end = not data if size > 0 else size < 0
        if self._left < 0 or (at_end and self._left) or (not self._left and not self._fits()):
            raise changed(self._shown)
        return data

    def _fits(self) -> bool:
        return self._expected in (None, f"sha256:{self._hash.hexdigest()}")


def changed(shown: str) -> MooringError:
    """Return the error for a file that is not what it was when the recipe was made."""
    return EmbeddedBuildError(
        "the file changed while the image was being prepared",
        where=shown,
        hint="run `mooring build` again",
    )
