"""T4: is the byte code that Python would load what its source compiles to?

A `.pyc` is loaded without a look at its source's content: whoever forges one with the right time
and size in its header changes what runs, and no RECORD shows it.
"""

from __future__ import annotations

import _imp
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

from mooring.process import ProcessError, run
from mooring.verify.collectors import compiled
from mooring.verify.collectors.folder import Folder
from mooring.verify.collectors.interpreters import (
    ISOLATED,
    Compiler,
    compiler_for,
)
from mooring.verify.collectors.layout import UnreadableError
from mooring.verify.inventory import ByteCode, ByteCodeState, Interpreter

_LARGEST = 16 << 20
_BATCH = 2 << 20
_SECONDS = 300.0
_MOST_PROCESSES = 4
_MOST_TOLD = 500
_NAME = re.compile(r"(?P<stem>.+)\.(?P<tag>(?!opt-)[^.]+)(?:\.opt-(?P<level>[12]))?\.pyc")
_TOGETHER: tuple[ByteCodeState, ...] = ("stale", "orphan", "unverified")
LINES = "only its line numbers differ"
_WORDS: dict[ByteCodeState, str] = {
    "stale": "older than the source, so that Python compiles it anew",
    "orphan": "there is no source for it",
}


class Pair(NamedTuple):
    """One `.pyc` that Python would load, with its source."""

    path: str
    frame: bytes


class CodeFiles(Protocol):
    """Where sources and byte code are read; every path is relative to the environment's root."""

    def read(self, path: str, limit: int) -> bytes | None:
        """Return the first `limit` bytes of a file, None when it is absent.

        Raises:
            UnreadableError: It is there and cannot be read.
        """

    def stamp(self, path: str) -> tuple[int, int] | None:
        """Return (seconds since 1970, bytes) of a file behind all links, None when it is absent.

        Raises:
            UnreadableError: It is no file, or leaves the root.
        """


class FolderCode:
    """The code of an environment on this machine."""

    def __init__(self, folder: Folder) -> None:
        self.read = folder.read
        self._folder = folder

    def stamp(self, path: str) -> tuple[int, int] | None:
        """Return when a file was changed, and its size."""
        where = self._folder.regular(path)
        if where is None:
            return None
        info = os.stat(where)  # noqa: PTH116 (texts, as everywhere here)
        return int(info.st_mtime), info.st_size


Ask = Callable[[list[Pair]], list[str]]
FindCompiler = Callable[[str, str | None], Compiler | None]


def check_bytecode(
    files: CodeFiles,
    paths: Sequence[str],
    interpreter: Interpreter,
    *,
    find: FindCompiler = compiler_for,
    ask: Ask | None = None,
) -> tuple[ByteCode, ...]:
    """Compare byte code with its source.

    Where no Python of its kind is here, headers alone are compared: they tell which source the
    byte code claims to come from.

    Args:
        files: The environment's.
        paths: The `.pyc` files of its `__pycache__` folders, relative to its root.
        interpreter: Its Python: byte code of others is never loaded.
        find: Gives a Python on this machine for the tag in the names of byte code, best of the
            version of the environment's.
        ask: Compares a batch, as for `compared`; a process of that Python by default.
    """
    tag = _cache_tag(interpreter)
    named = [(path, match) for path in paths if (match := _match(path)) and match["tag"] == tag]
    if not named or tag is None:
        return ()
    compiler = find(tag, interpreter.version)
    same_patch = compiler is not None and interpreter.version == compiler.version
    found: list[ByteCode] = []
    together: Counter[ByteCodeState] = Counter()
    first: dict[ByteCodeState, str] = {}
    for path, judged, problem in _states(files, named, compiler, ask):
        if problem == LINES and not same_patch:
            continue  # another patch release counts lines differently, and runs the same
        # Where nothing was compiled, it is the header that says another source.
        unsure = judged == "other" and compiler is not None and not same_patch
        state: ByteCodeState = "unsure" if unsure else judged
        if state in _TOGETHER or len(found) >= _MOST_TOLD:
            together[state] += 1
            first.setdefault(state, path)
        else:
            said = f"no Python {interpreter.version} is here" if unsure else problem
            found.append(ByteCode(path=path, state=state, problem=said))
    minor = ".".join((interpreter.version or "").split(".")[:2])
    only = f"their headers fit to the sources, and no Python {minor} is here that could tell more"
    words: dict[ByteCodeState, str] = {**_WORDS, "unverified": only}
    found += [
        ByteCode(path=first[state], state=state, count=count, problem=words.get(state))
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
    files: CodeFiles,
    named: Iterable[tuple[str, re.Match[str]]],
    compiler: Compiler | None,
    ask: Ask | None,
) -> Iterator[tuple[str, ByteCodeState, str | None]]:
    """Yield what is not right: first what headers tell, batch by batch what contents tell."""
    told: list[tuple[str, ByteCodeState, str | None]] = []
    loaded = _loaded(files, named, compiler, told)
    if compiler is None:
        for pair in loaded:
            yield pair.path, "unverified", None
        yield from told
        return
    batches = _batches(loaded)
    asked = ask or partial(_asked, compiler)
    processes = min(_MOST_PROCESSES, os.cpu_count() or 1)
    with ThreadPoolExecutor(processes) as pool:
        # A few batches at a time: each holds the files that it compares.
        while some := list(islice(batches, processes)):
            for result in pool.map(lambda batch: compared(batch, asked), some):
                yield from result
    yield from told


def _loaded(
    files: CodeFiles,
    named: Iterable[tuple[str, re.Match[str]]],
    compiler: Compiler | None,
    told: list[tuple[str, ByteCodeState, str | None]],
) -> Iterator[Pair]:
    """Yield each file that Python would load; what it would not is told."""
    for path, match in named:
        cache = path.rpartition("/")[0]
        source_path = f"{cache.rpartition('/')[0]}/{match['stem']}.py"
        try:
            code, source = files.read(path, _LARGEST), files.read(source_path, _LARGEST)
            stamp = files.stamp(source_path)
            if code is None:
                continue
            if source is None or stamp is None:
                told.append((path, "orphan", None))
            elif max(len(code), len(source)) >= _LARGEST:
                told.append((path, "unread", "it is too large"))
            elif not _is_loaded(code, source, stamp, compiler):
                told.append((path, "stale", None))
            elif compiler is None and _claims_other(code, source):
                told.append((path, "other", None))
            else:
                frame = compiled.FRAME.pack(int(match["level"] or 0), len(source), len(code))
                yield Pair(path, frame + source + code)
        except UnreadableError as error:
            told.append((path, "unread", error.message))
        except OSError as error:
            told.append((path, "unread", (error.strerror or str(error)).lower()))


def _is_loaded(
    code: bytes, source: bytes, stamp: tuple[int, int], compiler: Compiler | None
) -> bool:
    """Whether Python takes the byte code for that of the source (PEP 3147, PEP 552)."""
    if len(code) < compiled.HEADER or (compiler is not None and code[:4] != compiler.magic):
        return False
    flags = int.from_bytes(code[4:8], "little")
    if flags == 0:
        time, size = (value & 0xFFFFFFFF for value in stamp)
        return code[8:16] == time.to_bytes(4, "little") + size.to_bytes(4, "little")
    # Without the bit that asks for a check, Python believes whatever hash there is.
    return not flags & 2 or code[8:16] == _source_hash(code, source)


def _claims_other(code: bytes, source: bytes) -> bool:
    """Whether loaded byte code has the hash of another source in its header."""
    return bool(int.from_bytes(code[4:8], "little") & 1) and code[8:16] != _source_hash(
        code, source
    )


def _source_hash(code: bytes, source: bytes) -> bytes:
    """Return the hash of a source as the Python computes it whose magic number the code has."""
    # `importlib.util.source_hash` knows only the number of the Python that runs it.
    return _imp.source_hash(int.from_bytes(code[:4], "little"), source)


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


def compared(batch: list[Pair], ask: Ask) -> list[tuple[str, ByteCodeState, str | None]]:
    """Compare a batch; what ends the process is told, and the rest goes to another one.

    Args:
        batch: What is compared.
        ask: Gives one word for each, fewer when it ended before.
    """
    found: list[tuple[str, ByteCodeState, str | None]] = []
    while batch:
        try:
            answers = ask(batch)
        except ProcessError as error:
            return [*found, *((pair.path, "unread", error.message) for pair in batch)]
        for pair, word in zip(batch, answers):
            if word in ("other", "lines"):
                found.append((pair.path, "other", LINES if word == "lines" else None))
            elif word != "same":
                found.append((pair.path, "unread", "it cannot be decoded"))
        if len(answers) < len(batch):
            crash = "decoding it ended the process that tried"
            found.append((batch[len(answers)].path, "unread", crash))
        batch = batch[len(answers) + 1 :]
    return found


def _asked(compiler: Compiler, batch: list[Pair]) -> list[str]:
    program = Path(compiled.__file__)
    done = run(
        [compiler.program, *ISOLATED, program],
        env={},
        stdin=b"".join(pair.frame for pair in batch),
        timeout=_SECONDS,
    )
    return done.stdout.split()[: len(batch)]
