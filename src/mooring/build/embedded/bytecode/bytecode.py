"""Byte code of wheels, compiled by a Python that is exactly the image's."""

from __future__ import annotations

import base64
import itertools
import os
import posixpath
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mooring.build.embedded.bytecode import script
from mooring.build.embedded.bytecode.cache import BytecodeCache, Compiled
from mooring.build.embedded.bytecode.compilers import Compiler, command, environment, find_compiler
from mooring.build.embedded.interface import EmbeddedBuildError, Entry, Place
from mooring.build.embedded.wheels.entries import entries_of
from mooring.build.embedded.wheels.wheel import open_wheel
from mooring.lock.model import Selected
from mooring.process import ProcessError, run

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["BYTECODE_FORMAT", "Compiler", "bytecode_entries", "bytecode_of_all", "find_compiler"]

BYTECODE_FORMAT = 1
"""Version of how sources become byte code: batches, flags, what is skipped."""

_BATCH_FILES = 200
_BATCH_BYTES = 1 << 20
# Larger sources are data, and import without byte code too. The worst of 4 MiB takes 1.7 GB to
# compile, well below the limit of the process: which sources are left out is no matter of chance.
_LARGEST_SOURCE = 4 << 20
_PROCESSES = min(4, os.cpu_count() or 1)
# Layers are made side by side, and each of them compiles; what one process answers takes some
# megabytes until it is kept.
_GATE = threading.BoundedSemaphore(_PROCESSES)


def bytecode_entries(
    selected: Selected,
    wheel: Path,
    place: Place,
    compiler: Compiler,
    *,
    cache: BytecodeCache | None = None,
) -> tuple[Entry, ...]:
    """Return the `__pycache__` files of one wheel, sorted by path; see `bytecode_of_all`."""
    [entries] = bytecode_of_all([selected], {selected.package.name: wheel}, place, compiler, cache)
    return entries


def bytecode_of_all(
    packages: Sequence[Selected],
    wheels: Mapping[str, Path],
    place: Place,
    compiler: Compiler,
    cache: BytecodeCache | None = None,
) -> tuple[tuple[Entry, ...], ...]:
    """Return the `__pycache__` files of wheels, each sorted by path, in the order of the packages.

    Sources that do not compile are left out, as installers do.

    Args:
        packages: The artifacts.
        wheels: Where each is, by package name.
        place: Where the environment will be: byte code names its source.
        compiler: A Python that is exactly the image's.
        cache: Of what was compiled before.

    Raises:
        EmbeddedBuildError: A source ends or blocks the compiler.
        MooringError: A wheel is refused.
    """
    from concurrent.futures import ThreadPoolExecutor  # slow to import, and most is cached

    cache = cache or BytecodeCache()
    keys = {each.package.name: _key(each, place, compiler) for each in packages}
    missing = [each for each in packages if cache.get(keys[each.package.name]) is None]
    with ThreadPoolExecutor(_PROCESSES) as pool:
        done = _compiled(pool, _batches_of(missing, wheels, place, compiler), compiler)
        for name, batches in itertools.groupby(done, key=lambda pair: pair[0]):
            cache.put(keys[name], (one for _, batch in batches for one in batch))
    return tuple(_entries(cache, keys[each.package.name], each) for each in packages)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Batch:
    """What one process compiles.

    Attributes:
        name: Of the package.
        owner: Of the package, for messages.
        paths: Of the sources in the image.
        frames: What the process reads.
    """

    name: str
    owner: str
    paths: tuple[str, ...] = ()
    frames: bytes = b""


def _compiled(
    pool: ThreadPoolExecutor, batches: Iterable[_Batch], compiler: Compiler
) -> Iterator[tuple[str, list[Compiled]]]:
    """Yield the byte code of each batch in their order; few are in memory at once."""
    waiting: deque[tuple[str, Future[list[Compiled]]]] = deque()
    try:
        for batch in batches:
            waiting.append((batch.name, pool.submit(_compile, compiler, batch)))
            if len(waiting) > _PROCESSES:
                name, future = waiting.popleft()
                yield name, future.result()
        while waiting:
            name, future = waiting.popleft()
            yield name, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


def _batches_of(
    packages: Iterable[Selected], wheels: Mapping[str, Path], place: Place, compiler: Compiler
) -> Iterator[_Batch]:
    """Yield at least one batch for each package."""
    for each in packages:
        name, version = each.package.name, each.package.version or ""
        sha256, owner = each.artifact.sha256 or "", f"{name} {version}".strip()
        with open_wheel(wheels[name], name=name, version=version, sha256=sha256) as wheel:
            entries = {entry.path: entry for entry in entries_of(wheel, place)}
            sources = sorted(path for path in entries if _is_source(path, entries, place, compiler))
            if not sources:
                yield _Batch(name=name, owner=owner)
            for paths in _batches(sources, entries):
                frames = b"".join(_frame(path, entries[path]) for path in paths)
                yield _Batch(name=name, owner=owner, paths=tuple(paths), frames=frames)


def _frame(path: str, entry: Entry) -> bytes:
    name, source = path.encode("utf-8"), _read(entry)
    return script.FRAME.pack(len(name), len(source)) + name + source


def _key(selected: Selected, place: Place, compiler: Compiler) -> dict[str, object]:
    return {
        "schema": 1,
        "format": BYTECODE_FORMAT,
        "artifact": selected.artifact.sha256,
        "python": str(compiler.version),
        "root": place.root,
    }


def _entries(
    cache: BytecodeCache, key: Mapping[str, object], selected: Selected
) -> tuple[Entry, ...]:
    found = cache.get(key)
    if found is None:
        raise EmbeddedBuildError(
            f"the byte code of {selected.package.name} vanished from the cache",
            where=str(cache.root),
            hint="run this again",
        )
    return found


def _is_source(path: str, entries: Mapping[str, Entry], place: Place, compiler: Compiler) -> bool:
    if not path.endswith(".py") or not path.startswith(f"{place.site_packages}/"):
        return False
    # Byte code that a wheel brings is in its RECORD, and stays as it is.
    return entries[path].size <= _LARGEST_SOURCE and target_of(path, compiler) not in entries


def target_of(source: str, compiler: Compiler) -> str:
    """Return where Python looks for the byte code of a source."""
    folder, name = posixpath.split(source)
    tag = f"cpython-{compiler.version.short.replace('.', '')}"
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.{tag}.pyc"


def _batches(sources: Iterable[str], entries: Mapping[str, Entry]) -> Iterator[list[str]]:
    """Yield what one process compiles: the same on every machine, as results depend on it.

    A few files of Python 3.12 and 3.13 compile to other bytes after others in one process.
    """
    batch: list[str] = []
    size = 0
    for path in sources:
        size += entries[path].size
        if batch and (len(batch) >= _BATCH_FILES or size > _BATCH_BYTES):
            yield batch
            batch, size = [], entries[path].size
        batch.append(path)
    if batch:
        yield batch


def _read(entry: Entry) -> bytes:
    if entry.open is None:
        return b""
    with entry.open() as stream:
        return b"".join(iter(partial(stream.read, 1 << 20), b""))


def _compile(compiler: Compiler, batch: _Batch) -> list[Compiled]:
    if not batch.paths:
        return []
    with _GATE:
        return list(_answers(compiler, batch))


def _answers(compiler: Compiler, batch: _Batch) -> Iterator[Compiled]:
    sources, owner = batch.paths, batch.owner
    try:
        done = run(
            command(compiler.path),
            env=environment(),
            stdin=batch.frames,
            timeout=compiler.seconds,
        )
    except ProcessError as error:
        raise _refused(owner, error.message) from error
    answers = done.stdout.split("\n")
    if len(answers) < len(sources) + 1 or answers[len(sources)] != script.END.decode():
        number = min(len(answers) - 1, len(sources) - 1)
        raise _refused(owner, f"the compiler ended at {sources[number]} ({done.returncode})")
    for path, line in zip(sources, answers):
        if line == script.SKIPPED.decode():
            continue
        try:
            data = base64.b64decode(line, validate=True)
        except ValueError as error:  # what is no base64, or not even ASCII
            raise _refused(owner, f"the compiler answers nonsense for {path}") from error
        yield Compiled(path=target_of(path, compiler), data=data)


def _refused(owner: str, reason: str) -> EmbeddedBuildError:
    return EmbeddedBuildError(
        f"the byte code of {owner} cannot be made: {reason}",
        hint="build without byte code: bytecode = false in [tool.mooring.image]",
    )
