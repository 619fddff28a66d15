"""Looking at every file of an environment on this machine, on a few threads."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from mooring.verify.collectors.folder import LARGEST_FILE, LEAVES, Folder, hash_file, kind_of
from mooring.verify.collectors.layout import UnreadableError
from mooring.verify.collectors.looks import MISSING, Look, Looks, Task
from mooring.verify.inventory import FileKind

_MOST_THREADS = 8
_CHUNKS_PER_THREAD = 8
_COST_OF_OPENING = 16 << 10
"""Opening, asking and closing take as long as hashing this many bytes."""
_ABSENT = (errno.ENOENT, errno.ENOTDIR)


def look_at_all(folder: Folder, tasks: Sequence[Task]) -> Looks:
    """Look at every path; the work is spread so that all threads end together."""
    # Folders are resolved here, once each: the threads then only read.
    placed = [(task, folder.place(task.target)) for task in tasks]
    threads = min(_MOST_THREADS, 2 * (os.cpu_count() or 1))
    chunks = _chunks(placed, threads * _CHUNKS_PER_THREAD)
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda chunk: [_look(folder, *item) for item in chunk], chunks)
        looks = [look for chunk in found for look in chunk]
    return {(task.target, task.algorithm): look for task, look in zip(tasks, looks)}


def _chunks(
    placed: list[tuple[Task, str | None]], count: int
) -> list[list[tuple[Task, str | None]]]:
    """Split in order, at about the same cost each; order keeps the files of a folder together."""
    total = sum(_cost(task) for task, _ in placed)
    chunks: list[list[tuple[Task, str | None]]] = []
    room = 0
    for item in placed:
        if room <= 0:
            chunks.append([])
            room = max(total // count, 1)
        chunks[-1].append(item)
        room -= _cost(item[0])
    return chunks


def _cost(task: Task) -> int:
    return _COST_OF_OPENING + (task.size or 0 if task.algorithm else 0)


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
