"""Reading hostile files and writing whole ones; the single place that writes a project's files."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from mooring.digests import sha256_hex
from mooring.errors import InputError, MooringError

MAX_TEXT_BYTES = 64 << 20
LOCK_WAIT_SECONDS = 120.0
LEFTOVER_SECONDS = 86400.0
"""Age of a temporary file that nobody writes to any more."""

_CONFLICT = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
MAX_KEY_PARTS = 100
"""Parts of a dotted TOML key; the time to parse one grows with their square."""

_KEY_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*+(?:{_KEY_PART}){{{MAX_KEY_PARTS}}}")
# TOML's whole numbers have 64 bits. Python refuses to read or to write those of 4,300 digits.
_HUGE_NUMBER = re.compile(r"(?<![A-Za-z0-9_\"'.])(?:0[xob][0-9A-Fa-f_]{1000}|[0-9][0-9_]{1000})")
_TOML_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")


def read_text(path: Path, *, shown: str | None = None, limit: int = MAX_TEXT_BYTES) -> str:
    """Read a UTF-8 text file that a user names.

    Args:
        path: The file.
        shown: How messages name it; the path itself by default.
        limit: Largest size in bytes.

    Raises:
        InputError: The file is absent, not a regular file, too large or not UTF-8.
    """
    where = shown or str(path)
    try:
        # A named pipe would wait for a writer for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError("this is not a file", where=where)
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except FileNotFoundError as error:
        raise InputError("the file does not exist", where=where) from error
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", where=where) from error
    if len(data) > limit:
        raise InputError(f"the file is larger than {limit >> 20} MiB", where=where)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            "the file is not UTF-8 text",
            where=f"{where}:{line}",
            hint="save it as UTF-8",
        ) from error


def refuse_conflict_markers(text: str, where: str) -> None:
    """Raise `InputError` when git left merge-conflict markers in the text."""
    if match := _CONFLICT.search(text):
        line = text.count("\n", 0, match.start()) + 1
        raise InputError(
            "the file holds merge-conflict markers",
            where=f"{where}:{line}",
            hint="resolve the conflict in the declared inputs, take either side of a lock file "
            "whole, then run `mooring lock`",
        )


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """Parse TOML; a syntax error names file and line.

    Raises:
        InputError: The text is not TOML, holds merge-conflict markers, or what no real file has.
    """
    _refuse_costly(text, where)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        refuse_conflict_markers(text, where)
        message = str(error)
        if place := _TOML_PLACE.search(message):
            where = f"{where}:{place[1]}"
            message = message[: place.start()]
        elif message.endswith("(at end of document)"):
            where = f"{where}:{text.count(chr(10)) + 1}"
        raise InputError(f"not valid TOML: {message}", where=where) from error
    except RecursionError as error:
        raise InputError("the TOML is nested too deeply", where=where) from error


def _refuse_costly(text: str, where: str) -> None:
    """Raise `InputError` for TOML that takes minutes to parse, or gives values of no use."""
    for number, line in enumerate(text.split("\n"), start=1):
        # Counting is fast; a line with so many dots may also be a list of versions.
        if line.count(".") >= MAX_KEY_PARTS and _LONG_KEY.search(line):
            raise InputError(
                f"a dotted key has more than {MAX_KEY_PARTS} parts", where=f"{where}:{number}"
            )
    if match := _HUGE_NUMBER.search(text):
        number = text.count("\n", 0, match.start()) + 1
        raise InputError("a number is too large", where=f"{where}:{number}")


def read_toml(path: Path, *, shown: str | None = None) -> dict[str, Any]:
    """Read and parse a TOML file; see `read_text` and `parse_toml` for the errors."""
    return parse_toml(read_text(path, shown=shown), shown or str(path))


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write all files or none that is half-written: temporary file, fsync, then rename.

    Every content is on disk before the first rename, so a full disk or a kill leaves the old
    files. Modes of files that exist are kept; new ones get 0644 less the umask.

    Raises:
        MooringError: A file cannot be written (exit code 3); nothing was replaced.
    """
    staged: list[tuple[Path, Path]] = []
    try:
        for path, data in files.items():
            staged.append((_stage(path, data), path))
        for temporary, path in staged:
            temporary.replace(path)
    except OSError as error:
        shown = error.filename or next(iter(files), "")
        raise MooringError(
            f"cannot write the file: {error.strerror}",
            where=str(shown),
            hint="nothing was changed; free some space or check the permissions",
        ) from error
    finally:
        for temporary, _ in staged:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_file(path: Path, data: bytes | str) -> None:
    """Write one file whole or not at all; see `write_files`."""
    write_files({path: data.encode("utf-8") if isinstance(data, str) else data})


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Give a large file to write; at the end of the block it is there, whole, or not at all.

    Raises:
        MooringError: The file cannot be written (exit code 3); an older one stays as it was.
    """
    import tempfile  # verbs that write nothing do not load it

    temporary: Path | None = None
    try:
        _require_replaceable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent, of=path.name)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(_mode_for(path))
        temporary.replace(path)
    except OSError as error:
        raise MooringError(
            f"cannot write the file: {error.strerror or error}",
            where=str(path),
            hint="nothing was changed; free some space or check the permissions",
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, of: str = "") -> None:
    """Remove temporary files that killed processes left in a folder, a day ago or longer.

    Younger ones may belong to a process that is still writing. What cannot be removed stays.

    Args:
        folder: Only its own files are looked at.
        of: Name of the file that they were to become; any by default.
    """
    begin = f".{of}." if of else "."
    latest = time.time() - LEFTOVER_SECONDS
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith(".new-") or (name.startswith(begin) and name.endswith(".tmp")):
                with contextlib.suppress(OSError):
                    if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < latest:
                        Path(entry.path).unlink()


def remove_cache_leftovers() -> None:
    """Remove what killed processes left in Mooring's cache; see `remove_leftovers`."""
    root = cache_root()
    with contextlib.suppress(OSError):
        for folder in [*root.glob("*/"), *root.glob("*/sha256/")]:
            remove_leftovers(folder)


def append_text(path: Path, text: str) -> None:
    """Add to the end of a file that others add to as well, in one write.

    Raises:
        MooringError: The file cannot be written (exit code 3).
    """
    try:
        with path.open("ab", buffering=0) as stream:
            stream.write(text.encode("utf-8"))
    except OSError as error:
        raise MooringError(f"cannot add to the file: {error.strerror}", where=str(path)) from error


def _stage(path: Path, data: bytes) -> Path:
    _require_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    import tempfile  # verbs that write nothing do not load it

    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(_mode_for(path))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _require_replaceable(path: Path) -> None:
    """Raise `OSError` for what a file must not take the place of."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # absent, or what is done with it next says why not
    if stat.S_ISDIR(mode):
        # The rename would fail as well, but after other files were replaced.
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        # A rename would put a file in the place of /dev/null, for everybody on this machine.
        raise OSError(errno.EINVAL, "it is a device, a pipe or a socket", str(path))


def _mode_for(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def cache_root() -> Path:
    """Return Mooring's cache folder: `MOORING_CACHE_DIR`, else the platform's user cache."""
    if named := os.environ.get("MOORING_CACHE_DIR"):
        return Path(named)
    import platformdirs  # only needed when nothing is set; kept off the start-up path

    return Path(platformdirs.user_cache_dir("mooring", appauthor=False))


@contextlib.contextmanager
def one_writer(root: Path, *, wait: float = LOCK_WAIT_SECONDS) -> Iterator[None]:
    """Hold the project's writer lock; a second writer waits for the first.

    Args:
        root: The project folder.
        wait: Seconds to wait for another writer.

    Raises:
        MooringError: Another process kept the lock for the whole time.
    """
    import filelock  # heavy enough to stay off the start-up path

    folder = cache_root() / "writers"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = filelock.FileLock(
            folder / f"{sha256_hex(os.fsencode(root.resolve()))[:32]}.lock", timeout=wait
        )
        handle.acquire()
    except filelock.Timeout as error:
        raise MooringError(
            f"another mooring command has been writing here for {wait:.0f} s",
            where=str(root),
            hint="wait for it to end, then run this again",
        ) from error
    except OSError as error:
        raise MooringError(
            f"the cache folder cannot be written: {error.strerror}",
            where=str(folder),
            hint="set MOORING_CACHE_DIR to a folder you may write to",
        ) from error
    try:
        yield
    finally:
        handle.release()
