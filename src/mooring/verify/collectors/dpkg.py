"""Debian's own Python packages: dpkg says which files they have, with digests of its own.

What `apt-get install python3-yaml` puts into `/usr/lib/python3/dist-packages` is no wheel: it has
an egg-info, or a RECORD that was not made for what lies there. The lists in `/var/lib/dpkg/info`
decide instead, by the MD5 that dpkg keeps.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from mooring.verify.collectors.layout import Tree, UnreadableError
from mooring.verify.collectors.looks import Looks, Task
from mooring.verify.collectors.metadata import Described
from mooring.verify.collectors.surroundings import Elsewhere
from mooring.verify.inventory import SeenFile, SystemPackage

SYSTEM_SITE = "lib/python3/dist-packages"
"""Debian's own package folder in the prefix `/usr`."""

SYSTEM = "dpkg"
"""The owner where nothing tells which of its packages it is."""

ALGORITHM = "md5"

_DATABASE = "var/lib/dpkg"
_PREFIX = "usr"
_LIST_LIMIT = 8 << 20
_MOST_PACKAGES = 20_000
_LINE = re.compile(rb"(?P<digest>[0-9a-f]{32})  (?P<path>.+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """A package of dpkg with files in the package folder.

    Attributes:
        listed: Everything that it has there, folders too, relative to the environment's root.
        digests: MD5 of its files, by such a path.
    """

    name: str
    listed: tuple[str, ...]
    digests: tuple[tuple[str, str], ...]


def database_of(root: str) -> str | None:
    """Return where dpkg's files are for an environment at this root, None where it is no `/usr`."""
    above, name = posixpath.split(root.rstrip("/"))
    return posixpath.join(above or "/", _DATABASE) if name == _PREFIX else None


def owners_of(
    sites: Iterable[str], root: str, elsewhere: Elsewhere | None
) -> tuple[Owner, ...] | None:
    """Return who answers for Debian's package folder; None without one, or when nobody can tell.

    Args:
        sites: The package folders of the environment.
        root: Its root in the target.
        elsewhere: How to look into other folders of the target.
    """
    where = database_of(root)
    if where is None or elsewhere is None or SYSTEM_SITE not in sites:
        return None
    database = elsewhere(where)
    return None if database is None else read_owners(database)


def is_list(path: str) -> bool:
    """Whether a file of the database is one that is read, by its path in there."""
    folder, _, name = path.rpartition("/")
    if folder == "info":
        return name.endswith((".list", ".md5sums"))
    return path == "diversions"


def of_the_site(data: bytes) -> bytes:
    """Return those lines of a list that are about the package folder; a system has 10 MB others."""
    part = f"/{SYSTEM_SITE}/".encode()
    if part not in data:
        return b""
    return b"".join(line for line in data.splitlines(keepends=True) if part in line)


def read_owners(database: Tree) -> tuple[Owner, ...] | None:
    """Read who owns what, None where dpkg's files are not there or cannot be read.

    Args:
        database: The folder `/var/lib/dpkg` of the target.
    """
    names = database.names("info")
    packages = sorted(name.removesuffix(".list") for name in names if name.endswith(".list"))
    if not packages or len(packages) > _MOST_PACKAGES:
        return None
    try:
        moved = _diversions(_lines(database, "diversions"))
        owners = [_owner(database, package, moved) for package in packages]
    except UnreadableError:
        return None
    return tuple(owner for owner in owners if owner is not None)


def _owner(database: Tree, package: str, moved: dict[str, tuple[str, str]]) -> Owner | None:
    name = package.partition(":")[0]
    listed = [_inside(line.lstrip(b"/")) for line in _lines(database, f"info/{package}.list")]
    digests = {
        path: match["digest"].decode("ascii")
        for line in _lines(database, f"info/{package}.md5sums")
        if (match := _LINE.fullmatch(line)) and (path := _inside(match["path"]))
    }
    paths = {path for path in listed if path} | digests.keys()
    if not paths:
        return None

    def placed(path: str) -> str:
        to, by = moved.get(path, (path, name))
        return path if by == name else to

    return Owner(
        name=name,
        listed=tuple(sorted(map(placed, paths))),
        digests=tuple(sorted((placed(path), digest) for path, digest in digests.items())),
    )


def _diversions(lines: list[bytes]) -> dict[str, tuple[str, str]]:
    """Return where the files of other packages than the third line's are (dpkg-divert)."""
    found = {}
    for number in range(0, len(lines) - 2, 3):
        path, to = (_inside(line.lstrip(b"/")) for line in lines[number : number + 2])
        if path and to:
            found[path] = to, lines[number + 2].decode("utf-8", "replace")
    return found


def _lines(database: Tree, path: str) -> list[bytes]:
    return (database.read(path, _LIST_LIMIT) or b"").splitlines()


def _inside(path: bytes) -> str | None:
    """Return a path relative to the prefix when it is in the package folder."""
    text = path.decode("utf-8", "surrogateescape")
    inside = text.removeprefix(f"{_PREFIX}/")
    if inside == text or not inside.startswith(f"{SYSTEM_SITE}/"):
        return None
    return inside if posixpath.normpath(inside) == inside else None


def with_owners(
    described: Iterable[Described], owners: Iterable[Owner] | None
) -> tuple[Described, ...]:
    """Name the owner of each distribution that dpkg installed; its own RECORD does not count.

    Where nobody can tell the owners, all of the package folder are dpkg's: that they could not be
    checked is told by the walk of the folder.
    """
    if owners is None:
        return tuple(_of_dpkg(each, SYSTEM) if _is_system(each) else each for each in described)
    by_path = {path: owner.name for owner in owners for path in owner.listed}
    return tuple(_owned(each, by_path) for each in described)


def _is_system(described: Described) -> bool:
    return described.distribution.site == SYSTEM_SITE


def _owned(described: Described, by_path: dict[str, str]) -> Described:
    distribution = described.distribution
    owner = by_path.get(f"{distribution.site}/{distribution.info}")
    if owner is None:
        return described
    return _of_dpkg(described, owner)


def _of_dpkg(described: Described, owner: str) -> Described:
    owned = replace(described.distribution, owner=owner, has_record=True, problem=None)
    return Described(distribution=owned)


def owner_tasks(owners: Iterable[Owner], *, hashed: bool) -> Iterator[Task]:
    """Yield what is to be looked at."""
    for owner in owners:
        digests = dict(owner.digests)
        for path in owner.listed:
            yield Task(path, ALGORITHM if hashed and path in digests else None, None)


def seen_packages(
    owners: Iterable[Owner], looks: Looks, *, hashed: bool
) -> tuple[SystemPackage, ...]:
    """Return the packages with their files as they were found; folders are left out."""
    found = []
    for owner in owners:
        digests = dict(owner.digests)
        files = []
        for path in owner.listed:
            digest = digests.get(path)
            look = looks[path, ALGORITHM if hashed and digest else None]
            if digest is None and look.kind != "file":
                continue  # folders and links have none
            files.append(
                SeenFile(
                    path=path,
                    kind=look.kind,
                    recorded=f"{ALGORITHM}:{digest}" if digest else None,
                    actual=look.actual,
                    size=look.size,
                    problem=look.problem,
                )
            )
        found.append(SystemPackage(name=owner.name, files=tuple(files)))
    return tuple(found)
