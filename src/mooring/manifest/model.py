"""The manifest as values: parsed once at the door, then trusted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from mooring.manifest.conda import CondaInputs
from mooring.platforms import Platform, PythonVersion

ResolverName = Literal["uv", "pip-tools"]
Severity = Literal["error", "warning", "info"]
VerifyPreset = Literal["dev", "ci", "prod"]
EngineName = Literal["auto", "oci", "docker"]

DEFAULT_ENVIRONMENT = "default"


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """One declared requirement (PEP 508), with the place that declares it.

    Attributes:
        text: The requirement in normal form: normalised name, sorted extras and specifiers.
        where: `requirements.in:14` or `pyproject.toml: project.dependencies[2]`.
    """

    text: str
    where: str = field(compare=False)

    @property
    def name(self) -> str:
        """The normalised project name (PEP 503)."""
        end = next(
            (i for i, c in enumerate(self.text) if not (c.isalnum() or c in "-_.")),
            len(self.text),
        )
        return self.text[:end]


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """A package index that packages may come from (simple repository API, PEP 503/691).

    Attributes:
        name: How messages, environment variables and locks name it.
        url: As declared; it may hold credentials and must never be printed as it is.
        explicit: Only the packages named in `packages` come from it.
        default: It replaces the default index of the installed client.
        packages: Normalised names of the packages that must come from it.
    """

    name: str
    url: str
    explicit: bool = False
    default: bool = False
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """A named selection out of one lock; `python` None means the manifest's."""

    name: str
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] | None = None
    python: PythonVersion | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSpec:
    """The container image that is declared; names as in the OCI image configuration.

    Attributes:
        engine: The builder; `auto` takes the embedded one where it can make the image.
        system: Names of packages of the distribution, for bases such as `debian:bookworm`.
        bytecode: Whether the embedded builder adds compiled byte code; None means where an
            interpreter of exactly the base's version is at hand.
    """

    base: str | None = None
    template: str = "slim"
    repository: str | None = None
    environment: str = DEFAULT_ENVIRONMENT
    files: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    workdir: str = "/app"
    user: str = "65532:65532"
    ports: tuple[int, ...] = ()
    smoke: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] = ()
    engine: EngineName = "auto"
    bytecode: bool | None = None
    system: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class IgnoreEntry:
    """Findings that are known and accepted; a finding must match all that is given.

    Attributes:
        reason: Why it is accepted.
        rule: Rule id; None for any.
        package: Normalised name; None for any, also for what concerns the whole environment.
        path: Shell pattern for the path relative to the environment's root; None for any.
        expires: The last day on which the entry counts; None when it does not end.
        where: `pyproject.toml: tool.mooring.verify.ignore[0]`.
    """

    reason: str
    rule: str | None = None
    package: str | None = None
    path: str | None = None
    expires: date | None = None
    where: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyPolicy:
    """Which findings fail a verification.

    Attributes:
        preset: `dev` lets extras and editable installs pass, `prod` is strict.
        fail_on: The lowest severity that fails; that of the preset unless it is declared.
    """

    fail_on: Severity = "error"
    allow_extra: tuple[str, ...] = ()
    preset: VerifyPreset = "ci"
    ignore: tuple[IgnoreEntry, ...] = ()

    @property
    def strict(self) -> bool:
        """Whether warnings fail, and what is ignored must have an end."""
        return self.preset == "prod"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """Everything that is declared for one project.

    Attributes:
        root: The project folder, absolute.
        path: The file that holds the Mooring keys; None when the folder has none.
        inputs: Every file that was read, absolute, manifest first.
        requires_python: PEP 440 specifiers of the project; None when it declares none.
        python: The declared interpreter; None when it must be found.
        dependencies, extras, groups: Requirements; groups (PEP 735) are already expanded.
        constraints, overrides: Requirements that bound or replace what others ask for.
        exclude_newer: RFC 3339 date-time; artifacts uploaded later do not exist.
        conda: None when nothing comes from conda: the lock is a `pylock.toml` then, and a
            `conda-lock.yml` otherwise.
    """

    root: Path
    path: Path | None
    inputs: tuple[Path, ...]
    name: str
    version: str | None
    requires_python: str | None
    python: PythonVersion | None
    platforms: tuple[Platform, ...]
    dependencies: tuple[Requirement, ...] = ()
    extras: tuple[tuple[str, tuple[Requirement, ...]], ...] = ()
    groups: tuple[tuple[str, tuple[Requirement, ...]], ...] = ()
    constraints: tuple[Requirement, ...] = ()
    overrides: tuple[Requirement, ...] = ()
    indexes: tuple[Index, ...] = ()
    exclude_newer: str | None = None
    resolver: ResolverName = "uv"
    environments: tuple[Environment, ...] = (Environment(name=DEFAULT_ENVIRONMENT),)
    image: ImageSpec | None = None
    verify: VerifyPolicy = VerifyPolicy()
    conda: CondaInputs | None = None

    def environment(self, name: str) -> Environment | None:
        """Return the environment of that name, or None."""
        return next((e for e in self.environments if e.name == name), None)
