"""The collector for a conda prefix on this machine; nothing in it starts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mooring.verify.collectors.conda_meta import (
    META_FOLDER,
    CondaRow,
    DescribedPackage,
    read_records,
)
from mooring.verify.collectors.conda_strays import find_conda_strays
from mooring.verify.collectors.contents import look_at_all, look_at_records
from mooring.verify.collectors.folder import Folder
from mooring.verify.collectors.layout import Layout, UnreadableError, find_layout
from mooring.verify.collectors.looks import Looks, Tally, Task
from mooring.verify.collectors.metadata import Described, describe, is_metadata
from mooring.verify.collectors.owned import find_owned
from mooring.verify.collectors.path import NoEnvironmentError
from mooring.verify.collectors.recorded import MISSING, Look
from mooring.verify.collectors.shared import uv_cache, with_shared
from mooring.verify.conda_inventory import CondaFile, CondaInstalled, PrefixInventory
from mooring.verify.inventory import Interpreter, Inventory, Stray
from mooring.verify.tiers import CONTENT, Tiers

_SHEBANG = 512


def is_prefix(path: Path) -> bool:
    """Whether a folder is a conda prefix."""
    return (path / META_FOLDER).is_dir()


class PrefixCollector:
    """Reads a conda prefix.

    Args:
        path: The prefix's root folder.
        tiers: How deep to look.
        inside: Where the prefix is for those who use it, when this is another place.
        caches: The variables that tell where the caches of this machine are; its own by default.
    """

    def __init__(
        self,
        path: Path,
        *,
        tiers: Tiers = CONTENT,
        inside: str | None = None,
        caches: Mapping[str, str] | None = None,
    ) -> None:
        self._path = path
        self._tiers = tiers
        self._inside = inside
        self._caches = os.environ if caches is None else caches

    def collect(self) -> PrefixInventory:
        """Return what is there.

        Raises:
            NoEnvironmentError: The folder is absent or no conda prefix.
        """
        if not is_prefix(self._path):
            raise NoEnvironmentError(
                "there is no conda prefix in this folder",
                where=str(self._path),
                hint="name its root folder, the one that holds conda-meta; "
                "`mooring sync --prefix` makes one",
            )
        folder = Folder(str(self._path))
        records = read_records(folder)
        layout = find_layout(folder)
        owned = _owned(records)
        others, leftovers = _beside(folder, layout, owned, self._inside or folder.root)
        hashed = self._tiers.hash_files
        seen = look_at_records(folder, [each.rows for each in others], hashed=hashed)
        looks = look_at_all(folder, list(_tasks(records, hashed=hashed).values()))
        tally = Tally(files=seen.hashed, size=seen.size)
        tally.add_all(looks)
        distributions = tuple(
            replace(each.distribution, files=files)
            for each, files in zip(others, seen.files, strict=True)
        )
        packages = tuple(_seen(folder, each, looks, hashed=hashed) for each in records)
        return PrefixInventory(
            base=Inventory(
                kind="path",
                target=str(self._path),
                root=folder.root,
                interpreter=_interpreter(records),
                subdir=_subdir(records),
                distributions=with_shared(folder, distributions, uv_cache(self._caches)),
                hashed=hashed,
                files_hashed=tally.files,
                bytes_hashed=tally.size,
                leftovers=tuple(leftovers),
                strays=_strays(folder, layout, others, leftovers, owned),
            ),
            packages=tuple(sorted(packages, key=lambda each: (each.name, each.record))),
        )


def _interpreter(records: Sequence[DescribedPackage]) -> Interpreter:
    python = next((each.package for each in records if each.package.name == "python"), None)
    return Interpreter(version=python.version or None if python else None)


def _subdir(records: Sequence[DescribedPackage]) -> str | None:
    """Return the platform that the prefix is for, as its packages say."""
    subdirs = (each.package.subdir for each in records)
    return next((each for each in subdirs if each not in ("", "noarch")), None)


def _owned(records: Iterable[DescribedPackage]) -> frozenset[str]:
    """Return the paths that conda's packages own."""
    paths = {row.path for each in records for row in each.rows if row.path is not None}
    paths.update(path for each in records for path in each.owned)
    return frozenset(paths)


def _beside(
    folder: Folder, layout: Layout, owned: frozenset[str], root: str
) -> tuple[list[Described], list[str]]:
    """Return the distributions that are not conda's, and metadata folders that name none."""
    condas = owned | {
        path[: path.index("-info/") + 5]
        for path in owned
        if ".dist-info/" in path or ".egg-info/" in path
    }
    others, leftovers = [], []
    for site in layout.sites:
        for name in filter(is_metadata, folder.names(site)):
            path = f"{site}/{name}"
            if path in condas:
                continue
            if described := describe(folder, site, name, root):
                others.append(described)
            else:
                leftovers.append(path)
    return others, leftovers


def _strays(
    folder: Folder,
    layout: Layout,
    others: Sequence[Described],
    leftovers: Sequence[str],
    owned: frozenset[str],
) -> tuple[Stray, ...]:
    beside = find_owned(folder, others, [*layout.sites, "bin"], leftovers)
    return find_conda_strays(folder, layout.sites, owned | beside.files, beside.claimed)


def _tasks(
    records: Iterable[DescribedPackage], *, hashed: bool
) -> dict[tuple[str, str | None], Task]:
    tasks: dict[tuple[str, str | None], Task] = {}
    for each in records:
        for row in each.rows:
            if row.path is not None:
                key = row.path, _algorithm(row, hashed=hashed)
                tasks[key] = Task(*key, row.size)
    return tasks


def _algorithm(row: CondaRow, *, hashed: bool) -> str | None:
    return "sha256" if hashed and row.recorded is not None else None


def _seen(
    folder: Folder, described: DescribedPackage, looks: Looks, *, hashed: bool
) -> CondaInstalled:
    files = tuple(_file(folder, row, looks, hashed=hashed) for row in described.rows)
    return replace(described.package, files=files)


def _file(folder: Folder, row: CondaRow, looks: Looks, *, hashed: bool) -> CondaFile:
    look = Look("unexamined", problem="its path leaves the prefix")
    if row.path is not None:
        look = looks[row.path, _algorithm(row, hashed=hashed)]
    link = folder.link(row.path) if row.path is not None and look.kind != "file" else None
    changed = look.kind == "file" and look.actual not in (None, row.recorded)
    return CondaFile(
        path=row.path or row.named,
        row=row.kind,
        # What a link leads to matters less than that it is one.
        kind="link" if link is not None else look.kind,
        recorded=row.recorded,
        packaged=row.packaged,
        recorded_link=row.recorded_link,
        recorded_size=row.size,
        actual=look.actual,
        link=link,
        size=look.size,
        replaced=row.replaced,
        owner_path=row.owner_path,
        script=row.kind == "entry" and look is not MISSING and _is_script(folder, row.path),
        links=_links(folder, row.path) if changed else None,
        problem=look.problem,
    )


def _is_script(folder: Folder, path: str | None) -> bool:
    """Whether a file begins as a program for Python, or as one of Windows."""
    try:
        start = folder.read(path or "", _SHEBANG) or b""
    except UnreadableError:
        return False
    return start.startswith(b"MZ") or (start.startswith(b"#!") and b"python" in start)


def _links(folder: Folder, path: str | None) -> int | None:
    where = folder.place(path or "")
    try:
        count = os.lstat(where).st_nlink if where is not None else 1
    except OSError:
        return None
    return count if count > 1 else None
