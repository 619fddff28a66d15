"""Verify containers and images: their files are streamed to us, nothing runs inside."""

from __future__ import annotations

from mooring.build.reading import EngineTarget, find_container, find_image, folder_stream
from mooring.errors import InputError
from mooring.manifest.model import DEFAULT_ENVIRONMENT
from mooring.platforms import Platform
from mooring.verify.collectors.tar import TarCollector
from mooring.workflow.selecting import LockedProject, platforms_of
from mooring.workflow.verifying import Verified, verify_inventory


def verify_container(
    project: LockedProject, name: str, *, environment: str | None = None
) -> Verified:
    """Compare a container, running or stopped, with the lock.

    Raises:
        MooringError: The container is absent, or the engine does not answer (exit code 3).
    """
    return _verify(project, find_container(name), environment)


def verify_image(project: LockedProject, name: str, *, environment: str | None = None) -> Verified:
    """Compare an image of the local engine with the lock.

    Raises:
        MooringError: The image is absent, or the engine does not answer (exit code 3).
    """
    return _verify(project, find_image(name), environment)


def _verify(project: LockedProject, target: EngineTarget, environment: str | None) -> Verified:
    collector = TarCollector(
        lambda: folder_stream(target, target.root),
        kind=target.kind,
        target=target.name,
        root=target.root,
    )
    declared = (
        project.manifest.image.environment if project.manifest and project.manifest.image else None
    )
    return verify_inventory(
        project,
        collector.collect(),
        _platform(project, target),
        environment=environment or target.environment or declared or DEFAULT_ENVIRONMENT,
    )


def _platform(project: LockedProject, target: EngineTarget) -> Platform:
    """Return the locked platform of an image; its libc is not known, so the OCI name decides."""
    known = platforms_of(project)
    for platform in known:
        if platform.oci == target.platform:
            return platform
    if known:
        raise InputError(
            f"the lock is not for {target.platform}",
            where=target.name,
            hint=f"it is for {', '.join(map(str, known))}",
        )
    return Platform.from_oci(target.platform)
