"""T4: is the byte code that Python would load what its source compiles to?

A `.pyc` is loaded without a look at its source's content: whoever forges one with the right time
and size in its header changes what runs, and no RECORD shows it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from mooring.process import ProcessError, run
from mooring.verify.collectors import compiled
from mooring.verify.collectors.folder import Folder
from mooring.verify.collectors.layout import UnreadableError
from mooring.verify.inventory import ByteCode, ByteCodeState, Interpreter

_LARGEST = 16 << 20
_BATCH = 2 << 20
_SECONDS = 300.0
_MOST_PROCESSES = 4
_MOST_TOLD = 500
_NAME = re.compile(r"(?P<stem>.+)\.(?P<tag>(?!opt-)[^.]+)(?:\.opt-(?P<level>[12]))?\.pyc")
_TOGETHER: tuple[ByteCodeState, ...] = ("stale", "orphan", "unverified")
_WORDS = {
    "stale": "older than the source, so that Python compiles it anew",
    "orphan": "there is no source for it",
}


class Pair(NamedTuple):
    """One `.pyc` that Python would load, with its source."""

    path: str
    frame: bytes


def check_bytecode(
    folder: Folder, paths: Sequence[str], interpreter: Interpreter
) -> tuple[ByteCode, ...]:
    """Compare byte code with its source.

    Args:
        folder: The environment.
        paths: The `.pyc` files of its `__pycache__` folders, relative to its root.
        interpreter: Its Python: byte code of others is never loaded.
    """
    tag = _cache_tag(interpreter)
    named = [(path, match) for path in paths if (match := _match(path)) and match["tag"] == tag]
    if not named:
        return ()
    if tag != sys.implementation.cache_tag:
        minor = ".".join((interpreter.version or "").split(".")[:2])
        reason = f"only Python {minor} itself can tell"
        return (ByteCode(path=named[0][0], state="unverified", count=len(named), problem=reason),)
    same_patch = interpreter.version == ".".join(map(str, sys.version_info[:3]))
    found: list[ByteCode] = []
    together: Counter[ByteCodeState] = Counter()
    first: dict[ByteCodeState, str] = {}
    for path, judged, problem in _states(folder, named):
        state: ByteCodeState = "unsure" if judged == "other" and not same_patch else judged
        if state in _TOGETHER or len(found) >= _MOST_TOLD:
            together[state] += 1
            first.setdefault(state, path)
        else:
            found.append(ByteCode(path=path, state=state, problem=problem))
    found += [
        ByteCode(path=first[state], state=state, count=count, problem=_WORDS.get(state))
        for state, count in together.items()
    ]
    return tuple(sorted(found, key=lambda each: (each.path, each.state)))


def _cache_tag(interpreter: Interpreter) -> str | None:
    parts = (interpreter.version or "").split(".")
    if len(parts) < 2:
        return None
    prefix = "pypy" if interpreter.implementation == "pypy" else "cpython-"
    return prefix + "".join(parts[:2])


def _match(path: str) -> re.Match[str] | None:
    return _NAME.fullmatch(path.rpartition("/")[2])


def _states(
    folder: Folder, named: Iterable[tuple[str, re.Match[str]]]
) -> Iterator[tuple[str, ByteCodeState, str | None]]:
    """Yield what is not right: first what headers tell, batch by batch what contents tell."""
    told: list[tuple[str, ByteCodeState, str | None]] = []
    batches = _batches(_loaded(folder, named, told))
    processes = min(_MOST_PROCESSES, os.cpu_count() or 1)
    with ThreadPoolExecutor(processes) as pool:
        # A few batches at a time: each holds the files that it compares.
        while some := list(islice(batches, processes)):
            for result in pool.map(compared, some):
                yield from result
    yield from told


def _loaded(
    folder: Folder,
    named: Iterable[tuple[str, re.Match[str]]],
    told: list[tuple[str, ByteCodeState, str | None]],
) -> Iterator[Pair]:
    """Yield each file that Python would load; what it would not is told."""
    for path, match in named:
        cache = path.rpartition("/")[0]
        source_path = f"{cache.rpartition('/')[0]}/{match['stem']}.py"
        try:
            code, source = folder.read(path, _LARGEST), folder.read(source_path, _LARGEST)
            where = folder.regular(source_path)
            if code is None:
                continue
            if source is None or where is None:
                told.append((path, "orphan", None))
            elif max(len(code), len(source)) >= _LARGEST:
                told.append((path, "unread", "it is too large"))
            elif not _is_loaded(code, source, os.stat(where)):  # noqa: PTH116 (texts, as everywhere here)
                told.append((path, "stale", None))
            else:
                frame = compiled.FRAME.pack(int(match["level"] or 0), len(source), len(code))
                yield Pair(path, frame + source + code)
        except UnreadableError as error:
            told.append((path, "unread", error.message))
        except OSError as error:
            told.append((path, "unread", (error.strerror or str(error)).lower()))


def _is_loaded(code: bytes, source: bytes, info: os.stat_result) -> bool:
    """Whether Python takes the byte code for that of the source (PEP 3147, PEP 552)."""
    if len(code) < compiled.HEADER or code[:4] != importlib.util.MAGIC_NUMBER:
        return False
    flags = int.from_bytes(code[4:8], "little")
    if flags == 0:
        time = int(info.st_mtime) & 0xFFFFFFFF
        size = info.st_size & 0xFFFFFFFF
        return code[8:16] == time.to_bytes(4, "little") + size.to_bytes(4, "little")
    # Without the bit that asks for a check, Python believes whatever hash there is.
    return not flags & 2 or code[8:16] == importlib.util.source_hash(source)


def _batches(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    batch: list[Pair] = []
    room = _BATCH
    for pair in pairs:
        batch.append(pair)
        room -= len(pair.frame)
        if room <= 0:
            yield batch
            batch, room = [], _BATCH
    if batch:
        yield batch


def compared(
    batch: list[Pair], ask: Callable[[list[Pair]], list[str]] | None = None
) -> list[tuple[str, ByteCodeState, str | None]]:
    """Compare a batch; what ends the process is told, and the rest goes to another one.

    Args:
        batch: What is compared.
        ask: Gives one word for each, fewer when it ended before; a process by default.
    """
    found: list[tuple[str, ByteCodeState, str | None]] = []
    while batch:
        try:
            answers = (ask or _asked)(batch)
        except ProcessError as error:
            return [*found, *((pair.path, "unread", error.message) for pair in batch)]
        for pair, word in zip(batch, answers):
            if word == "other":
                found.append((pair.path, "other", None))
            elif word != "same":
                found.append((pair.path, "unread", "it cannot be decoded"))
        if len(answers) < len(batch):
            crash = "decoding it ended the process that tried"
            found.append((batch[len(answers)].path, "unread", crash))
        batch = batch[len(answers) + 1 :]
    return found


def _asked(batch: list[Pair]) -> list[str]:
    program = Path(compiled.__file__)
    done = run(
        [sys.executable, "-I", "-S", "-B", "-W", "ignore", program],
        env={},
        stdin=b"".join(pair.frame for pair in batch),
        timeout=_SECONDS,
    )
    return done.stdout.split()[: len(batch)]
