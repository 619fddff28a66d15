"""The files of one package in two environments.

Only what comes from the package's artifact is compared by its content: installers write the rest
anew in every environment, such as programs that name its Python.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from mooring.verify import rules
from mooring.verify.findings import Finding
from mooring.verify.inventory import Distribution, SeenFile
from mooring.verify.shown import shown

_OF_INSTALLERS = frozenset(
    {
        "INSTALLER",
        "RECORD",
        "RECORD.jws",
        "RECORD.p7s",
        "REQUESTED",
        "direct_url.json",
        "uv_build.json",
        "uv_cache.json",
    }
)
_SCRIPT_FOLDERS = ("bin", "Scripts")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A package of both sides; `hashed` says whether both sides read the contents."""

    name: str
    hashed: bool


@dataclass(slots=True)
class Counted:
    """How many files were compared by their content, and how many bytes they have."""

    files: int = 0
    size: int = 0


def compare_files(
    pair: Pair, mine: Distribution, theirs: Distribution, counted: Counted
) -> Iterator[Finding]:
    """Yield how the files of one package differ between two environments.

    Args:
        pair: The package.
        mine: As it is installed in the environment that is verified.
        theirs: As it is installed in the other one.
        counted: Is told what was compared by its content.
    """
    for side, each in (("this", mine), ("the other", theirs)):
        if each.problem is not None or not each.has_record:
            yield Finding(
                rule=rules.UNVERIFIABLE,
                message=f"in {side} environment its files cannot be told: "
                + shown(each.problem or "it has no RECORD"),
                package=pair.name,
                path=_path(each, each.info),
            )
            return
    here, there = _comparable(mine), _comparable(theirs)
    for path in sorted(here.keys() | there.keys()):
        finding = _file(pair, mine, here.get(path), there.get(path))
        if finding is not None:
            yield finding
        elif not _is_program(path) and path in here and here[path].actual is not None:
            counted.files += 1
            counted.size += here[path].size or 0


def _comparable(distribution: Distribution) -> dict[str, SeenFile]:
    """Return the files that come from the artifact, by path relative to the packages' folder."""
    return {
        file.path: file
        for file in distribution.files
        if "__pycache__" not in file.path
        and not (
            posixpath.dirname(file.path) == distribution.info
            and posixpath.basename(file.path) in _OF_INSTALLERS
        )
    }


def _file(
    pair: Pair, mine: Distribution, here: SeenFile | None, there: SeenFile | None
) -> Finding | None:
    path = _path(mine, (here or there or _NO_FILE).path)
    gone_here, gone_there = _gone(here), _gone(there)
    if gone_here and gone_there:
        return None
    if there is None or gone_there:
        message = "the other environment has not got this file"
        return Finding(rule=rules.ARTIFACT, message=message, package=pair.name, path=path)
    if here is None or gone_here:
        message = "the other environment has this file, this one has not"
        return Finding(rule=rules.REMOVED, message=message, package=pair.name, path=path)
    if _is_program(here.path):
        return None  # it names the Python of its environment
    return _content(pair, path, here, there)


_NO_FILE = SeenFile(path="", kind="missing")


def _gone(file: SeenFile | None) -> bool:
    return file is None or file.kind == "missing"


def _is_program(path: str) -> bool:
    """Whether a path leads out of the packages' folder into one for programs."""
    parts = [part for part in path.replace("\\", "/").split("/") if part != ".."]
    outside = path.startswith(("../", "..\\", "/"))
    return outside and any(part in _SCRIPT_FOLDERS for part in parts[:-1])


def _content(pair: Pair, path: str, here: SeenFile, there: SeenFile) -> Finding | None:
    """Compare what was read; without reading, what the two RECORDs claim, and the sizes."""
    for side, file in (("this", here), ("the other", there)):
        if file.problem is not None or file.kind == "unexamined":
            return Finding(
                rule=rules.UNVERIFIABLE,
                message=f"in {side} environment it cannot be compared: "
                + shown(file.problem or "it was not looked at"),
                package=pair.name,
                path=path,
            )
    one, other = (here.actual, there.actual) if pair.hashed else (here.recorded, there.recorded)
    if one and other and one.partition(":")[0] != other.partition(":")[0]:
        one = other = None  # RECORDs with different kinds of digests
    if here.kind != there.kind or differ(one, other):
        message = "the content differs"
    elif differ(here.size, there.size):
        message = "the size differs"
        one, other = f"{here.size} bytes", f"{there.size} bytes"
    elif pair.hashed and (one is None or other is None):
        return Finding(
            rule=rules.UNVERIFIABLE,
            message="its content was not read",
            package=pair.name,
            path=path,
        )
    else:
        return None
    return Finding(
        rule=rules.MODIFIED,
        message=message,
        package=pair.name,
        path=path,
        expected=other,
        actual=one,
    )


def differ(one: object, other: object) -> bool:
    """Whether both are known and not the same."""
    return one is not None and other is not None and one != other


def _path(distribution: Distribution, path: str) -> str:
    return shown(posixpath.normpath(posixpath.join(distribution.site, path)))
