"""Which files of an environment somebody answers for: rows of RECORD, and what stands in for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mooring.verify.collectors.layout import Tree, UnreadableError
from mooring.verify.collectors.metadata import SMALL_LIMIT, Described
from mooring.verify.inventory import Distribution

_MODULE = re.compile(r"[^\W\d]\w*")
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(kw_only=True, slots=True)
class Owned:
    """Paths relative to the root.

    Attributes:
        files: Every file that is listed.
        folders: Every folder with such a file below it.
        claimed: Files and folders that belong to a distribution without a usable RECORD, as far
            as its names tell.
        doubtful: Package folders with such a distribution, none of whose modules was found: the
            names of these distributions.
    """

    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    claimed: set[str] = field(default_factory=set)
    doubtful: dict[str, list[str]] = field(default_factory=dict)

    def add_all(self, paths: Sequence[str]) -> set[str]:
        """Add listed files and return their folders."""
        self.files.update(paths)
        folders = {path[: path.rfind("/")] for path in paths if "/" in path}
        for folder in folders:
            self._add_folder(folder)
        return folders

    def add(self, path: str) -> None:
        """Add a listed file."""
        self.files.add(path)
        self._add_folder(path.rpartition("/")[0])

    def _add_folder(self, folder: str) -> None:
        while folder and folder not in self.folders:
            self.folders.add(folder)
            folder = folder.rpartition("/")[0]


def find_owned(
    tree: Tree,
    described: Iterable[Described],
    folders: Sequence[str],
    leftovers: Iterable[str],
    listed: Sequence[list[str]] | None = None,
) -> Owned:
    """Return what is owned in these folders.

    Args:
        tree: The environment.
        described: Its distributions.
        folders: The folders that will be walked; rows that name them otherwise are translated.
        leftovers: Metadata folders that name no distribution: they are told as such.
        listed: The paths that each distribution's RECORD names, where they are known already.
    """
    owned = Owned()
    owned.claimed.update(leftovers)
    starts = tuple(f"{folder}/" for folder in folders)
    for number, each in enumerate(described):
        distribution = each.distribution
        if distribution.owner is not None:
            continue  # what the system's packager lists is added by who asked it
        info = f"{distribution.site}/{distribution.info}"
        covered = False
        for targets in each.rows.targets() if listed is None else [listed[number]]:
            own = [target for target in targets if target.startswith(starts)]
            if len(own) < len(targets):
                others = (tree.inside(path) for path in targets if not path.startswith(starts))
                own += filter(None, others)
            above = owned.add_all(own)
            covered = covered or any(folder.startswith(info) for folder in above)
        if not covered:
            owned.claimed.add(info)
            _claim(tree, distribution, owned)
    return owned


def _claim(tree: Tree, distribution: Distribution, owned: Owned) -> None:
    """Claim the modules that a distribution without RECORD says it has, or is named like."""
    site = distribution.site
    try:
        listed = tree.read(f"{site}/{distribution.info}/top_level.txt", SMALL_LIMIT) or b""
    except UnreadableError:
        listed = b""
    modules = {line.strip() for line in listed.decode("utf-8", "replace").splitlines()}
    modules.add(distribution.name)
    wanted = {_SEPARATORS.sub("_", module).lower() for module in modules if module}
    found = [
        name
        for name in tree.names(site)
        if (match := _MODULE.match(name)) and match[0].lower() in wanted and _is_module(name)
    ]
    owned.claimed.update(f"{site}/{name}" for name in found)
    owned.claimed.update(f"bin/{name}" for name in _programs(tree, distribution))
    if not found:
        owned.doubtful.setdefault(site, []).append(distribution.name)


def _programs(tree: Tree, distribution: Distribution) -> Iterator[str]:
    """Yield the names to the left of `=` in entry_points.txt."""
    try:
        path = f"{distribution.site}/{distribution.info}/entry_points.txt"
        listed = tree.read(path, SMALL_LIMIT) or b""
    except UnreadableError:
        return
    for line in listed.decode("utf-8", "replace").splitlines():
        name, equals, _ = line.partition("=")
        if equals and name.strip():
            yield name.strip()


def _is_module(name: str) -> bool:
    return "." not in name or name.endswith((".py", ".so", ".pyd"))
