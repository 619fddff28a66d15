"""The resolver for conda packages on all platforms, with the PyPI packages beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from mooring.errors import InputError
from mooring.lock.conda import CondaLock, CondaPackage, CondaRow
from mooring.manifest.conda import MAIN, CondaRequirement
from mooring.platforms import Platform
from mooring.reporting import Reporter
from mooring.resolve.conda.addresses import Address, addresses, with_addresses
from mooring.resolve.conda.content import content_hashes
from mooring.resolve.conda.explain import channel_error, missing_error, unsatisfiable_error
from mooring.resolve.conda.interface import (
    CondaResolveRequest,
    CondaSolver,
    Failed,
    Pin,
    Solved,
    SolveProblem,
)
from mooring.resolve.conda.names import CondaNames
from mooring.resolve.conda.pypi_part import PypiPart, declares_pypi, resolve_pypi
from mooring.resolve.conda.rattler_solver import RattlerSolver, SolverOptions, check_pins
from mooring.resolve.conda.reachability import categories
from mooring.resolve.conda.records import package_of
from mooring.resolve.conda.reporters import Once
from mooring.resolve.conda.virtual import virtual_packages
from mooring.uv import uv_binary

_DATE_HINT = "write it like 2026-01-31T00:00:00Z"
_Packages = dict[str, CondaPackage]

MakeSolver = Callable[[Sequence[Address], SolverOptions], CondaSolver]
ResolvePypi = Callable[
    [CondaResolveRequest, Platform, Mapping[str, CondaPackage], CondaNames, Reporter], PypiPart
]


class CondaResolver:
    """Resolves with rattler for all platforms at once, then with uv for each.

    Args:
        make_solver: Makes the solver of conda packages.
        pypi: Resolves the PyPI part of one platform.
    """

    def __init__(
        self, make_solver: MakeSolver = RattlerSolver, pypi: ResolvePypi = resolve_pypi
    ) -> None:
        self._make_solver = make_solver
        self._pypi = pypi

    def resolve(self, request: CondaResolveRequest, reporter: Reporter) -> CondaLock:
        """Resolve for all platforms and categories; the caller adds the facts.

        Raises:
            UnsatisfiableError: There is no solution, or a name does not exist.
            ResolveError: A channel or an index is down, closed or damaged.
            InputError: What is declared cannot be asked for.
        """
        inputs = request.inputs
        _refuse_twins(request.platforms)
        channels = addresses(inputs.channels, os.environ)
        platforms = tuple(sorted(request.platforms))
        virtual = {p: virtual_packages(p, inputs.virtual_packages) for p in platforms}
        requirements = (*inputs.requirements, *_python_requirement(request))
        solver = self._make_solver(channels, _options(request))
        asked = {p: _asked(requirements, p) for p in platforms}
        reporter.step(
            f"Solving {len(requirements)} conda requirement{'s' * (len(requirements) != 1)} for "
            + ", ".join(str(platform) for platform in platforms)
        )
        problems = [
            SolveProblem(
                subdir=p.subdir,
                specs=tuple(dict.fromkeys(with_addresses(r.text, channels) for r in asked[p])),
                virtual_packages=virtual[p],
                pins=_pins(request, p),
            )
            for p in platforms
        ]
        answers = dict(zip(platforms, solver.solve(problems)))
        _raise_failures(answers, asked, solver, channels, request)
        packages = {p: _packages(answer) for p, answer in answers.items()}
        _warn_of_changed_files(packages, request.previous, reporter)
        parts = self._pypi_parts(request, packages, reporter)
        return CondaLock(
            channels=tuple(address.base for address in channels),
            platforms=platforms,
            conda=tuple(_rows(packages, asked, parts)),
            pypi=tuple(
                sorted(
                    (row for part in parts.values() for row in part.rows),
                    key=lambda row: (row.name, row.platform),
                )
            ),
            virtual_packages={str(p): listed for p, listed in virtual.items()},
            content_hashes=content_hashes(
                [address.base for address in channels],
                {p.subdir: (problem.specs, virtual[p]) for p, problem in zip(platforms, problems)},
            ),
            sources=_sources(request),
        )

    def _pypi_parts(
        self,
        request: CondaResolveRequest,
        packages: Mapping[Platform, _Packages],
        reporter: Reporter,
    ) -> dict[Platform, PypiPart]:
        if not declares_pypi(request.manifest):
            return {platform: PypiPart() for platform in packages}
        names = CondaNames.load(request.names)
        reporter.step("Resolving PyPI packages beside conda's")
        kept = Once(reporter)
        # Finding uv asks `sysconfig`, whose first answer on several threads at once may be wrong.
        uv_binary()
        with ThreadPoolExecutor(len(packages)) as pool:
            futures = {
                platform: pool.submit(self._pypi, request, platform, listed, names, kept)
                for platform, listed in packages.items()
            }
        # All have ended: the first platform's error is told, in the same order every time.
        parts = {platform: future.result() for platform, future in futures.items()}
        for platform, part in parts.items():
            if part.built:
                kept.warn(f"{platform.subdir} has no wheel for " + ", ".join(part.built))
        kept.tell()
        return parts


def _options(request: CondaResolveRequest) -> SolverOptions:
    return SolverOptions(
        cache=request.cache,
        priority=request.inputs.priority,
        cutoff=_cutoff(request.exclude_newer or request.manifest.exclude_newer),
        offline=request.offline,
    )


def _cutoff(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a date-time", hint="write 2026-01-31T00:00:00Z"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _refuse_twins(platforms: Sequence[Platform]) -> None:
    seen: dict[str, Platform] = {}
    for platform in platforms:
        other = seen.setdefault(platform.subdir, platform)
        if other != platform:
            raise InputError(
                f"conda has one {platform.subdir}, and {other} and {platform} are declared",
                hint="declare the older of the two",
            )


def _python_requirement(request: CondaResolveRequest) -> tuple[CondaRequirement, ...]:
    """Return the Python that the manifest asks for, where the conda part does not name one."""
    manifest = request.manifest
    named = any(r.name == "python" and r.platforms is None for r in request.inputs.requirements)
    if manifest.python is not None:
        fixed = manifest.python.patch is not None
        text = f"python {manifest.python}" if fixed else f"python {manifest.python}.*"
        return (CondaRequirement(text=text, name="python", where="the declared `python`"),)
    if named or not declares_pypi(manifest):
        return ()
    span = (manifest.requires_python or "").replace(" ", "")
    text = f"python {span}".strip()
    return (CondaRequirement(text=text, name="python", where="requires-python"),)


def _asked(
    requirements: Sequence[CondaRequirement], platform: Platform
) -> tuple[CondaRequirement, ...]:
    return tuple(r for r in requirements if r.platforms is None or platform.subdir in r.platforms)


def _pins(request: CondaResolveRequest, platform: Platform) -> tuple[Pin, ...]:
    if request.upgrade or request.previous is None:
        return ()
    return check_pins(
        [
            Pin(name=p.name, version=p.version, build=p.build, url=p.url)
            for row in request.previous.conda
            if (p := row.package).name not in request.upgrade_packages
            and row.platform.subdir == platform.subdir
        ]
    )


def _raise_failures(
    answers: Mapping[Platform, Solved | Failed],
    asked: Mapping[Platform, Sequence[CondaRequirement]],
    solver: CondaSolver,
    channels: Sequence[Address],
    request: CondaResolveRequest,
) -> None:
    failed = {p: answer for p, answer in answers.items() if isinstance(answer, Failed)}
    for failure in failed.values():
        if failure.kind == "channel":
            raise channel_error(failure)
    if not failed:
        return
    known = {platform: solver.names(platform.subdir) for platform in failed}
    missing: dict[CondaRequirement, list[Platform]] = {}
    for platform in failed:
        for requirement in asked[platform]:
            if requirement.name not in known[platform]:
                missing.setdefault(requirement, []).append(platform)
    if missing:
        raise missing_error(
            missing,
            frozenset().union(*known.values()),
            CondaNames.load(request.names).conda_names(),
            [address.label for address in channels],
        )
    raise unsatisfiable_error(
        [(platform, failure.text) for platform, failure in failed.items()],
        tuple(dict.fromkeys(r for platform in failed for r in asked[platform])),
    )


def _packages(answer: Solved | Failed) -> _Packages:
    assert isinstance(answer, Solved)
    found = [package_of(record) for record in answer.records]
    return {package.name: package for package in sorted(found, key=lambda p: p.name)}


def _rows(
    packages: Mapping[Platform, _Packages],
    asked: Mapping[Platform, Sequence[CondaRequirement]],
    parts: Mapping[Platform, PypiPart],
) -> list[CondaRow]:
    rows = []
    for platform, listed in packages.items():
        roots: dict[str, set[str]] = {MAIN: set()}
        for requirement in asked[platform]:
            roots.setdefault(requirement.category, set()).add(requirement.name)
        for category, names in parts[platform].needs.items():
            roots.setdefault(category, set()).update(names)
        if parts[platform].rows:
            roots[MAIN].add("python")
        found = categories(listed, roots)
        rows += [
            CondaRow(package=package, platform=platform, categories=found[name])
            for name, package in listed.items()
        ]
    return sorted(rows, key=lambda row: (row.package.name, row.platform))


def _warn_of_changed_files(
    packages: Mapping[Platform, _Packages], previous: CondaLock | None, reporter: Reporter
) -> None:
    """The same name with other bytes is what a lock is there to find."""
    if previous is None:
        return
    known = {row.package.url: row.package.sha256 for row in previous.conda}
    now = {p.url: p for listed in packages.values() for p in listed.values()}
    for url, package in sorted(now.items()):
        if known.get(url) not in (None, package.sha256):
            reporter.warn(
                f"the channel serves other bytes as {package.file_name} than the lock has: "
                f"{known[url]} became {package.sha256}"
            )


def _sources(request: CondaResolveRequest) -> tuple[str, ...]:
    root = request.manifest.root
    return tuple(_relative(path, root) for path in request.manifest.inputs)


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
