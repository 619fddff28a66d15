"""Bases that are assembled from packages: locking them, and whether the lock still holds."""

from __future__ import annotations

from collections.abc import Sequence

from mooring.errors import InputError, MooringError
from mooring.lock.formats.mooring_lock import MooringLock
from mooring.lock.formats.system_lock import SystemLock
from mooring.manifest.model import Manifest
from mooring.manifest.system import SystemBase
from mooring.platforms import Platform
from mooring.reporting import Reporter
from mooring.workflow.targets import image_python


def requested_packages(manifest: Manifest) -> tuple[str, ...]:
    """Return the declared system packages, sorted."""
    return tuple(sorted(manifest.image.system)) if manifest.image else ()


def system_changes(
    manifest: Manifest,
    base: SystemBase,
    held: MooringLock,
    name: str,
    platforms: Sequence[Platform],
) -> list[str]:
    """Say what `mooring.lock` does not hold of a system base.

    Args:
        manifest: What is declared.
        base: The declared base.
        held: The content of the file.
        name: How messages name the file.
        platforms: Those that images are built for.
    """
    requested = requested_packages(manifest)
    missing = [str(platform) for platform in platforms if held.system(base, platform) is None]
    found = []
    if missing:
        found.append(f"{name}: the base {base} is not locked for {', '.join(missing)}")
    others = {
        system.requested
        for platform in platforms
        if (system := held.system(base, platform)) and system.requested != requested
    }
    for locked in sorted(others):
        found += [f"{name}: system packages: added {p!r}" for p in requested if p not in locked]
        found += [f"{name}: system packages: removed {p!r}" for p in locked if p not in requested]
    return found


def lock_systems(
    manifest: Manifest,
    base: SystemBase,
    platforms: Sequence[Platform],
    *,
    previous: MooringLock,
    upgrade: bool,
    offline: bool,
    reporter: Reporter,
) -> MooringLock:
    """Return the lock of a system base for every platform an image can be built for.

    What is locked and still asked for is kept; when other packages are asked for, those that stay
    keep their versions where the archive still has them.

    Raises:
        InputError: A package is unknown, or the release has another Python than the manifest.
        MooringError: There is no apt here, or an archive does not answer.
    """
    requested = requested_packages(manifest)
    systems = []
    for platform in platforms:
        old = previous.system(base, platform)
        if old is not None and not upgrade and old.requested == requested:
            systems.append(old)
            continue
        if offline:
            wanted = "the declared packages" if old is not None and not upgrade else "packages"
            raise MooringError(
                f"{wanted} of the base {base} are not locked for {platform}, and --offline "
                "forbids asking for them",
                hint="run `mooring lock` once with the network, or pass --no-base",
            )
        from mooring.resolve.system.apt import resolve_system  # loads only where it is needed

        new = resolve_system(base, requested, platform, reporter, previous=None if upgrade else old)
        if old is not None:
            _say_moves(old, new, reporter)
        systems.append(new)
    for system in systems:
        _require_python(manifest, system)
    return MooringLock(systems=tuple(systems))


def _say_moves(old: SystemLock, new: SystemLock, reporter: Reporter) -> None:
    before = {package.name: package.version for package in old.packages}
    after = {package.name: package.version for package in new.packages}
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was is None:
            reporter.note(f"{new.platform}: + {name} {now}")
        elif now is None:
            reporter.note(f"{new.platform}: - {name} {was}")
        elif was != now:
            reporter.note(f"{new.platform}: ~ {name} {was} -> {now}")


def _require_python(manifest: Manifest, system: SystemLock) -> None:
    """Raise `InputError` when the image's environment is declared for another Python."""
    from mooring.resolve.system.apt import python_of

    found = python_of(system)
    declared = image_python(manifest)
    if found is None or declared is None or declared.minor == found.minor:
        return
    raise InputError(
        f"{system.base} has Python {found}, and the manifest declares {declared}",
        where=f"{manifest.path or manifest.root}: tool.mooring.image.base",
        hint=f'set python = "{found}", or take a base that has {declared.short}',
    )
