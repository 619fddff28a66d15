"""The collector for containers and images that are never entered: one pass over a tar stream."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import IO

from mooring.lock.carried import CARRIED_LOCK, LARGEST_LOCK, CarriedText
from mooring.verify.collectors import known
from mooring.verify.collectors.bytecode import check_bytecode
from mooring.verify.collectors.dpkg import (
    SYSTEM_SITE,
    is_list,
    of_the_site,
    owner_tasks,
    owners_of,
    seen_packages,
    with_owners,
)
from mooring.verify.collectors.facts import SHEBANG_LIMIT, read_facts
from mooring.verify.collectors.layout import UnreadableError, find_layout, without_packages
from mooring.verify.collectors.looks import Tally, unseen, with_files
from mooring.verify.collectors.metadata import KEPT_FILES, describe_sites
from mooring.verify.collectors.path import NoEnvironmentError
from mooring.verify.collectors.spool import Spool, Spooled, is_code
from mooring.verify.collectors.strays import READ_AT_START, SCRIPTS, STARTUP, find_strays
from mooring.verify.collectors.surroundings import UNKNOWN, Surroundings
from mooring.verify.collectors.tar_stream import Entry, EntryReader, TarError, TarStream
from mooring.verify.collectors.tar_tree import Held, SpooledCode, TarTree
from mooring.verify.inventory import Inventory, TargetKind
from mooring.verify.tiers import CONTENT, Tiers

KEPT_LIMIT = 8 << 20
"""Bytes of one metadata file that are kept; a RECORD of 10,000 rows has one MiB."""
_ALL_KEPT_LIMIT = 64 << 20
MOST_ENTRIES = 300_000
LARGEST_FILE = 8 << 30
_LONGEST_PATH = 4096
MOST_ELSEWHERE = 100_000
"""Files of another folder that is looked at besides, such as one on PYTHONPATH."""
_SCRIPTS, _SYSTEM = f"{SCRIPTS}/", f"{SYSTEM_SITE}/"

_UNKNOWN_LINK = Held("file", problem="it is a hard link to what the stream does not hold")

OpenStream = Callable[[], AbstractContextManager[IO[bytes] | EntryReader]]


class TarCollector:
    """Reads an environment out of a tar stream, such as `docker cp` and `docker export` write.

    Nothing is unpacked. Every regular file below the root is hashed as it passes.

    Args:
        open_stream: Gives the stream, not compressed, or what reads entries from elsewhere.
        kind: What the stream was taken from.
        target: How the user named it.
        root: The environment's root inside the target, such as `/opt/env`. The entries may be
            named from there (`env/...`, as `docker cp` does) or from `/` (`docker export`).
        tiers: How deep to look; byte code waits for its source in a temporary file.
        surroundings: What is known of the target besides.
        most_entries: More files than this are refused: each costs memory.
    """

    def __init__(
        self,
        open_stream: OpenStream,
        kind: TargetKind,
        target: str,
        root: str,
        *,
        tiers: Tiers = CONTENT,
        surroundings: Surroundings = UNKNOWN,
        most_entries: int = MOST_ENTRIES,
    ) -> None:
        self._open_stream = open_stream
        self._kind = kind
        self._target = target
        self._root = posixpath.normpath("/" + root).lstrip("/")
        self._tiers = tiers
        self._surroundings = surroundings
        self._most_entries = most_entries

    def collect(self) -> Inventory:
        """Return what is there.

        Raises:
            TarError: The stream is damaged, breaks off, or is larger than what is accepted.
            NoEnvironmentError: There is no environment at that root.
        """
        with closing(Spool(self._target)) if self._tiers.deep else nullcontext() as spool:
            return self._collect(spool)

    def _no_environment(self, python: str | None) -> NoEnvironmentError:
        if python is not None:
            return NoEnvironmentError(
                f"the Python at /{self._root} has no package folder, so nothing is installed there",
                where=self._target,
                hint=f"{python} holds neither site-packages nor dist-packages; --root names the "
                "environment beside it, such as /opt/env",
            )
        return NoEnvironmentError(
            f"there is no Python environment at /{self._root}",
            where=self._target,
            hint="--root names the folder that holds pyvenv.cfg or lib/pythonX.Y; without it the "
            "label dev.mooring.environment-root of an image decides",
        )

    def _collect(self, spool: Spool | None) -> Inventory:
        hashed = self._tiers.hash_files
        keeping = _Keeping(hash_files=hashed, spool=spool)
        pass_ = _Pass(self._root, self._target, keeping, most=self._most_entries)
        with self._open_stream() as stream:
            pass_.read(stream)
        tree = pass_.tree()
        layout = find_layout(tree)
        if not layout.sites:
            raise self._no_environment(without_packages(tree))
        described, leftovers = describe_sites(tree, layout.sites, "/" + self._root)
        owners = owners_of(layout.sites, "/" + self._root, self._surroundings.elsewhere)
        described = with_owners(described, owners)
        tally = Tally()
        looked = self._tiers.files
        distributions = [
            with_files(each, tree.look, tally, hashed=hashed) if looked else unseen(each)
            for each in described
        ]
        looks = {task[:2]: tree.look(task) for task in owner_tasks(owners or (), hashed=hashed)}
        tally.add_all(looks)
        deep = self._tiers.deep and not pass_.code_missing
        walk = find_strays(tree, layout, described, leftovers, bytecode=deep, owners=owners)
        return Inventory(
            kind=self._kind,
            target=self._target,
            root="/" + self._root,
            interpreter=layout.interpreter,
            distributions=tuple(distributions),
            hashed=hashed,
            files_hashed=tally.files,
            bytes_hashed=tally.size,
            leftovers=leftovers,
            facts=read_facts(tree, layout, "/" + self._root, self._surroundings, local=False),
            strays=walk.strays if looked else (),
            looked=looked,
            deep=self._tiers.deep,
            carried=_carried(tree),
            bytecode=check_bytecode(SpooledCode(tree, spool), walk.bytecode, layout.interpreter)
            if spool is not None and deep
            else None,
            system=seen_packages(owners or (), looks, hashed=hashed) if looked else (),
        )


def read_folder(open_stream: OpenStream, root: str, where: str) -> TarTree:
    """Return what is in another folder of a target: names, and the content of dpkg's lists.

    Args:
        open_stream: Gives its entries, as for `TarCollector`.
        root: The folder in the target.
        where: How messages name the target.

    Raises:
        TarError: The stream is damaged, or holds more than is accepted.
    """
    keeping = _Keeping(hash_files=False, lists=True)
    root = posixpath.normpath("/" + root).lstrip("/")
    pass_ = _Pass(root, where, keeping, most=MOST_ELSEWHERE)
    with open_stream() as stream:
        pass_.read(stream)
    return pass_.tree()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Keeping:
    """What one pass keeps of contents.

    Attributes:
        hash_files: Whether every file is hashed.
        spool: Where sources and byte code go, if they are wanted.
        lists: Whether it is dpkg's lists that are kept, and no metadata.
    """

    hash_files: bool
    spool: Spool | None = None
    lists: bool = False

    def wants(self, path: str) -> bool:
        """Whether the content of a file is kept in memory."""
        return is_list(path) if self.lists else _is_metadata(path)


class _Pass:
    """What one pass over the stream keeps, separately for each prefix."""

    def __init__(self, root: str, where: str, keeping: _Keeping, *, most: int) -> None:
        self._root = root
        # The whole path first: that is the prefix that only the environment can have.
        self._held: dict[str, dict[str, Held]] = {root: {}, posixpath.basename(root): {}}
        self._where = where
        self._keeping = keeping
        self.code_missing = False
        """Whether a source or byte code came without its content."""
        self._kept_bytes = 0
        self._count = 0
        self._most = most

    def read(self, stream: IO[bytes] | EntryReader) -> None:
        """Read the stream to its end."""
        tar = stream if isinstance(stream, EntryReader) else TarStream(stream, self._where)
        for entry in tar.entries():
            path = _normal(entry.path)
            for root, held in self._held.items():
                inside = _below(path, root) if path is not None else None
                if inside is not None:
                    self._count_one(inside)
                    held[inside] = self._hold(entry, inside, root, tar)
                    break

    def tree(self) -> TarTree:
        """Return the files below the prefix that the stream uses."""
        for held in self._held.values():
            if held:
                return TarTree(held)
        return TarTree({})

    def _hold(self, entry: Entry, path: str, root: str, tar: EntryReader) -> Held:
        match entry.kind:
            case "file":
                return self._hold_file(entry, path, tar)
            case "folder":
                return Held("folder")
            case "symlink":
                return Held("symlink", target=_link_target(path, entry.target, self._root))
            case "hardlink":
                linked = _normal(entry.target)
                inside = _below(linked, root) if linked is not None else None
                held = self._held[root]
                # Its target is an entry that came before, unless it is outside of the environment.
                return _UNKNOWN_LINK if inside is None else held.get(inside, _UNKNOWN_LINK)
            case "sparse":
                return Held("file", problem="it is stored with holes and was not read")
            case _:
                return Held("other", problem="it is no file")

    def _hold_file(self, entry: Entry, path: str, tar: EntryReader) -> Held:
        if entry.size > LARGEST_FILE:
            return Held("file", entry.size, problem=f"it has {entry.size} bytes and was not read")
        keep = self._keeping.wants(path)
        if keep and entry.size > KEPT_LIMIT:
            return Held("file", entry.size, problem=f"it is larger than {KEPT_LIMIT >> 20} MiB")
        script = path.startswith(_SCRIPTS)
        spool = self._keeping.spool if is_code(path) else None
        if not (keep or script or self._keeping.hash_files or spool):
            return Held("file", entry.size)
        if entry.sha256 is not None:
            self.code_missing = self.code_missing or is_code(path)
            head = entry.head[:SHEBANG_LIMIT] if script else None
            return Held("file", entry.size, sha256=entry.sha256, content=head)
        return self._read_file(entry, path, tar, keep=keep, spool=spool)

    def _read_file(
        self, entry: Entry, path: str, tar: EntryReader, *, keep: bool, spool: Spool | None
    ) -> Held:
        hashed, script = self._keeping.hash_files, path.startswith(_SCRIPTS)
        digest = hashlib.sha256()
        # dpkg knows no other digest; it is no protection here, but what there is to compare with.
        old = hashlib.md5(usedforsecurity=False) if path.startswith(_SYSTEM) else None
        kept = bytearray()
        spooled: list[Spooled] = []
        pieces = tar.pieces()
        for piece in spool.keep(pieces, entry.mtime, spooled) if spool else pieces:
            digest.update(piece)
            if old is not None:
                old.update(piece)
            if keep or (script and len(kept) < SHEBANG_LIMIT):
                kept += piece if keep else piece[:SHEBANG_LIMIT]
        if kept and self._keeping.lists:
            kept = bytearray(of_the_site(bytes(kept)) if path.startswith("info/") else kept)
        if keep or script:
            self._kept_bytes += len(kept)
            if self._kept_bytes > _ALL_KEPT_LIMIT:
                raise TarError(
                    f"its metadata is larger than {_ALL_KEPT_LIMIT >> 20} MiB", where=self._where
                )
        return Held(
            "file",
            entry.size,
            sha256=digest.digest() if hashed else None,
            content=bytes(kept) if keep or script else None,
            md5=old.digest() if hashed and old is not None else None,
            spooled=spooled[0] if spooled else None,
        )

    def _count_one(self, path: str) -> None:
        self._count += 1
        if self._count > self._most:
            raise TarError(f"it holds more than {self._most} files", where=self._where)
        if len(path) > _LONGEST_PATH:
            raise TarError("it holds a path that no system allows", where=self._where)


def _carried(tree: TarTree) -> CarriedText | None:
    """Return the lock that lies in the environment, None where there is none."""
    if tree.link(CARRIED_LOCK) is not None:
        return CarriedText(problem="it is a link")
    try:
        data = tree.read(CARRIED_LOCK, LARGEST_LOCK + 1)
    except UnreadableError as error:
        return CarriedText(problem=error.message)
    return None if data is None else CarriedText(data=data)


def _is_metadata(path: str) -> bool:
    if path == CARRIED_LOCK:
        return True
    folder, _, name = path.rpartition("/")
    if folder.endswith(".dist-info"):
        return name in KEPT_FILES
    return (
        name in ("pyvenv.cfg", "patchlevel.h", known.VIRTUALENV_MODULE)
        or name.endswith((".egg-info", ".egg-link", *READ_AT_START))
        or (name in ("PKG-INFO", "top_level.txt") and folder.endswith(".egg-info"))
        or (name.endswith(".py") and name.removesuffix(".py") in STARTUP)
    )


def _normal(path: str) -> str | None:
    """Return a path without `.` and `..`, relative to the tar's root; None when it leaves it."""
    path = posixpath.normpath(path.lstrip("/"))
    return None if path == ".." or path.startswith("../") else path


def _below(path: str, root: str) -> str | None:
    """Return the path relative to the root, None when it is elsewhere; the root itself is empty."""
    if root in ("", "."):
        return "" if path == "." else path
    if path == root:
        return ""
    return path[len(root) + 1 :] if path.startswith(root + "/") else None


def _link_target(path: str, target: str, root: str) -> str | None:
    """Return where a symbolic link leads, relative to the root; None when it leaves it."""
    if target.startswith("/"):
        absolute = _normal(target)
        return _below(absolute, root) if absolute is not None else None
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return None if joined == ".." or joined.startswith("../") else joined
