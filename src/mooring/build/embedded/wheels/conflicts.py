"""Two artifacts, one path: the last layer would win and nobody would know."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mooring.artifacts.cache import FactCache
from mooring.build.embedded.interface import EmbeddedBuildError, Entry, Place
from mooring.build.embedded.plan.skeleton import skeleton_entries
from mooring.build.embedded.wheels.entries import paths_of
from mooring.build.embedded.wheels.wheel import open_wheel
from mooring.digests import digest_document
from mooring.lock.carried import CARRIED_LOCK
from mooring.lock.model import Selected

CACHE_NAME = "conflicts-1"

_MOST_SHOWN = 5


def check(
    packages: Sequence[Selected],
    wheels: Mapping[str, Path],
    place: Place,
    *,
    cache: FactCache | None = None,
) -> None:
    """Refuse artifacts that put different things at one path of the environment.

    Equal bytes may pass: many packages carry the same stray `tests/__init__.py`.

    Args:
        packages: The artifacts of an image.
        wheels: Where each is, by package name; none is opened when the set was checked before.
        place: Where the environment is.
        cache: Of the sets that were found good.

    Raises:
        EmbeddedBuildError: Two artifacts, or one and the environment itself, have one path.
    """
    cache = cache or FactCache(CACHE_NAME)
    key = _key(packages, place)
    if cache.read().get(key) == "none":
        return
    found = list(_conflicts(_paths(packages, wheels, place), place))
    if found:
        more = len(found) - _MOST_SHOWN
        lines = found[:_MOST_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise EmbeddedBuildError(
            "artifacts disagree about what is in the environment:\n"
            + "\n".join(f"  {line}" for line in lines),
            hint="an installer would let one of them win; leave one out of the environment",
        )
    cache.add({key: "none"})


def is_checked(packages: Sequence[Selected], place: Place, cache: FactCache | None = None) -> bool:
    """Return whether these artifacts were found good before, so that none has to be opened."""
    return (cache or FactCache(CACHE_NAME)).read().get(_key(packages, place)) == "none"


def _key(packages: Sequence[Selected], place: Place) -> str:
    return digest_document(
        {
            "schema": 2,
            "artifacts": sorted(each.artifact.sha256 or "" for each in packages),
            "root": place.root,
            "python": place.python.short,
        }
    )


def _paths(
    packages: Iterable[Selected], wheels: Mapping[str, Path], place: Place
) -> Iterator[tuple[str, Mapping[str, str]]]:
    own = {entry.path: "" for entry in _own(place)}
    yield "the environment itself", own | {f"{place.root}/{CARRIED_LOCK}": ""}
    for each in packages:
        name, version = each.package.name, each.package.version or ""
        with open_wheel(
            wheels[name], name=name, version=version, sha256=each.artifact.sha256 or ""
        ) as wheel:
            yield f"{name} {version}".strip(), paths_of(wheel, place)


def _own(place: Place) -> Iterator[Entry]:
    return (entry for entry in skeleton_entries(place, None) if entry.kind != "directory")


def _conflicts(owners: Iterable[tuple[str, Mapping[str, str]]], place: Place) -> Iterator[str]:
    files: dict[str, tuple[str, str]] = {}
    folders: dict[str, str] = {}
    for owner, paths in owners:
        for path, content in sorted(paths.items()):
            first = files.setdefault(path, (owner, content))
            if first[0] != owner and first[1] != content:
                yield f"{_shown(path, place)}: {first[0]} and {owner} differ"
            for folder in _above(path, place.root):
                if folder in folders:
                    break
                folders[folder] = owner
    for path in sorted(folders.keys() & files.keys()):
        yield f"{_shown(path, place)}: a file of {files[path][0]}, a folder of {folders[path]}"


def _above(path: str, root: str) -> Iterator[str]:
    while (path := posixpath.dirname(path)).startswith(root) and path != root:
        yield path


def _shown(path: str, place: Place) -> str:
    return path.removeprefix(f"{place.root}/")
