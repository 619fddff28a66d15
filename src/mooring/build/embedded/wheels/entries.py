"""What an installed wheel is in an image: its files, commands and RECORD."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import posixpath
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from mooring.build.embedded.interface import Entry, Place
from mooring.build.embedded.wheels.refused import WheelRefused
from mooring.build.embedded.wheels.scripts import (
    FIRST_LINE_LIMIT,
    read_entry_points,
    rewritten,
    script_of,
)
from mooring.build.embedded.wheels.site_record import hash_of, hash_text, write_record
from mooring.build.embedded.wheels.wheel import Wheel, WheelFile
from mooring.lock.carried import CARRIED_LOCK
from mooring.oci.store import Source

INSTALLER = b"mooring\n"

_PIECE = 1 << 18
# What setuptools once shipped beside a command, or instead of one, for other systems.
_WRAPPERS = (".exe", "-script.py", ".pya")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Installed:
    """An entry with the hash that RECORD gives it."""

    entry: Entry
    hash: str


def entries_of(wheel: Wheel, place: Place, *, direct_url: bytes | None = None) -> tuple[Entry, ...]:
    """Return everything that the installed wheel is in the image, sorted by path.

    Bytes are read when an entry is opened, and only while the wheel is open.

    Args:
        wheel: An open wheel.
        place: Where the environment will be.
        direct_url: Content of `direct_url.json`, for a wheel that came from no index.

    Raises:
        WheelRefused: Two of its files go to one place, or one takes the place of the environment's
            own files.
    """
    found = _installed(wheel, place, direct_url)
    return tuple(found[path].entry for path in sorted(found))


def paths_of(wheel: Wheel, place: Place) -> Mapping[str, str]:
    """Return image path to hash of everything that the installed wheel is.

    Two wheels may put a file of one hash into one place. Only RECORD, commands and what is small
    is read for it.

    Raises:
        WheelRefused: As `entries_of` does.
    """
    return {path: found.hash for path, found in _installed(wheel, place, None).items()}


class _Tree:
    """The files of one wheel in its image."""

    def __init__(self, wheel: Wheel, place: Place) -> None:
        self._where = wheel.where
        self._own = _own_paths(place)
        self.place = place
        self.found: dict[str, _Installed] = {}

    def add(self, path: str, hash_value: str, entry: Entry) -> None:
        """Add a file, once."""
        if path in self._own:
            raise WheelRefused(
                f"it would replace {path}, which belongs to the environment", where=self._where
            )
        known = self.found.get(path)
        if known is not None and (known.hash, known.entry.mode) != (hash_value, entry.mode):
            raise WheelRefused(f"two of its files go to {path}", where=self._where)
        self.found[path] = _Installed(entry=entry, hash=hash_value)

    def add_bytes(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Add a file that is made here."""
        entry = Entry(path=path, mode=mode, size=len(data), open=functools.partial(_bytes, data))
        self.add(path, hash_of(data), entry)


def _installed(wheel: Wheel, place: Place, direct_url: bytes | None) -> dict[str, _Installed]:
    tree = _Tree(wheel, place)
    points = read_entry_points(wheel.info("entry_points.txt") or b"", wheel.where)
    commands = {point.name for point in points}
    for file in wheel.members:
        scripts, _, name = file.path.partition(f"{wheel.data_dir}/scripts/")
        if scripts or not name:
            path, mode = _target(wheel, file.path, place), 0o755 if file.executable else 0o644
            entry = Entry(
                path=path, mode=mode, size=file.size, open=functools.partial(wheel.open, file.path)
            )
            tree.add(path, file.hash, entry)
        elif not _is_wrapper(name, commands):
            _add_script(tree, wheel, file, f"{place.root}/bin/{name}")
    for point in points:
        tree.add_bytes(f"{place.root}/bin/{point.name}", script_of(point, place), 0o755)
    info = f"{place.site_packages}/{wheel.info_dir}"
    tree.add_bytes(f"{info}/INSTALLER", INSTALLER)
    if direct_url is not None:
        tree.add_bytes(f"{info}/direct_url.json", direct_url)
    rows = [
        (_relative(path, place), found.hash, found.entry.size) for path, found in tree.found.items()
    ]
    tree.add_bytes(f"{info}/RECORD", write_record(rows, f"{wheel.info_dir}/RECORD"))
    return tree.found


def _target(wheel: Wheel, path: str, place: Place) -> str:
    """Return where a file goes (binary distribution format, "Installing a wheel", spread)."""
    top, _, rest = path.partition("/")
    if top != wheel.data_dir:
        return f"{place.site_packages}/{path}"
    key, _, rest = rest.partition("/")
    if key == "headers":
        return f"{place.root}/include/site/python{place.python.short}/{wheel.name}/{rest}"
    if key == "data":
        # lib64 is a link to lib in an environment; a folder in its place would hide the link.
        inside = f"lib/{rest[6:]}" if rest.startswith("lib64/") else rest
        return f"{place.root}/{inside}"
    return f"{place.site_packages}/{rest}"


def _own_paths(place: Place) -> frozenset[str]:
    """Return what the environment itself has at its root."""
    python = ("bin/python", "bin/python3", f"bin/python{place.python.short}")
    names = (*python, "pyvenv.cfg", "lib64", CARRIED_LOCK)
    return frozenset(f"{place.root}/{name}" for name in names)


def _is_wrapper(name: str, commands: Collection[str]) -> bool:
    """Whether a shipped script stands for a command that is made here."""
    for ending in _WRAPPERS:
        if name.lower().endswith(ending):
            return name[: -len(ending)] in commands
    return name in commands


def _add_script(tree: _Tree, wheel: Wheel, file: WheelFile, path: str) -> None:
    with wheel.open(file.path) as source:
        start = source.read(FIRST_LINE_LIMIT)
    change = rewritten(start, tree.place)
    size, hash_value = file.size, file.hash
    opened: Callable[[], contextlib.AbstractContextManager[Source]]
    opened = functools.partial(wheel.open, file.path)
    if change is not None:
        cut, line = change
        size += len(line) - cut
        opened = functools.partial(_patched, wheel, file.path, cut, line)
        hash_value = _streamed_hash(opened())
    tree.add(path, hash_value, Entry(path=path, mode=0o755, size=size, open=opened))


def _streamed_hash(opened: contextlib.AbstractContextManager[Source]) -> str:
    digest = hashlib.sha256()
    with opened as source:
        while piece := source.read(_PIECE):
            digest.update(piece)
    return hash_text(digest)


@contextlib.contextmanager
def _bytes(data: bytes) -> Iterator[Source]:
    yield io.BytesIO(data)


@contextlib.contextmanager
def _patched(wheel: Wheel, path: str, cut: int, line: bytes) -> Iterator[Source]:
    with wheel.open(path) as source:
        while cut:
            cut -= len(source.read(cut))
        yield _Joined(line, source)


class _Joined:
    """Bytes, and behind them a stream."""

    def __init__(self, first: bytes, rest: Source) -> None:
        self._first = io.BytesIO(first)
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end."""
        data = self._first.read(size)
        if size < 0:
            return data + self._rest.read()
        return data or self._rest.read(size)


def _relative(path: str, place: Place) -> str:
    site = f"{place.site_packages}/"
    if path.startswith(site):
        return path[len(site) :]
    return posixpath.relpath(path, place.site_packages)
