"""Lock: from the manifest to `pylock.toml` and `mooring.lock`, and whether they are still fresh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mooring.errors import AnswerIsNo, InputError
from mooring.files import one_writer, read_text, write_files
from mooring.lock.formats import pylock
from mooring.lock.inputs import changes, inputs_document
from mooring.lock.model import Lock, Provenance, Target
from mooring.lock.select import Coverage, coverage
from mooring.manifest.locate import PYLOCK
from mooring.manifest.model import Manifest
from mooring.reporting import SILENT, Reporter
from mooring.workflow.foreign import foreign_writer, require_declared
from mooring.workflow.targets import choose_python, environment_selections, python_span, targets

PYLOCK_NAME = PYLOCK
MOORING_LOCK_NAME = "mooring.lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class LockOptions:
    """How to lock.

    Attributes:
        upgrade: Forget the pins of the existing lock.
        upgrade_packages: Normalised names whose pins are forgotten.
        upgrade_base: Resolve the tag of the base image again.
        base: Base image instead of the manifest's.
        with_base: Whether base images are resolved at all.
        only_wheels: Whether falling back to an sdist is an error.
        offline: Whether only caches may be used.
        record_ids: Whether the record id of every selected wheel is found.
    """

    upgrade: bool = False
    upgrade_packages: frozenset[str] = frozenset()
    upgrade_base: bool = False
    base: str | None = None
    with_base: bool = True
    only_wheels: bool = False
    offline: bool = False
    record_ids: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LockResult:
    """What locking did.

    Attributes:
        written: The files that changed; empty when everything was fresh.
        previous: The lock that was there before, or None.
        coverage: For each target, what is installed from wheels and what is not.
    """

    path: Path
    lock: Lock
    previous: Lock | None
    written: tuple[Path, ...]
    coverage: tuple[Coverage, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Freshness:
    """Whether a lock still belongs to its inputs; `changes` says what does not."""

    path: Path
    changes: tuple[str, ...]
    lock: Lock | None = None

    @property
    def fresh(self) -> bool:
        """Whether nothing changed."""
        return not self.changes


def pylock_path(manifest: Manifest) -> Path:
    """Return where the project's lock is."""
    return manifest.root / PYLOCK_NAME


def lock_project(
    manifest: Manifest, options: LockOptions, reporter: Reporter = SILENT
) -> LockResult:
    """Resolve the manifest and write the lock; nothing is written unless all of it succeeds.

    Raises:
        MooringError: See the resolver; `InputError` when `only_wheels` is not met.
    """
    with one_writer(manifest.root):
        path = pylock_path(manifest)
        previous = None if options.upgrade and _unreadable(path) else read_previous(path)
        _warn_of_unlocked(options.upgrade_packages, previous, reporter)
        writer = foreign_writer(path, previous)
        require_declared(manifest, path, writer)
        lock = _resolve(manifest, options, previous, reporter)
        reached = coverage(lock, _targets_of(lock))
        _require_coverage(reached, only_wheels=options.only_wheels)
        lock = _with_record_ids(lock, manifest, options, previous, reporter)
        files: dict[Path, bytes] = {}
        if lock is not previous:
            files[path] = pylock.write(lock).encode("utf-8")
        if options.with_base:
            files |= base_files(manifest, options, reporter)
        changed = {p: data for p, data in files.items() if not same_bytes(p, data)}
        if writer is not None and path in changed:
            reporter.note(f"{path.name} was written by {writer}; it is replaced")
        if changed:
            write_files(changed)
    return LockResult(
        path=path, lock=lock, previous=previous, written=tuple(changed), coverage=reached
    )


def check_lock(manifest: Manifest, *, base: str | None = None, with_base: bool = True) -> Freshness:
    """Say whether the lock is fresh, without solving and without the network.

    Args:
        manifest: What is declared.
        base: Base image instead of the manifest's.
        with_base: Whether `mooring.lock` must hold the base image.

    Raises:
        AnswerIsNo: There is no lock.
        InputError: The lock cannot be read.
    """
    path = pylock_path(manifest)
    if not path.exists():
        raise AnswerIsNo("there is no lock", where=str(path), hint="run `mooring lock`")
    lock = pylock.read_recorded(read_text(path), str(path))
    recorded = lock.provenance
    if recorded is None:
        raise AnswerIsNo(
            "the lock does not say which inputs it was made from",
            where=str(path),
            hint="it was written by another tool: `mooring verify` and `mooring sync` use it with "
            f"`--lock {path.name}`, and `mooring lock` replaces it by one that does",
        )
    found = list(changes(recorded.inputs, inputs_document(manifest), manifest))
    if recorded.edited:
        found.append(f"{path.name}: the packages were edited after the lock was written")
    if with_base:
        from mooring.workflow.bases import base_changes  # verification needs no base image

        found += base_changes(manifest, manifest.root / MOORING_LOCK_NAME, base)
    return Freshness(path=path, changes=tuple(found), lock=lock)


def require_fresh(manifest: Manifest, *, base: str | None = None, with_base: bool = False) -> Lock:
    """Return the project's lock.

    Raises:
        AnswerIsNo: It is not fresh; the message tells the changes.
        InputError: It cannot be read.
    """
    freshness = check_lock(manifest, base=base, with_base=with_base)
    raise_stale(freshness, base)
    assert freshness.lock is not None  # `check_lock` read it
    return freshness.lock


def raise_stale(freshness: Freshness, base: str | None = None) -> None:
    """Raise `AnswerIsNo` with the changes unless the lock is fresh."""
    if not freshness.fresh:
        lines = "".join(f"\n  {change}" for change in freshness.changes)
        raise AnswerIsNo(
            f"the lock is stale:{lines}",
            where=str(freshness.path),
            hint=f"run `mooring lock{f' --base {base}' if base else ''}`, "
            "or pass --frozen to use the lock as it is",
        )


def read_previous(path: Path) -> Lock | None:
    """Read the lock that is there, or None when there is none.

    Raises:
        InputError: It is there and cannot be read.
    """
    return pylock.read(read_text(path), str(path)) if path.exists() else None


def _unreadable(path: Path) -> bool:
    """Tell whether the lock is broken; `--upgrade` may then start from nothing."""
    try:
        read_previous(path)
    except InputError:
        return True
    return False


def _resolve(
    manifest: Manifest, options: LockOptions, previous: Lock | None, reporter: Reporter
) -> Lock:
    document = inputs_document(manifest)
    if previous is not None and _is_current(previous, document, options):
        reporter.note("the packages are fresh; nothing to resolve")
        return previous
    from mooring.resolve.choose import resolver_for  # loads the resolver only when it is needed
    from mooring.resolve.interface import ResolveRequest

    python = choose_python(manifest, previous)
    wanted = targets(manifest, python)
    request = ResolveRequest(
        manifest=manifest,
        requires_python=python_span(manifest, python, previous),
        platforms=tuple(sorted({target.platform for target in wanted})),
        previous=previous,
        upgrade=options.upgrade,
        upgrade_packages=options.upgrade_packages,
        offline=options.offline,
    )
    _announce(manifest, request.platforms, reporter)
    resolved = resolver_for(manifest.resolver).resolve(request, reporter)
    facts = Provenance(
        inputs=document, environments=environment_selections(manifest), targets=wanted
    )
    lock = replace(resolved, provenance=facts)
    return replace(lock, provenance=replace(facts, packages_digest=pylock.packages_digest(lock)))


def _with_record_ids(
    lock: Lock,
    manifest: Manifest,
    options: LockOptions,
    previous: Lock | None,
    reporter: Reporter,
) -> Lock:
    # Only locking itself finds record ids; whoever asks whether a lock is fresh does not.
    from mooring.workflow.record_ids import carry_over, find_record_ids

    lock = carry_over(lock, previous)
    if not options.record_ids:
        return lock
    return find_record_ids(
        lock,
        folder=manifest.root,
        indexes=manifest.indexes,
        offline=options.offline,
        reporter=reporter,
    )


def _is_current(previous: Lock, document: dict[str, object], options: LockOptions) -> bool:
    facts = previous.provenance
    return (
        facts is not None
        and not options.upgrade
        and not options.upgrade_packages
        and facts.inputs == document
        and facts.packages_digest == pylock.packages_digest(previous)
    )


def _warn_of_unlocked(names: frozenset[str], previous: Lock | None, reporter: Reporter) -> None:
    """A name that is not locked has no pin that could move; it may be misspelt."""
    locked = {package.name for package in previous.packages} if previous else names
    for name in sorted(names - locked):
        reporter.warn(f"{name} cannot be upgraded: the lock does not hold it")


def _targets_of(lock: Lock) -> Sequence[Target]:
    return lock.provenance.targets if lock.provenance else ()


def _announce(manifest: Manifest, platforms: Sequence[object], reporter: Reporter) -> None:
    count = len(manifest.dependencies) + sum(
        len(requirements) for _, requirements in (*manifest.extras, *manifest.groups)
    )
    reporter.step(
        f"Resolving {count} requirement{'s' * (count != 1)} for "
        + ", ".join(str(platform) for platform in platforms)
    )


def _require_coverage(reached: Sequence[Coverage], *, only_wheels: bool) -> None:
    broken = [c for c in reached if c.problem or (only_wheels and c.sdists)]
    if not broken:
        return
    lines = "".join(
        f"\n  {c.target.environment} on {c.target.platform}: "
        + (c.problem or "no wheel for " + ", ".join(c.sdists))
        for c in broken
    )
    raise InputError(
        f"the resolution does not cover every declared platform:{lines}",
        hint="drop the platform, raise its libc floor (`linux-64-glibc2.31`), or bound the package",
    )


def base_files(manifest: Manifest, options: LockOptions, reporter: Reporter) -> dict[Path, bytes]:
    """Return `mooring.lock` with the base image; nothing where none is declared.

    Raises:
        MooringError: The base image is not found.
    """
    from mooring.lock.formats import mooring_lock  # as for base images in `check_lock`
    from mooring.workflow.bases import lock_bases, read_bases

    path = manifest.root / MOORING_LOCK_NAME
    lock = lock_bases(
        manifest,
        read_bases(path),
        base=options.base,
        upgrade=options.upgrade_base,
        offline=options.offline,
        reporter=reporter,
    )
    if not lock.base_images and not lock.systems:
        return {}
    return {path: mooring_lock.write(lock).encode("utf-8")}


def same_bytes(path: Path, data: bytes) -> bool:
    """Tell whether a file holds exactly this."""
    try:
        return path.read_bytes() == data
    except OSError:
        return False
