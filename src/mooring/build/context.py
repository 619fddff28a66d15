"""The build context: only what is declared, always as the same bytes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import tarfile
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mooring.build.interface import ContextFile
from mooring.build.recipe import HashedFile
from mooring.digests import digest_bytes, digest_file
from mooring.errors import InputError, MooringError, Problem, raise_problems

FILE_TIME = 315532800
"""Modification time of everything in the context: 1980-01-01, the oldest that zip tools take.

It is not `SOURCE_DATE_EPOCH`: a time that moves with one package would move every layer."""

MAX_ENTRIES = 200_000
"""Files and folders that `files` may mean; links to folders can multiply a few into millions."""

# Never meant when a folder is declared: caches, other environments, version control.
_SKIPPED = frozenset(
    {
        ".DS_Store",
        ".git",
        ".hg",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".venv",
        "__pycache__",
    }
)
_ENVIRONMENT_MARK = "pyvenv.cfg"
_PIECE = 1 << 20


def collect(
    root: Path,
    declared: Sequence[str],
    *,
    leave_out: Collection[str] = (),
    where: str = "tool.mooring.image.files",
    most: int = MAX_ENTRIES,
) -> tuple[ContextFile, ...]:
    """Return the files that `files` declares, sorted by path, links resolved to copies.

    Args:
        root: The project folder; nothing outside of it is ever sent.
        declared: Files and folders (with all below them), relative, with `/`.
        leave_out: Paths that are not meant when a folder above them is declared, such as the
            lock: its raw bytes must not decide the image's tag.
        where: The key that declares them, for messages.
        most: Files and folders that are looked at.

    Raises:
        InputError: Something declared is absent, leaves the project or is no file or folder;
            all such problems are reported together. Or there are too many of them.
    """
    walk = _Walk(root.resolve(), frozenset(leave_out), most)
    for number, text in enumerate(declared):
        walk.add(text, f"{where}[{number}]")
    raise_problems(walk.problems)
    return tuple(walk.found[path] for path in sorted(walk.found))


def with_generated(
    files: Iterable[ContextFile], generated: Mapping[str, bytes]
) -> tuple[ContextFile, ...]:
    """Return the files with the generated ones added; these win over files of the same path."""
    made = {path: ContextFile(path=path, source=data) for path, data in generated.items()}
    merged = {file.path: file for file in files} | made
    return tuple(merged[path] for path in sorted(merged))


def hashed(files: Iterable[ContextFile]) -> tuple[HashedFile, ...]:
    """Return what the recipe knows of the context, sorted by path.

    Raises:
        InputError: A file cannot be read, or two files have the same path.
    """
    found: dict[str, HashedFile] = {}
    for file in files:
        if file.path in found:
            raise InputError("the build context has two files of this name", where=file.path)
        try:
            digest = (
                digest_bytes(file.source)
                if isinstance(file.source, bytes)
                else digest_file(file.source)
            )
        except OSError as error:
            raise InputError(
                f"the file cannot be read: {error.strerror}", where=file.path
            ) from error
        found[file.path] = HashedFile(path=file.path, executable=file.executable, digest=digest)
    return tuple(found[path] for path in sorted(found))


@contextlib.contextmanager
def spooled(files: Sequence[ContextFile], expected: Iterable[HashedFile]) -> Iterator[Path]:
    """Give the context as a tar file in the temporary folder, deleted afterwards.

    The engine sees no byte before all of them were compared with the recipe: a file that was
    edited in between would be built under a tag that stands for something else.

    Args:
        files: The files to send.
        expected: What the recipe says about them; files it does not name are not compared.

    Raises:
        MooringError: A file changed since it was hashed, or the temporary folder is full.
    """
    digests = {file.path: file.digest for file in expected}
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mooring-context-"))
            path = Path(folder) / "context.tar"
            with path.open("wb") as stream:
                write_tar(files, stream, digests)
        except OSError as error:
            raise MooringError(
                f"the build context cannot be written: {error.strerror or error}",
                where=tempfile.gettempdir(),
                hint="free some space, or name another folder in TMPDIR",
            ) from error
        yield path


def write_tar(files: Iterable[ContextFile], out: BinaryIO, digests: Mapping[str, str]) -> None:
    """Write the context as a tar: sorted, modes 0644 and 0755, owner 0, one fixed time.

    Raises:
        MooringError: A file is not what its digest says.
    """
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_PIECE) as tar:
        folders: set[str] = set()
        for file in sorted(files, key=lambda one: one.path):
            for parent in reversed(PurePosixPath(file.path).parents[:-1]):
                if str(parent) not in folders:
                    folders.add(str(parent))
                    tar.addfile(_member(str(parent), kind=tarfile.DIRTYPE, mode=0o755))
            _add_file(tar, file, digests.get(file.path))


def _add_file(tar: tarfile.TarFile, file: ContextFile, expected: str | None) -> None:
    mode = 0o755 if file.executable else 0o644
    with contextlib.ExitStack() as stack:
        if isinstance(file.source, bytes):
            stream: BinaryIO = io.BytesIO(file.source)
            size = len(file.source)
        else:
            try:
                stream = stack.enter_context(file.source.open("rb"))
            except OSError as error:
                raise _changed(file) from error
            size = os.fstat(stream.fileno()).st_size
        reader = _Hashing(stream)
        member = _member(file.path, kind=tarfile.REGTYPE, mode=mode, size=size)
        try:
            tar.addfile(member, reader)
        except OSError as error:
            if error.errno is None:  # tarfile's own: the file became shorter
                raise _changed(file) from error
            raise
        if expected and reader.digest() != expected:
            raise _changed(file)


def _member(path: str, *, kind: bytes, mode: int, size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)  # owner 0 and no owner names are its defaults
    member.type, member.mode, member.size, member.mtime = kind, mode, size, FILE_TIME
    return member


def _changed(file: ContextFile) -> MooringError:
    return MooringError(
        "the file changed while the image was being prepared",
        where=file.path,
        hint="run `mooring build` again",
    )


class _Hashing:
    """A stream that hashes what is read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        return data

    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


class _Walk:
    """Collects files and problems while it goes through what is declared."""

    def __init__(self, root: Path, leave_out: frozenset[str], most: int) -> None:
        self._root = root
        self._leave_out = leave_out
        self._most = self._left = most
        self.found: dict[str, ContextFile] = {}
        self.problems: list[Problem] = []

    def add(self, text: str, where: str) -> None:
        """Add one declared entry."""
        pure = PurePosixPath(text)
        if not text or pure.is_absolute() or ".." in pure.parts or "\\" in text:
            self._refuse(where, f"{text!r} is not a path inside the project")
            return
        if os.path.lexists(self._root / pure):
            self._visit(self._root / pure, str(pure), where, ())
            return
        self._refuse(where, f"{text!r} does not exist")

    def _visit(self, path: Path, shown: str, where: str, above: tuple[Path, ...]) -> None:
        """Add a file, or everything in a folder; `above` are the folders on the way to it."""
        self._left -= 1
        if self._left < 0:
            raise InputError(
                f"there are more than {self._most:,} files and folders",
                where=where,
                hint="name the folders that the image needs; links to folders count as copies",
            )
        try:
            real = path.resolve(strict=True)
            found = real.stat()
        except (OSError, RuntimeError):
            self._refuse(where, f"{shown!r} is a broken link or cannot be read")
            return
        if not real.is_relative_to(self._root):
            self._refuse(where, f"{shown!r} is a link that leaves the project")
        elif not shown.isprintable():
            self._refuse(where, f"{shown!r} has control characters in its name")
        elif stat.S_ISDIR(found.st_mode):
            self._visit_folder(real, shown, where, above)
        elif stat.S_ISREG(found.st_mode):
            self.found[shown] = ContextFile(
                path=shown, source=real, executable=bool(found.st_mode & stat.S_IXUSR)
            )
        else:
            self._refuse(where, f"{shown!r} is neither a file nor a folder")

    def _visit_folder(self, real: Path, shown: str, where: str, above: tuple[Path, ...]) -> None:
        if real in above:
            self._refuse(where, f"{shown!r} is a link to a folder that it is in")
            return
        try:
            names = sorted(entry.name for entry in real.iterdir())
        except OSError as error:
            self._refuse(where, f"{shown!r} cannot be read: {error.strerror}")
            return
        if above and _ENVIRONMENT_MARK in names:
            return
        for name in names:
            inner = name if shown == "." else f"{shown}/{name}"
            if name not in _SKIPPED and inner not in self._leave_out:
                self._visit(real / name, inner, where, (*above, real))

    def _refuse(self, where: str, message: str) -> None:
        self.problems.append(Problem(where=where, message=message))
