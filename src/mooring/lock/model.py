"""The lock as values, the same whatever file format it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mooring.platforms import Platform, PythonVersion

ArtifactKind = Literal["wheel", "sdist", "archive", "vcs", "directory"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """One thing that can be installed: wheel, sdist, archive by URL, VCS commit or folder.

    Attributes:
        name: File name of a wheel, sdist or archive; empty for VCS and directory.
        url: Where it is fetched from, without credentials; None for a local `path`.
        path: Path relative to the lock file, with `/`.
        hashes: (algorithm, lower-case hex) pairs, sorted; empty for VCS and directory.
        size: Bytes, when known.
        upload_time: RFC 3339 UTC, to the second, when known.
        commit: Full commit id of a VCS source (PEP 751 `commit-id`).
        vcs: `git` and the like, for a VCS source.
        requested_revision, subdirectory: As PEP 751 has them.
        editable: For a directory source.
    """

    kind: ArtifactKind
    name: str = ""
    url: str | None = None
    path: str | None = None
    hashes: tuple[tuple[str, str], ...] = ()
    size: int | None = None
    upload_time: str | None = None
    vcs: str | None = None
    commit: str | None = None
    requested_revision: str | None = None
    subdirectory: str | None = None
    editable: bool = False

    @property
    def sha256(self) -> str | None:
        """The SHA-256 in lower-case hex, or None where the lock holds none."""
        return dict(self.hashes).get("sha256")


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Dependency:
    """An edge to another package of the same lock; `version` only where the name is not unique."""

    name: str
    version: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One locked package (PEP 751 `[[packages]]`).

    Attributes:
        name: Normalised name (PEP 503).
        version: PEP 440, None only for a directory or VCS source without a fixed one.
        marker: When it is installed, over platform, `extras` and `dependency_groups`.
        index: Base URL of the index it came from, without credentials.
        dependencies: Direct dependencies inside this lock, sorted.
        wheels, sdist, direct: What can be installed; `direct` excludes the other two.
        record_ids: (wheel file name, record id) pairs, sorted.
    """

    name: str
    version: str | None = None
    marker: str | None = None
    requires_python: str | None = None
    index: str | None = None
    dependencies: tuple[Dependency, ...] = ()
    wheels: tuple[Artifact, ...] = ()
    sdist: Artifact | None = None
    direct: Artifact | None = None
    record_ids: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One environment on one platform that the lock was proved for."""

    environment: str
    platform: Platform
    python: PythonVersion


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentSelection:
    """Which extras and groups a named environment selects."""

    name: str
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """What Mooring itself says about a lock: disposable facts under `[tool.mooring]`.

    Attributes:
        inputs: The normalised declared inputs (schema-numbered document, see `lock.inputs`).
        environments: Named selections, `default` first.
        targets: What was proved at lock time.
        packages_digest: Digest of the packages as written; another value means a later edit.
        edited: The packages or inputs are not those that the digests were taken of; only set by
            a reader that compared them.
    """

    inputs: Mapping[str, object] = field(hash=False)
    environments: tuple[EnvironmentSelection, ...]
    targets: tuple[Target, ...]
    packages_digest: str | None = None
    edited: bool = field(default=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """What was resolved for all platforms, extras and groups.

    Attributes:
        environments: PEP 508 markers, one a platform; at least one must hold where it is used.
        extras, groups: Names that a selection may ask for, sorted.
        default_groups: Groups that are meant when none is named.
        provenance: None when another tool wrote the lock.
    """

    created_by: str
    requires_python: str | None = None
    environments: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    default_groups: tuple[str, ...] = ()
    packages: tuple[Package, ...] = ()
    provenance: Provenance | None = None

    def environment(self, name: str) -> EnvironmentSelection | None:
        """Return the named environment recorded in the lock, or None."""
        known = self.provenance.environments if self.provenance else ()
        return next((e for e in known if e.name == name), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Selected:
    """One package of a selection with the artifact chosen for its platform."""

    package: Package
    artifact: Artifact


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The lock reduced to one platform, Python and set of extras and groups, sorted by name.

    Attributes:
        environment: Name of the environment that was selected, for messages only.
    """

    platform: Platform
    python: PythonVersion
    extras: tuple[str, ...]
    groups: tuple[str, ...]
    packages: tuple[Selected, ...]
    environment: str | None = field(default=None, compare=False)
