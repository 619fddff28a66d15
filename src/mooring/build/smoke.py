"""The first run of a fresh image: its interpreter, its dependencies, and the declared command."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mooring.build.daemon import EngineError, RunResult
from mooring.build.interface import SmokeResult
from mooring.build.reading import ROOT_LABEL
from mooring.oci.model import LocalImage
from mooring.platforms import PythonVersion
from mooring.urls import redact

_CONTAINER_LABELS = {"dev.mooring.smoke": "1"}
_SHOWN_LINES = 15
_WRONG_MACHINE = "exec format error"


class SmokeError(EngineError):
    """The image was built and does not work (exit code 3)."""


class CannotRunHere(EngineError):
    """The image is for another machine, and this engine does not emulate it."""


class Containers(Protocol):
    """Runs one command in a fresh container."""

    def run(
        self, image: str, command: Sequence[str], *, timeout: float, labels: Mapping[str, str]
    ) -> RunResult:
        """Return what the command said; see `mooring.build.daemon.Daemon.run`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SmokeTest:
    """What is tried in a fresh image before it gets its tag.

    Attributes:
        command: Program and arguments that must end with 0; empty for none.
        overridden: Normalised names of packages that may break what others require of them.
        timeout: Seconds for each of the two runs.
    """

    command: tuple[str, ...] = ()
    overridden: frozenset[str] = frozenset()
    timeout: float = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """What the interpreter in an image says about itself.

    Attributes:
        environment: The variables of PEP 508.
        distributions: Name as written to (version, Requires-Dist lines, Requires-Python).
    """

    environment: Mapping[str, str]
    distributions: Mapping[str, tuple[str, tuple[str, ...], str | None]]


def smoke_test(
    image: LocalImage, test: SmokeTest, python: PythonVersion, *, containers: Containers
) -> SmokeResult:
    """Run an image for the first time: no network, nothing writable, as its own user.

    Args:
        image: The fresh image.
        test: What to try.
        python: The version that the environment was selected for.
        containers: The engine.

    Raises:
        SmokeError: The interpreter is absent or another one, dependencies do not fit together,
            or the declared command fails.
        CannotRunHere: The image is for another machine.
    """
    from mooring.build import in_image  # what it imports is for the image; only a build gets here

    root = dict(image.labels).get(ROOT_LABEL)
    interpreter = f"{root.rstrip('/')}/bin/python" if root else "python"
    script = Path(in_image.__file__).read_text(encoding="utf-8")
    ended = _run(image, [interpreter, "-I", "-B", "-c", script], test, containers)
    if ended.code != 0:
        raise _failed(f"its interpreter {interpreter} does not run", ended, test)
    installed = parse_report(ended.stdout)
    version = installed.environment.get("python_full_version", "")
    wanted = python.short if python.patch is None else str(python)
    if not f"{version}.".startswith(f"{wanted}."):
        raise SmokeError(
            f"the image has Python {version}, the environment was locked for {wanted}",
            hint="declare the base image's Python in `python`, or choose another base image",
        )
    problems, notes = dependency_problems(installed, test.overridden)
    if problems:
        raise SmokeError(
            "the packages in the image do not fit together:\n"
            + "\n".join(f"  {problem}" for problem in problems),
            hint="name packages that are meant to differ in the manifest's `overrides`",
        )
    if test.command:
        ended = _run(image, test.command, test, containers)
        if ended.code != 0:
            raise _failed(f"the smoke command {json.dumps(test.command)} failed", ended, test)
    return SmokeResult(
        python=version,
        distributions=len(installed.distributions),
        command=test.command,
        notes=notes,
    )


def parse_report(output: str) -> Installed:
    """Read what `in_image` printed; start-up files of the image may have printed around it.

    Raises:
        SmokeError: The report is not there or not what it must be.
    """
    from mooring.build import in_image

    lines = [line for line in output.splitlines() if line.startswith(in_image.MARK)]
    try:
        document = json.loads(lines[-1].removeprefix(in_image.MARK))
        return Installed(
            environment={str(k): str(v) for k, v in document["environment"].items()},
            distributions={
                str(name): (
                    str(found["version"]),
                    tuple(str(line) for line in found["requires"]),
                    None if found["requires-python"] is None else str(found["requires-python"]),
                )
                for name, found in document["distributions"].items()
            },
        )
    except (IndexError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SmokeError("the image's interpreter did not say what is installed") from error


def dependency_problems(
    installed: Installed, overridden: frozenset[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Check that every requirement of every distribution is met, as `pip check` does.

    Extras that one distribution asks of another are followed, which `pip check` leaves out.

    Args:
        installed: What is there.
        overridden: Normalised names that may break what others require of them.

    Returns:
        The problems and the notes, each sorted.
    """
    from packaging.utils import canonicalize_name  # only a real build gets here

    check = _Check(installed.environment, overridden)
    for name, (version, _, _) in installed.distributions.items():
        check.versions[canonicalize_name(name)] = version
        check.asked.add((canonicalize_name(name), ""))
    # Extras are asked for while requirements are read, so it goes on until none is new.
    done: set[tuple[str, str]] = set()
    while pending := sorted(check.asked - done):
        done.update(pending)
        for name, (_, requires, _) in installed.distributions.items():
            key = canonicalize_name(name)
            extras = [extra for asked, extra in pending if asked == key]
            for line in requires if extras else ():
                check.requirement(name, line, extras)
    for name, (_, _, requires_python) in installed.distributions.items():
        check.python(name, requires_python)
    return tuple(sorted(check.problems)), tuple(sorted(check.notes))


class _Check:
    """One pass over the requirements of everything installed."""

    def __init__(self, environment: Mapping[str, str], overridden: frozenset[str]) -> None:
        self._environment = dict(environment)
        self._overridden = overridden
        self.versions: dict[str, str] = {}
        self.asked: set[tuple[str, str]] = set()
        self.problems: set[str] = set()
        self.notes: set[str] = set()

    def requirement(self, owner: str, line: str, extras: Sequence[str]) -> None:
        from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
        from packaging.requirements import InvalidRequirement, Requirement
        from packaging.utils import canonicalize_name

        try:
            wanted = Requirement(line)
            if wanted.marker and not any(
                wanted.marker.evaluate({**self._environment, "extra": extra}) for extra in extras
            ):
                return
        except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
            self.notes.add(f"{owner} has a requirement that cannot be read: {line[:200]}")
            return
        name = canonicalize_name(wanted.name)
        self.asked.update((name, canonicalize_name(extra)) for extra in wanted.extras)
        version = self.versions.get(name)
        if name in self._overridden:
            return
        if version is None:
            self.problems.add(f"{owner} needs {wanted.name}, which is not installed")
        elif not wanted.specifier.contains(version, prereleases=True):
            self.problems.add(
                f"{owner} needs {wanted.name}{wanted.specifier}, and {version} is installed"
            )

    def python(self, owner: str, requires_python: str | None) -> None:
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        if not requires_python:
            return
        version = self._environment.get("python_full_version", "")
        try:
            fits = SpecifierSet(requires_python).contains(version, prereleases=True)
        except InvalidSpecifier:
            self.notes.add(f"{owner} has a Requires-Python that cannot be read")
            return
        if not fits:
            self.problems.add(f"{owner} needs Python {requires_python}, the image has {version}")


def _run(
    image: LocalImage, command: Sequence[str], test: SmokeTest, containers: Containers
) -> RunResult:
    try:
        ended = containers.run(
            image.image_id, command, timeout=test.timeout, labels=_CONTAINER_LABELS
        )
    except EngineError as error:
        if _WRONG_MACHINE in str(error):
            raise CannotRunHere(f"this engine cannot run {image.platform}") from error
        raise SmokeError(
            f"the image was built, but {json.dumps(list(command[:1]))} cannot be started in it: "
            f"{error.message}"
        ) from error
    if ended.code and _WRONG_MACHINE in ended.stderr:
        raise CannotRunHere(f"this engine cannot run {image.platform}")
    return ended


def _failed(what: str, ended: RunResult, test: SmokeTest) -> SmokeError:
    how = f"no end after {test.timeout:.0f} s" if ended.code is None else f"exit code {ended.code}"
    said = (ended.stdout + ended.stderr).splitlines()[-_SHOWN_LINES:]
    tail = "".join(f"\n  {redact(line)}" for line in said if line.strip())
    return SmokeError(
        f"the image was built, but {what} ({how}){tail}",
        hint="the image got no tag; it runs without network and with nothing writable but /tmp",
    )
