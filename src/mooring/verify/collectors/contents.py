"""Looking at every file of an environment on this machine, on a few threads."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from mooring.verify.collectors.folder import (
    LARGEST_FILE,
    LEAVES,
    OPEN_FLAGS,
    Folder,
    hash_file,
    kind_of,
)
from mooring.verify.collectors.layout import UnreadableError
from mooring.verify.collectors.looks import Looks, Task, task_of
from mooring.verify.collectors.record import Cells, Record, Row
from mooring.verify.collectors.recorded import (
    MISSING,
    UNEXAMINED,
    Found,
    Look,
    RecordedFiles,
)
from mooring.verify.inventory import FileKind

if TYPE_CHECKING:
    from concurrent.futures import Future

_FEWEST_THREADS, _MOST_THREADS = 2, 8
_PENDING_PER_THREAD = 4
"""Chunks that wait for a thread: each holds the rows of its files."""

_CHUNK = 16 << 20
_COST_OF_OPENING = 16 << 10
"""Opening, asking and closing take as long as hashing this many bytes."""

_MOST_PATHS = 256
_MOST_PLACES, _MOST_NAMES, _MOST_IN_FOLDER = 4096, 50_000, 5_000
"""Folders whose places are remembered, names in all of them, names in one."""

_SMALL = 1 << 20
_ABSENT = (errno.ENOENT, errno.ENOTDIR)
_KIND_BITS = 0o170000
_REGULAR = stat.S_IFREG


C = TypeVar("C")
R = TypeVar("R")


Item = tuple[int, int, Cells, str | None, bool]
"""A row to look at: of which distribution, its number there, its cells, the file's place, and
whether its folder lists it as a regular file."""


class Result(NamedTuple):
    """What a chunk gave.

    Attributes:
        odd: Items with what was found, where that is not simply as recorded.
        sound: For each distribution, how many files were hashed and are as recorded, and bytes.
    """

    odd: list[tuple[Item, Look]]
    sound: dict[int, tuple[int, int]]


class Seen(NamedTuple):
    """The files of each distribution with the paths of all, and how much was read of them."""

    files: list[RecordedFiles]
    listed: list[list[str]]
    hashed: int
    size: int


def look_at_records(folder: Folder, records: Sequence[Record], *, hashed: bool) -> Seen:
    """Look at every file that RECORDs name; the work is spread so that all threads end together.

    Args:
        folder: The environment.
        records: Those of its distributions.
        hashed: Whether contents are read.
    """
    found = [Found(record, hashed=hashed) for record in records]
    items = _Items(folder, records, hashed=hashed)
    count = size = 0
    chunks = items.chunks()
    look_at = partial(_looked, folder, hashed=hashed)
    # Without reading, the threads would only wait for each other.
    results = _results(chunks, look_at) if hashed else map(look_at, chunks)
    for odd, sound in results:
        for owner, (files, read) in sound.items():
            found[owner].add_sound(files, read)
            count, size = count + files, size + read
        for (owner, number, cells, *_), look in odd:
            found[owner].add(number, Row._make(cells), look)
            if look.actual is not None:
                count, size = count + 1, size + (look.size or 0)
    # What is listed a second time is not read a second time by every row that does so.
    known: dict[tuple[str, str | None], Look] = {}
    for owner, numbers in items.again.items():
        for number, row in enumerate(records[owner]):
            if number in numbers:
                task = task_of(row, hashed=hashed)
                if task[:2] not in known:
                    known[task[:2]] = _look(folder, task, folder.place(task.target))
                found[owner].add(number, row, known[task[:2]])
    return Seen([each.done() for each in found], items.listed, count, size)


def look_at_all(folder: Folder, tasks: Sequence[Task]) -> Looks:
    """Look at every path by itself."""
    placed = [(task, folder.place(task.target)) for task in tasks]
    chunks = (placed[at : at + _MOST_PATHS] for at in range(0, len(placed), _MOST_PATHS))
    looks = _results(
        chunks, lambda chunk: [(task, _look(folder, task, where)) for task, where in chunk]
    )
    return {task[:2]: look for found in looks for task, look in found}


def _results(chunks: Iterator[C], look: Callable[[C], R]) -> Iterator[R]:
    """Yield the result of each chunk; only a few are made before they are needed."""
    from concurrent.futures import ThreadPoolExecutor  # what reads no file does not load it

    # More threads than cores would wait for each other: half of all files are so small that
    # hashing them does not let another thread run.
    threads = max(_FEWEST_THREADS, min(_MOST_THREADS, os.cpu_count() or 1))
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[R]] = deque()
        for chunk in chunks:
            pending.append(pool.submit(look, chunk))
            if len(pending) > _PENDING_PER_THREAD * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


class _Items:
    """The rows of all RECORDs as chunks of about the same cost, in order."""

    def __init__(self, folder: Folder, records: Sequence[Record], *, hashed: bool) -> None:
        self.again: dict[int, set[int]] = {}
        self.listed: list[list[str]] = [[] for _ in records]
        self._folder = folder
        self._records = records
        self._hashed = hashed
        self._places: dict[str, tuple[str | None, frozenset[str]]] = {}
        self._names = 0

    def chunks(self) -> Iterator[list[Item]]:
        """Yield chunks; `again` has the numbers of rows whose file is in one already."""
        # Their hashes are a fifth of the paths; what has the hash of another is looked at alone.
        seen = set[int]()
        chunk: list[Item] = []
        room = _CHUNK
        for owner, record in enumerate(self._records):
            listed = self.listed[owner]
            for number, cells in enumerate(record.cells()):
                target = cells[1]
                if target is None:
                    chunk.append((owner, number, cells, None, False))
                    continue
                listed.append(target)
                cut = target.rfind("/") + 1
                folder, name = target[:cut], target[cut:]
                above, regular = self._places.get(folder) or self._place(folder)
                where = None if above is None else above + name
                if hash(target) in seen:
                    self.again.setdefault(owner, set()).add(number)
                    continue
                seen.add(hash(target))
                chunk.append((owner, number, cells, where, name in regular))
                room -= _COST_OF_OPENING + (cells[3] or 0)
                if room <= 0:
                    yield chunk
                    chunk, room = [], _CHUNK
        if chunk:
            yield chunk

    def _place(self, folder: str) -> tuple[str | None, frozenset[str]]:
        """Resolve a folder, once for all its files: the threads then only read.

        To list it is one call, and saves one for each file: which of them are regular ones.
        """
        if len(self._places) >= _MOST_PLACES or self._names >= _MOST_NAMES:
            self._places.clear()
            self._names = 0
        above, regular = self._folder.place(folder), frozenset[str]()
        if above is not None and self._hashed:
            regular = _regular(above)
        self._names += len(regular)
        self._places[folder] = above, regular
        return above, regular


def _regular(folder: str) -> frozenset[str]:
    """Return the names of the regular files in a folder; none where that is not to be had."""
    try:
        with os.scandir(folder) as entries:
            some = islice(entries, _MOST_IN_FOLDER)
            return frozenset(each.name for each in some if each.is_file(follow_symlinks=False))
    except OSError:
        return frozenset()


def _looked(folder: Folder, chunk: list[Item], *, hashed: bool) -> Result:
    """Look at a chunk: the common case at once, with the fewest calls, all others by `_look`."""
    odd: list[tuple[Item, Look]] = []
    sound: dict[int, list[int]] = {}
    for item in chunk:
        owner, _, cells, where, regular = item
        if not _is_sound(cells, where, regular=regular, hashed=hashed):
            look = UNEXAMINED
            if cells[1] is not None:
                look = _look(folder, task_of(Row._make(cells), hashed=hashed), where)
            odd.append((item, look))
        elif hashed:
            sizes = sound.get(owner)
            if sizes is None:
                sizes = sound[owner] = []
            sizes.append(cells[3] or 0)
    return Result(odd, {owner: (len(sizes), sum(sizes)) for owner, sizes in sound.items()})


def _is_sound(cells: Cells, where: str | None, *, regular: bool, hashed: bool) -> bool:
    """Whether a small regular file is as recorded; False also where that takes another look."""
    path, _, recorded, size, problem = cells
    if where is None or recorded is None or size is None or size >= _SMALL or problem is not None:
        return False
    try:
        if not regular:
            info = os.lstat(where)
            if info.st_mode & _KIND_BITS != _REGULAR or info.st_size != size:
                return False
        if not hashed:
            return True
        if "__pycache__" in path:
            return False
        handle = os.open(where, OPEN_FLAGS)
        try:
            data = os.read(handle, size + 1)
        finally:
            os.close(handle)
    except OSError:
        return False
    return recorded == "sha256:" + hashlib.sha256(data).hexdigest() and len(data) == size


def _look(folder: Folder, task: Task, where: str | None) -> Look:
    if where is None:
        return Look("link", problem=LEAVES)
    try:
        return _look_at(folder, task, where)
    except UnreadableError as error:
        return Look("link" if error.message == LEAVES else "other", problem=error.message)
    except OSError as error:
        if error.errno in _ABSENT:
            return MISSING
        if error.errno == errno.ELOOP:
            return Look("link", problem="it is a link that leads nowhere")
        return Look("file", problem=(error.strerror or str(error)).lower())


def _look_at(folder: Folder, task: Task, where: str) -> Look:
    info = os.lstat(where)
    kind: FileKind = "file"
    if stat.S_ISLNK(info.st_mode):
        kind = "link"
        real = folder.regular(task.target)
        if real is None:
            return Look("link", problem="it is a link that leads nowhere")
        where, info = real, os.lstat(real)
    if not stat.S_ISREG(info.st_mode):
        return Look("other", problem=f"it is {kind_of(info.st_mode)}, not a file")
    if task.algorithm is None:
        return Look(kind, info.st_size)
    if info.st_size > LARGEST_FILE:
        return Look("file", info.st_size, problem="it is too large to be read")
    size, digest = hash_file(where, task.algorithm, task.size)
    return Look(kind, size, f"{task.algorithm}:{digest}")
