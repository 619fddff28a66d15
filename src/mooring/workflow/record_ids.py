"""Record ids in the lock: kept from the lock before, and found for what the targets select."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mooring.artifacts.cache import RECORD_IDS, FactCache
from mooring.errors import MooringError
from mooring.lock.model import Artifact, Lock, Package
from mooring.lock.select import select
from mooring.manifest.model import DEFAULT_ENVIRONMENT, Index
from mooring.reporting import SILENT, Reporter

if TYPE_CHECKING:
    from mooring.artifacts.fetch import Fetcher
    from mooring.artifacts.wheel_record import WheelRecord

CACHE_NAME = RECORD_IDS

Ids = dict[str, str | None]
"""Record id by the SHA-256 of the wheel; None where the wheel has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """The record id of one wheel.

    Attributes:
        value: None where there is none, and then `reason` says why.
        checked: Whether the whole wheel was compared with its locked SHA-256.
        lasting: Whether it will be the same at any other time.
    """

    value: str | None
    reason: str = ""
    checked: bool = False
    lasting: bool = True


def carry_over(lock: Lock, previous: Lock | None) -> Lock:
    """Return the lock with the record ids that the one before has for the same wheels."""
    known = {
        (wheel.name, wheel.hashes): record_ids[wheel.name]
        for package in (previous.packages if previous else ())
        if (record_ids := dict(package.record_ids))
        for wheel in _wheels(package)
        if wheel.name in record_ids
    }
    if not known:
        return lock
    return _with(
        lock,
        lambda wheel: known.get((wheel.name, wheel.hashes)),
    )


def find_record_ids(
    lock: Lock,
    *,
    folder: Path,
    indexes: Sequence[Index] = (),
    offline: bool = False,
    reporter: Reporter = SILENT,
) -> Lock:
    """Return the lock with the record id of every wheel that one of its targets selects.

    Args:
        lock: Ids that it has already are kept.
        folder: The folder of the lock, for wheels with a path.
        indexes: The declared indexes, for their credentials.
        offline: Whether wheels must not be fetched.
        reporter: Told what is fetched, and which wheels have no id.

    Raises:
        MooringError: A wheel cannot be had (exit code 3).
    """
    wanted = _missing(lock)
    cache = FactCache(CACHE_NAME)
    kept = cache.read()
    ids: Ids = {
        sha256: kept[key]
        for sha256, wheel in wanted.items()
        for key in _cache_keys(sha256, wheel)
        if key in kept
    }
    missing = {sha256: wheel for sha256, wheel in wanted.items() if sha256 not in ids}
    if offline:
        _refuse_offline(wheel for wheel in missing.values() if wheel.path is None)
    if missing:
        reporter.step(f"Reading the file lists of the wheels ({len(missing)} to find)")
        found = _find(missing, folder, indexes)
        cache.add(
            {
                _cache_keys(sha256, missing[sha256])[0 if each.checked else -1]: each.value
                for sha256, each in found.items()
                if each.lasting
            }
        )
        ids |= {sha256: each.value for sha256, each in found.items()}
        for sha256, each in found.items():
            if each.value is None:
                reporter.note(f"no record id for {missing[sha256].name}: {each.reason}")
    return _with(lock, lambda wheel: ids.get(wheel.sha256 or ""))


def _wheels(package: Package) -> Iterator[Artifact]:
    yield from package.wheels
    if package.direct is not None and package.direct.name.endswith(".whl"):
        yield package.direct


def _missing(lock: Lock) -> dict[str, Artifact]:
    """Return the wheels that targets select and that have no id yet, by their SHA-256."""
    # Parsing wheel names is slow to import, and most locks are made without record ids.
    from mooring.lock.alternatives import alternatives, newest, ranks_of

    wanted = {}
    for target in lock.provenance.targets if lock.provenance else ():
        environment = lock.environment(target.environment)
        if environment is None and target.environment != DEFAULT_ENVIRONMENT:
            continue
        selection = select(
            lock,
            platform=target.platform,
            python=target.python,
            extras=environment.extras if environment else (),
            groups=environment.groups if environment else lock.default_groups,
        )
        ranks = ranks_of(newest(target.platform), target.python)
        for selected in selection.packages:
            chosen, known = selected.artifact, dict(selected.package.record_ids)
            # An installer on a machine newer than the target may take another locked wheel.
            for wheel in (chosen, *alternatives(selected.package, chosen, ranks)):
                if wheel.name.endswith(".whl") and wheel.sha256 and wheel.name not in known:
                    wanted[wheel.sha256] = wheel
    return dict(sorted(wanted.items(), key=lambda item: item[1].name))


def _with(lock: Lock, known: Callable[[Artifact], str | None]) -> Lock:
    """Return the lock with what is known of its wheels added to the ids it has."""
    packages = []
    for package in lock.packages:
        ids = dict(package.record_ids)
        for wheel in _wheels(package):
            value = known(wheel)
            if value is not None:
                ids.setdefault(wheel.name, value)
        packages.append(replace(package, record_ids=tuple(sorted(ids.items()))))
    changed = tuple(packages)
    return lock if changed == lock.packages else replace(lock, packages=changed)


def _cache_keys(sha256: str, wheel: Artifact) -> tuple[str, str]:
    """Return the key for a wheel that was compared with its SHA-256, and the one for others.

    The second names the host, so that one index never speaks for the wheels of another.
    """
    return sha256, f"{sha256} {urlsplit(wheel.url or '').netloc}"


def _refuse_offline(wheels: Iterable[Artifact]) -> None:
    names = [wheel.name for wheel in wheels]
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise MooringError(
            f"the record id of {names[0]}{more} is not in the cache, and --offline forbids to "
            "fetch it",
            hint="run `mooring lock --record-ids` once with the network",
        )


def _find(
    wheels: Mapping[str, Artifact], folder: Path, indexes: Sequence[Index]
) -> dict[str, _Found]:
    from mooring.artifacts.wheel_record import read_local

    found = {
        sha256: _id_of(partial(read_local, folder / (wheel.path or wheel.name), sha256))
        for sha256, wheel in wheels.items()
        if wheel.url is None
    }
    return found | _fetch({k: wheel for k, wheel in wheels.items() if wheel.url}, indexes)


def _fetch(wheels: Mapping[str, Artifact], indexes: Sequence[Index]) -> dict[str, _Found]:
    if not wheels:
        return {}
    # Threads and the HTTP client are slow to import, and wheels at hand need neither.
    from concurrent.futures import ThreadPoolExecutor

    from mooring.artifacts.fetch import CONNECTIONS, fetching

    with fetching(indexes) as fetcher, ThreadPoolExecutor(CONNECTIONS) as pool:
        pending = [pool.submit(_ask, wheel, fetcher, indexes) for wheel in wheels.values()]
        try:
            return dict(zip(wheels, (each.result() for each in pending)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _ask(wheel: Artifact, fetcher: Fetcher, indexes: Sequence[Index]) -> _Found:
    from mooring.artifacts.wheel_record import RefusedError, read_remote
    from mooring.uv import credentials_hint

    url = wheel.url or ""
    try:
        return _id_of(partial(read_remote, fetcher, url, sha256=wheel.sha256, size=wheel.size))
    except RefusedError as error:
        if error.status in (401, 403):
            hint = credentials_hint(url, indexes)
            raise MooringError(error.message, where=error.where, hint=hint) from error
        raise


def _id_of(read: Callable[[], WheelRecord]) -> _Found:
    from mooring.artifacts.record import RECORD_HEADER, NoIdentity, document_id
    from mooring.artifacts.wheel_record import Damaged

    try:
        record = read()
        value = document_id(RECORD_HEADER, record.lines)
    except NoIdentity as reason:
        lasting = not isinstance(reason, Damaged)
        return _Found(value=None, reason=str(reason), lasting=lasting)
    return _Found(value=value, checked=record.checked)
