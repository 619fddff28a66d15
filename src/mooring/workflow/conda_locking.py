"""Lock with conda: from the manifest to `conda-lock.yml`, and whether it is still fresh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mooring.errors import AnswerIsNo, InputError
from mooring.files import cache_root, one_writer, read_text, write_files
from mooring.lock.conda import CondaFacts, CondaLock, PypiRow
from mooring.lock.conda_inputs import conda_changes, conda_inputs_document
from mooring.manifest.conda import MAIN, CondaInputs
from mooring.manifest.model import Environment, Manifest
from mooring.reporting import SILENT, Reporter
from mooring.workflow.bases import base_changes
from mooring.workflow.locking import (
    MOORING_LOCK_NAME,
    Freshness,
    LockOptions,
    base_files,
    raise_stale,
    same_bytes,
)

CONDA_LOCK_NAME = "conda-lock.yml"


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaLockResult:
    """What locking did.

    Attributes:
        previous: The lock that was there before, or None.
        written: The files that changed; empty when everything was fresh.
    """

    path: Path
    lock: CondaLock
    previous: CondaLock | None
    written: tuple[Path, ...]


def conda_lock_path(manifest: Manifest) -> Path:
    """Return where the lock of a project with conda packages is."""
    return manifest.root / CONDA_LOCK_NAME


def lock_conda(
    manifest: Manifest, options: LockOptions, reporter: Reporter = SILENT
) -> CondaLockResult:
    """Resolve the manifest and write the lock; nothing is written unless all of it succeeds.

    Raises:
        MooringError: See the resolver; `InputError` for options that do not go with conda.
    """
    inputs = _inputs_of(manifest)
    if options.record_ids:
        raise InputError(
            "record ids are kept for the wheels of a pylock.toml, and this project is locked in "
            f"{CONDA_LOCK_NAME}",
            where="--record-ids",
            hint="leave the option out",
        )
    from mooring.lock.formats import conda_lock  # loads a YAML parser

    with one_writer(manifest.root):
        path = conda_lock_path(manifest)
        previous = None if options.upgrade and _unreadable(path) else read_previous(path)
        _warn_of_unlocked(options.upgrade_packages, previous, reporter)
        lock = _resolve(manifest, inputs, options, previous, reporter)
        if options.only_wheels:
            _require_wheels(lock)
        files: dict[Path, bytes] = {}
        if lock is not previous:
            files[path] = conda_lock.write(lock).encode("utf-8")
        if options.with_base:
            files |= base_files(manifest, options, reporter)
        changed = {p: data for p, data in files.items() if not same_bytes(p, data)}
        if changed:
            write_files(changed)
    return CondaLockResult(path=path, lock=lock, previous=previous, written=tuple(changed))


def check_conda(
    manifest: Manifest, *, base: str | None = None, with_base: bool = True
) -> Freshness:
    """Say whether the lock is fresh, without solving and without the network.

    Args:
        manifest: What is declared.
        base: Base image instead of the manifest's.
        with_base: Whether `mooring.lock` must hold the base image.

    Raises:
        AnswerIsNo: There is no lock.
        InputError: The lock cannot be read.
    """
    path = conda_lock_path(manifest)
    if not path.exists():
        raise AnswerIsNo("there is no lock", where=str(path), hint="run `mooring lock`")
    from mooring.lock.formats import conda_lock  # loads a YAML parser

    recorded = conda_lock.read_facts(read_text(path), str(path))
    if recorded is None:
        raise AnswerIsNo(
            "the lock does not say which inputs it was made from",
            where=str(path),
            hint="it was written by another tool; run `mooring lock` to make one that does",
        )
    found = list(conda_changes(recorded.inputs, conda_inputs_document(manifest), manifest))
    if recorded.edited:
        found.append(f"{path.name}: the packages were edited after the lock was written")
    if with_base:
        found += base_changes(manifest, manifest.root / MOORING_LOCK_NAME, base)
    return Freshness(path=path, changes=tuple(found))


def require_fresh_conda(
    manifest: Manifest, *, base: str | None = None, with_base: bool = False
) -> None:
    """Raise `AnswerIsNo` with the changes when the project's lock is not fresh."""
    raise_stale(check_conda(manifest, base=base, with_base=with_base), base)


def read_previous(path: Path) -> CondaLock | None:
    """Read the lock that is there, or None when there is none.

    Raises:
        InputError: It is there and cannot be read.
    """
    if not path.exists():
        return None
    from mooring.lock.formats import conda_lock  # loads a YAML parser

    return conda_lock.read(read_text(path), str(path))


def categories_of(environment: Environment) -> tuple[str, ...]:
    """Return the categories that an environment installs: `main`, its extras and its groups."""
    return tuple(sorted({MAIN, *environment.extras, *environment.groups}))


def _inputs_of(manifest: Manifest) -> CondaInputs:
    if manifest.conda is None:
        raise InputError("nothing is declared of conda", where=str(manifest.path or manifest.root))
    return manifest.conda


def _unreadable(path: Path) -> bool:
    """Tell whether the lock is broken; `--upgrade` may then start from nothing."""
    try:
        read_previous(path)
    except InputError:
        return True
    return False


def _resolve(
    manifest: Manifest,
    inputs: CondaInputs,
    options: LockOptions,
    previous: CondaLock | None,
    reporter: Reporter,
) -> CondaLock:
    from mooring.lock.formats import conda_lock  # loads a YAML parser

    document = conda_inputs_document(manifest)
    if previous is not None and _is_current(previous, document, options):
        reporter.note("the packages are fresh; nothing to resolve")
        return previous
    from mooring.resolve.conda.interface import CondaResolveRequest
    from mooring.resolve.conda.solver import CondaResolver  # loads the solver, when it is needed

    resolved = CondaResolver().resolve(
        CondaResolveRequest(
            manifest=manifest,
            inputs=inputs,
            platforms=manifest.platforms,
            previous=previous,
            upgrade=options.upgrade,
            upgrade_packages=options.upgrade_packages,
            offline=options.offline,
            exclude_newer=manifest.exclude_newer,
            cache=cache_root() / "conda",
        ),
        reporter,
    )
    facts = CondaFacts(
        inputs=document,
        environments=tuple((each.name, categories_of(each)) for each in manifest.environments),
    )
    lock = replace(resolved, facts=facts)
    return replace(lock, facts=replace(facts, packages_digest=conda_lock.packages_digest(lock)))


def _is_current(previous: CondaLock, document: Mapping[str, object], options: LockOptions) -> bool:
    facts = previous.facts
    return (
        facts is not None
        and not facts.edited
        and not options.upgrade
        and not options.upgrade_packages
        and facts.inputs == document
    )


def _warn_of_unlocked(
    names: frozenset[str], previous: CondaLock | None, reporter: Reporter
) -> None:
    """A name that is not locked has no pin that could move; it may be misspelt."""
    if previous is None:
        return
    locked = {row.package.name for row in previous.conda} | {row.name for row in previous.pypi}
    for name in sorted(names - locked):
        reporter.warn(f"{name} cannot be upgraded: the lock does not hold it")


def _require_wheels(lock: CondaLock) -> None:
    built = [row for row in lock.pypi if not _is_wheel(row)]
    if built:
        lines = "".join(f"\n  {row.name} on {row.platform}" for row in built)
        raise InputError(
            f"these packages of PyPI have no wheel:{lines}",
            hint="drop the platform, bound the package, or take it from conda",
        )


def _is_wheel(row: PypiRow) -> bool:
    return row.url.partition("#")[0].endswith(".whl")
