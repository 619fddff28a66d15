"""What uv says when it fails, told as what happened and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mooring.errors import MooringError
from mooring.platforms import PythonVersion
from mooring.uv import IndexLike, credentials_hint, explain_failure, origin, readable


class SyncError(MooringError):
    """The environment could not be made as the lock says (exit code 3)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Explained:
    message: str
    hint: str


_HASH = re.compile(
    r"Hash mismatch for `(?P<what>[^`]+)`\s+Expected:\s+(?P<expected>.*?)\s+Computed:\s+"
    r"(?P<computed>\S+)",
    re.DOTALL,
)
_SIZE = re.compile(r"[Ss]ize mismatch")
_PACKAGE = re.compile(r"Failed to (?:download|fetch|build|install|read)[^`\n]*`(?P<what>[^`]+)`")
_DAMAGED = re.compile(r"Failed to extract archive(?!.*end of file before message)", re.DOTALL)
_STATUS = re.compile(r"HTTP status (?:client|server) error \((?P<status>\d{3} [^)]+)\)")
_URL = re.compile(r"https?://[^\s)`]+")
_NO_SPACE = re.compile(r"No space left on device|os error (?:28|122)\b|Disk quota exceeded")
_DENIED = re.compile(r"Permission denied|Read-only file system|os error (?:13|30)\b")


def sync_failure(said: str, where: str, indexes: Sequence[IndexLike] = ()) -> SyncError:
    """Return the error that explains why `uv pip sync` failed.

    Args:
        said: Its standard error.
        where: The environment, as messages name it.
        indexes: The declared indexes, to name the one that refused.
    """
    said = readable(said)
    explained = (
        _of_disk(said) or _of_content(said) or _of_packages(said) or _of_network(said, indexes)
    )
    if explained is not None:
        return SyncError(explained.message, where=where, hint=explained.hint)
    return SyncError(f"uv could not install the lock:\n{tail(said)}", where=where)


def no_interpreter(python: PythonVersion, where: str, said: str) -> SyncError:
    """Return the error for a Python that is nowhere on this machine, or does not start."""
    reason = "" if "No interpreter found" in said else f":\n{tail(said)}"
    return SyncError(
        f"there is no usable Python {python} on this machine{reason}",
        where=where,
        hint=f"install it, for example with `uv python install {python}`, or lock for another one",
    )


def tail(text: str, lines: int = 12) -> str:
    """Return the last lines of what a program said, without credentials."""
    kept = [line for line in readable(text).splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in kept[-lines:]) or "  (it said nothing)"


def _of_disk(said: str) -> _Explained | None:
    if _NO_SPACE.search(said):
        return _Explained(
            message="the disk is full",
            hint="free some space, then sync again: it goes on where it stopped",
        )
    if _DENIED.search(said):
        return _Explained(
            message=f"a file may not be written:\n{tail(said, 3)}",
            hint="check who owns the environment and uv's cache",
        )
    return None


def _of_content(said: str) -> _Explained | None:
    if match := _HASH.search(said):
        expected = ", ".join(match["expected"].split())
        return _Explained(
            message=f"{match['what']} is not the artifact in the lock: "
            f"locked {expected}, found {match['computed']}",
            hint="either the lock was edited or the index serves another file under the same name; "
            "find out which before you run `mooring lock --upgrade-package`",
        )
    if _SIZE.search(said):
        return _Explained(
            message=f"{_package(said)} has not the size in the lock:\n{tail(said, 4)}",
            hint="the lock was edited, or the index serves another file under the same name",
        )
    if _DAMAGED.search(said):
        return _Explained(
            message=f"{_package(said)} is not the artifact in the lock, it is damaged:\n"
            + tail(said, 2),
            hint="the index, or a proxy before it, serves something else under that name",
        )
    return None


def _of_network(said: str, indexes: Sequence[IndexLike]) -> _Explained | None:
    status = _STATUS.search(said)
    if status is not None and status["status"].startswith(("404", "410")):
        return _Explained(
            message=f"the locked file of {_package(said)} is gone: {status['status']}",
            hint="`mooring lock` finds whether the index has it elsewhere",
        )
    failure = explain_failure(said, indexes)
    if failure is None:
        return None
    hint = failure.hint
    if failure.kind == "credentials":
        # Files lie beside the index pages: the host tells which index they belong to.
        refused = {origin(url) for url in _URL.findall(said)}
        own = [index for index in indexes if origin(index.url) in refused]
        hint = credentials_hint(own[0].url, own) if own else hint
    return _Explained(message=f"{_package(said)}: {failure.message}", hint=hint)


def _of_packages(said: str) -> _Explained | None:
    if "--no-build" in said and "no binary distribution" in said:
        return _Explained(
            message=f"a locked wheel does not fit this Python or machine:\n{tail(said, 3)}",
            hint="lock again with this machine among the platforms",
        )
    if "`RECORD` file is invalid" in said:
        return _Explained(
            message="an installed package is damaged, so that it cannot be replaced:\n"
            + tail(said, 2),
            hint="remove the environment's folder and sync again",
        )
    if "Failed to build" in said:
        return _Explained(
            message=f"{_package(said)} cannot be built from source:\n{tail(said)}",
            hint="its build needs what is not there; a locked wheel needs no build",
        )
    return None


def _package(said: str) -> str:
    match = _PACKAGE.search(said)
    return match["what"] if match else "a package"
