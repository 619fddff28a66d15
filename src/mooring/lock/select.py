"""The lock reduced to one platform, Python and choice of extras and groups."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mooring.errors import InputError, MooringError
from mooring.lock.model import EnvironmentSelection, Lock, Selected, Selection, Target
from mooring.manifest.model import DEFAULT_ENVIRONMENT
from mooring.platforms import Platform, PythonVersion


class SelectError(MooringError):
    """The lock holds nothing usable for that platform and Python."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """What one target would be installed from.

    Attributes:
        wheels: Number of packages that have a fitting wheel.
        sdists: Names of the packages that must be built: sdist, archive, VCS or folder.
        problem: Why nothing can be installed at all; None when it can.
    """

    target: Target
    wheels: int
    sdists: tuple[str, ...] = ()
    problem: str | None = None


def select(
    lock: Lock,
    *,
    platform: Platform,
    python: PythonVersion,
    extras: Collection[str] = (),
    groups: Collection[str] = (),
) -> Selection:
    """Choose one artifact for each package that belongs on a platform (PEP 751, "Installation").

    Args:
        lock: Any lock, of any writer.
        platform: Its markers and wheel tags decide, libc floor included.
        python: An undeclared patch counts as the latest.
        extras: Names of extras, in any spelling.
        groups: Names of dependency groups; the lock's default groups are not added.

    Raises:
        InputError: The lock knows no such extra or group.
        SelectError: A package has nothing usable there, or the lock is not for that platform.
    """
    chosen_extras = _known("extra", extras, lock.extras)
    chosen_groups = _known("dependency group", groups, (*lock.groups, *lock.default_groups))
    packages = _select(lock, platform, python, chosen_extras, chosen_groups)
    return Selection(
        platform=platform,
        python=python,
        extras=chosen_extras,
        groups=chosen_groups,
        packages=tuple(sorted(packages, key=lambda selected: selected.package.name)),
    )


def coverage(lock: Lock, targets: Sequence[Target]) -> tuple[Coverage, ...]:
    """Prove each target by selecting for it; a target that fails has its `problem` said."""
    return tuple(_coverage(lock, target) for target in targets)


def _coverage(lock: Lock, target: Target) -> Coverage:
    environment = lock.environment(target.environment)
    if environment is None and target.environment != DEFAULT_ENVIRONMENT:
        problem = f"the lock records no environment {target.environment!r}"
        return Coverage(target=target, wheels=0, problem=problem)
    if environment is None:
        environment = EnvironmentSelection(name=DEFAULT_ENVIRONMENT, groups=lock.default_groups)
    try:
        selection = select(
            lock,
            platform=target.platform,
            python=target.python,
            extras=environment.extras,
            groups=environment.groups,
        )
    except MooringError as error:
        return Coverage(target=target, wheels=0, problem=error.message)
    sdists = tuple(s.package.name for s in selection.packages if s.artifact.kind != "wheel")
    return Coverage(target=target, wheels=len(selection.packages) - len(sdists), sdists=sdists)


def _select(
    lock: Lock,
    platform: Platform,
    python: PythonVersion,
    extras: Collection[str],
    groups: Collection[str],
) -> Iterator[Selected]:
    # packaging.pylock is not needed by the verbs that never select.
    from packaging.pylock import PylockSelectError

    from mooring.lock.candidates import artifact_named, candidates
    from mooring.lock.unusable import explain, unreadable

    environment = platform.marker_environment(python)
    tags = platform.tags(python)
    try:
        offered = candidates(lock, tags)
        for package, artifact in offered.pylock.select(
            environment=environment,  # type: ignore[arg-type]  # a TypedDict of the same keys
            tags=tags,
            extras=extras,
            dependency_groups=groups,
        ):
            ours = offered.packages[id(package)]
            yield Selected(package=ours, artifact=artifact_named(ours, artifact))
    except PylockSelectError as error:
        try:
            reason = explain(lock, platform, python, extras, groups)
        except (ValueError, KeyError):
            reason = None  # A marker that was not reached before cannot be evaluated.
        raise SelectError(reason or str(error), hint=_HINT) from error
    except (ValueError, KeyError) as error:
        # packaging's errors for markers, specifiers and wheel names that mean nothing.
        raise SelectError(unreadable(lock, platform, python), hint=_REWRITE_HINT) from error


def _known(what: str, asked: Collection[str], known: Collection[str]) -> tuple[str, ...]:
    """Return the asked names in normal form, sorted.

    Raises:
        InputError: One of them is not known.
    """
    if not asked:
        return ()
    from packaging.utils import canonicalize_name  # only a selection with names needs it

    by_name = {canonicalize_name(name): name for name in known}
    for name in asked:
        if canonicalize_name(name) not in by_name:
            names = ", ".join(sorted(known))
            raise InputError(
                f"the lock knows no {what} {name!r}",
                hint=f"it knows {names}" if names else f"it knows no {what} at all",
            )
    return tuple(sorted({by_name[canonicalize_name(name)] for name in asked}))


_HINT = "select another platform or Python, or declare this one and run `mooring lock`"
_REWRITE_HINT = "write the lock again with the tool that made it"
