"""Files that nobody answers for, found by walking the folders that Python imports from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mooring.verify.collectors import known
from mooring.verify.collectors.dpkg import SYSTEM_SITE, Owner
from mooring.verify.collectors.layout import Layout, Tree, UnreadableError, Walked
from mooring.verify.collectors.metadata import Described, is_metadata
from mooring.verify.collectors.owned import Owned, find_owned
from mooring.verify.inventory import Stray, StrayKind

SCRIPTS = "bin"
SEVERAL = 50
"""Strays of one folder that are told one by one; the others are counted."""

_NAMED = 3
_START_LIMIT = 1 << 20
_MODULES = (".py", ".pyc", ".so", ".pyd", ".pyw")
READ_AT_START = (".pth", ".start")
STARTUP = frozenset({"sitecustomize", "usercustomize"})
_RANKS: tuple[StrayKind, ...] = ("data", "module", "startup")


@dataclass(kw_only=True, slots=True)
class Walk:
    """What the walk of an environment found.

    Attributes:
        strays: Sorted by path.
        bytecode: `.pyc` files in `__pycache__` folders, when they were asked for.
    """

    strays: tuple[Stray, ...] = ()
    bytecode: list[str] = field(default_factory=list)


def find_strays(
    tree: Tree,
    layout: Layout,
    described: Iterable[Described],
    leftovers: Iterable[str],
    *,
    bytecode: bool = False,
    owners: tuple[Owner, ...] | None = None,
    listed: Sequence[list[str]] | None = None,
) -> Walk:
    """Walk the package folders, and the programs of a virtual environment.

    Args:
        tree: The environment.
        layout: Its package folders.
        described: Its distributions.
        leftovers: Metadata folders that name no distribution.
        bytecode: Whether the `.pyc` files of caches are listed as well.
        owners: Who answers for what is in Debian's package folder; without, it is not walked.
        listed: See `find_owned`.
    """
    sites = [site for site in layout.sites if owners is not None or site != SYSTEM_SITE]
    folders = [*sites, SCRIPTS] if layout.config is not None else sites
    owned = find_owned(tree, described, folders, leftovers, listed)
    for owner in owners or ():
        for path in owner.listed:
            owned.add(path)
    walk = Walk()
    found = _Found()
    for site in sites:
        _walk_site(tree, site, owned, found, walk.bytecode if bytecode else None)
    if layout.config is not None:
        for seen in tree.walk(SCRIPTS, below=False):
            path = f"{SCRIPTS}/{seen.name}"
            if seen.kind == "unexamined":
                found.add(SCRIPTS, SCRIPTS, "unexamined", seen.problem)
            elif path in owned.files or path in owned.claimed:
                continue
            elif not known.is_own_program(seen.name):
                found.add(SCRIPTS, path, "program")
    if owners is None and SYSTEM_SITE in layout.sites and tree.names(SYSTEM_SITE):
        problem = "its packages are dpkg's, whose lists cannot be read here"
        found.add(SYSTEM_SITE, SYSTEM_SITE, "unexamined", problem)
    walk.strays = tuple(_doubted(_started(tree, stray), owned) for stray in found.strays())
    return walk


def _walk_site(
    tree: Tree, site: str, owned: Owned, found: _Found, bytecode: list[str] | None
) -> None:
    folder, group, cache = "", None, False
    for seen in tree.walk(site):
        if seen.folder != folder:
            folder = seen.folder
            group = _group(site, folder, owned)
            cache = folder.endswith("/__pycache__")
        name = seen.name
        path = f"{folder}/{name}"
        if path in owned.files and not cache:
            continue
        if seen.kind == "unexamined":
            found.add(folder, folder, "unexamined", seen.problem)
            continue
        if cache and not name.endswith((".py", ".so")):
            if bytecode is not None and name.endswith(".pyc") and seen.kind == "file":
                bytecode.append(path)
            continue
        kind = _kind(tree, site, seen)
        if kind is None or path in owned.files or path in owned.folders or path in owned.claimed:
            continue
        if group is None:
            found.add(folder, path, kind)
        elif group not in owned.claimed:
            found.add_to_group(group, kind)


def _group(site: str, folder: str, owned: Owned) -> str | None:
    """Return the topmost folder on the way that holds nothing listed; None when all do."""
    if folder in owned.folders or folder == site:
        return _claimed_above(site, folder, owned)
    group = folder
    while (above := group.rpartition("/")[0]) != site and above not in owned.folders:
        group = above
    return _claimed_above(site, group, owned) or group


def _claimed_above(site: str, folder: str, owned: Owned) -> str | None:
    """Return the claimed folder that holds this one."""
    if not owned.claimed:
        return None
    while len(folder) > len(site):
        if folder in owned.claimed:
            return folder
        folder = folder.rpartition("/")[0]
    return None


def _kind(tree: Tree, site: str, seen: Walked) -> StrayKind | None:
    """Return what a file that is not listed can do; None for what tools put there."""
    if seen.folder == site:
        return _top_kind(tree, seen)
    inside = seen.folder[len(site) + 1 :]
    if is_metadata(inside):
        if seen.name == "entry_points.txt":
            return "plugin"
        return None if seen.name in known.INSTALLER_FILES else "data"
    return _module_kind(inside.split("/"), seen)


def _top_kind(tree: Tree, seen: Walked) -> StrayKind | None:
    if seen.name in known.HARMLESS:
        return None
    if seen.name in (known.VIRTUALENV_MODULE, known.VIRTUALENV_PTH):
        return _virtualenv(tree, seen)
    if seen.name.endswith(READ_AT_START):
        return "pth"
    return _module_kind([], seen)


def _module_kind(folders: list[str], seen: Walked) -> StrayKind:
    """Return whether Python can import it; a link to elsewhere may be a whole package."""
    stem = seen.name.partition(".")[0]
    importable = seen.name.endswith(_MODULES) or (seen.kind == "link" and seen.name == stem)
    if not importable or not all(map(str.isidentifier, (*folders, stem))):
        return "data"
    return "startup" if [*folders, stem][0] in STARTUP else "module"


def _virtualenv(tree: Tree, seen: Walked) -> StrayKind | None:
    """Judge the patch that virtualenv and older uv put into new environments by its content."""
    try:
        data = tree.read(f"{seen.folder}/{seen.name}", _START_LIMIT) or b""
    except UnreadableError:
        data = b""
    if seen.name == known.VIRTUALENV_PTH:
        return None if data.strip() == known.VIRTUALENV_PTH_TEXT else "pth"
    return None if hashlib.sha256(data).hexdigest() in known.VIRTUALENV_DIGESTS else "known"


def _started(tree: Tree, stray: Stray) -> Stray:
    """Add the digest of what Python reads at every start, and whether it runs code."""
    single = stray.path.endswith((".py", *READ_AT_START))
    if stray.kind not in ("pth", "startup", "known") or not single:
        return stray
    try:
        data = tree.read(stray.path, _START_LIMIT + 1)
    except UnreadableError as error:
        return replace(stray, problem=error.message)
    if data is None or len(data) > _START_LIMIT:
        return replace(stray, problem="it is too large" if data else None)
    executes = stray.kind != "pth" or any(
        line.startswith((b"import ", b"import\t")) for line in data.splitlines()
    )
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return replace(stray, digest=digest, executes=executes)


def _doubted(stray: Stray, owned: Owned) -> Stray:
    """Name the distributions without RECORD whose module this may be."""
    names = owned.doubtful.get(stray.path.rpartition("/")[0])
    if names is None or stray.kind != "module":
        return stray
    listed = ", ".join(sorted(names)[:_NAMED])
    return replace(stray, problem=f"it may belong to {listed}, without RECORD")


class _Found:
    """Strays as they are found: folders of them count as one, and no folder gives many."""

    def __init__(self) -> None:
        self._strays: dict[str, Stray] = {}
        self._in_folder: dict[str, int] = {}

    def add(self, folder: str, path: str, kind: StrayKind, problem: str | None = None) -> None:
        """Add one file; beyond the first ones of a folder they are counted together."""
        number = self._in_folder[folder] = self._in_folder.get(folder, 0) + 1
        if number <= SEVERAL:
            self._strays[path] = Stray(path=path, kind=kind, problem=problem)
        else:
            self.add_to_group(f"{folder}/*", kind)

    def add_to_group(self, path: str, kind: StrayKind) -> None:
        """Count one more file of a folder that holds nothing but strays."""
        stray = self._strays.get(path)
        if stray is not None:
            worst = max(stray.kind, kind, key=_rank)
            self._strays[path] = replace(stray, kind=worst, count=stray.count + 1)
            return
        above = path.rpartition("/")[0]
        if not path.endswith("/*"):
            number = self._in_folder[above] = self._in_folder.get(above, 0) + 1
            if number > SEVERAL:
                self.add_to_group(f"{above}/*", kind)
                return
        self._strays[path] = Stray(path=path, kind=kind)

    def strays(self) -> Iterator[Stray]:
        """Yield what was found, sorted by path."""
        for path in sorted(self._strays):
            yield self._strays[path]


def _rank(kind: StrayKind) -> int:
    return _RANKS.index(kind) if kind in _RANKS else len(_RANKS)
