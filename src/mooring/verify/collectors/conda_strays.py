"""Files of a conda prefix that no package answers for, found by walking all of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mooring.verify.collectors.layout import Tree, UnreadableError, Walked
from mooring.verify.inventory import Stray, StrayKind

SEVERAL = 50
"""Strays of one folder that are told one by one; the others are counted."""

_START_LIMIT = 1 << 20
_MODULES = (".py", ".pyc", ".so", ".pyd", ".pyw")
_READ_AT_START = (".pth", ".start")
_STARTUP = frozenset({"sitecustomize", "usercustomize"})
_PROGRAMS = frozenset({"bin", "Scripts", "condabin", "Library/bin"})
_ACTIVATION = ("etc/conda/activate.d", "etc/conda/deactivate.d")
_OWN_FOLDERS = ("conda-meta",)
# Of rattler, Mooring, conda and uv, in this order.
_OWN_FILES = frozenset({"CACHEDIR.TAG", ".mooring-sync.json", ".condarc", ".lock"})
# What installers write into a metadata folder; what matters in it is compared itself.
_INSTALLER_FILES = frozenset(
    {"INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"}
)
_RANKS: tuple[StrayKind, ...] = ("data", "program", "module", "plugin", "pth", "startup")


def find_conda_strays(
    tree: Tree, sites: Sequence[str], owned: frozenset[str], claimed: Iterable[str]
) -> tuple[Stray, ...]:
    """Return what is in a prefix and belongs to nobody, sorted by path.

    Args:
        tree: The prefix.
        sites: Its package folders.
        owned: Every file that somebody answers for.
        claimed: Files and folders that are told of elsewhere, with all that is in them.
    """
    folders = _folders(owned)
    told = frozenset(claimed)
    found: dict[str, Stray] = {}
    counts: dict[str, int] = {}
    for seen in tree.walk(""):
        folder = seen.folder.lstrip("/")
        path = f"{folder}/{seen.name}" if folder else seen.name
        if path in owned or folder.partition("/")[0] in _OWN_FOLDERS or _is_told(path, told):
            continue
        if seen.kind == "unexamined":
            found[folder] = Stray(path=folder, kind="unexamined", problem=seen.problem)
            continue
        kind = _kind(sites, folder, seen)
        if kind is not None:
            _add(found, counts, _group(folder, folders) or path, folder, kind)
    return tuple(_started(tree, found[path]) for path in sorted(found))


def _folders(owned: Iterable[str]) -> frozenset[str]:
    """Return every folder that has an owned file below it."""
    folders: set[str] = set()
    for path in owned:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return frozenset(folders)


def _is_told(path: str, told: frozenset[str]) -> bool:
    if not told:
        return False
    while path:
        if path in told:
            return True
        path = path.rpartition("/")[0]
    return False


def _group(folder: str, folders: frozenset[str]) -> str | None:
    """Return the topmost folder on the way that holds nothing owned; None when all do."""
    if not folder or folder in folders:
        return None
    while (above := folder.rpartition("/")[0]) and above not in folders:
        folder = above
    return folder


def _add(
    found: dict[str, Stray], counts: dict[str, int], path: str, folder: str, kind: StrayKind
) -> None:
    if path not in found and counts.get(folder, 0) >= SEVERAL:
        path = f"{folder}/*"
    known = found.get(path)
    if known is not None:
        worst = max(known.kind, kind, key=_rank)
        found[path] = replace(known, kind=worst, count=known.count + 1)
        return
    counts[folder] = counts.get(folder, 0) + 1
    found[path] = Stray(path=path, kind=kind)


def _rank(kind: StrayKind) -> int:
    return _RANKS.index(kind) if kind in _RANKS else len(_RANKS)


def _kind(sites: Sequence[str], folder: str, seen: Walked) -> StrayKind | None:
    """Return what a file that nobody lists can do; None for what tools put there."""
    name = seen.name
    if folder.endswith("__pycache__") and name.endswith(".pyc") and seen.kind == "file":
        return None  # Python writes these when it likes
    if not folder and name in _OWN_FILES:
        return None
    if folder in _ACTIVATION:
        return "startup"
    site = next((each for each in sites if folder == each or folder.startswith(f"{each}/")), None)
    if site is not None:
        return _in_site(folder[len(site) + 1 :], seen)
    if folder in _PROGRAMS:
        return "program"
    library = any(folder.startswith(each.rpartition("/")[0]) for each in sites)
    return "module" if library and name.endswith(_MODULES) else "data"


def _in_site(inside: str, seen: Walked) -> StrayKind | None:
    name = seen.name
    if inside.endswith((".dist-info", ".egg-info")):
        if name == "entry_points.txt":
            return "plugin"
        return None if name in _INSTALLER_FILES else "data"
    if not inside and name.endswith(_READ_AT_START):
        return "pth"
    stem = name.partition(".")[0]
    parts = [*filter(None, inside.split("/")), stem]
    importable = name.endswith(_MODULES) or (seen.kind == "link" and name == stem)
    if not importable or not all(map(str.isidentifier, parts)):
        return "data"
    return "startup" if parts[0] in _STARTUP else "module"


def _started(tree: Tree, stray: Stray) -> Stray:
    """Add the digest of what is read at every start, and whether it runs code."""
    if stray.kind not in ("pth", "startup") or stray.count > 1:
        return stray
    try:
        data = tree.read(stray.path, _START_LIMIT + 1)
    except UnreadableError as error:
        return replace(stray, problem=error.message)
    if data is None or len(data) > _START_LIMIT:
        return replace(stray, problem="it is too large" if data else None)
    executes = stray.kind == "startup" or any(
        line.startswith((b"import ", b"import\t")) for line in data.splitlines()
    )
    return replace(stray, digest=f"sha256:{hashlib.sha256(data).hexdigest()}", executes=executes)
