"""The resolver for PyPI packages: `uv lock` on a synthetic project, read back into our own lock."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from mooring.files import read_text
from mooring.lock.model import Lock
from mooring.process import run
from mooring.reporting import Reporter
from mooring.resolve.interface import ResolveError, ResolveRequest
from mooring.resolve.pypi.assemble import assemble
from mooring.resolve.pypi.explain import missing_package, resolution_error
from mooring.resolve.pypi.previous import previous_lock
from mooring.resolve.pypi.requires_python import find_requires_python, telling_wheel
from mooring.resolve.pypi.synthesise import project_name, synthetic_project
from mooring.resolve.pypi.uv_lock import Solution, read_solution
from mooring.resolve.pypi.wheels import without_unusable_wheels
from mooring.resolve.pypi.worlds import python_minors
from mooring.uv import index_arguments, is_offline, readable, uv_binary, uv_environment


class UvResolver:
    """Resolves with uv for all platforms at once."""

    def resolve(self, request: ResolveRequest, reporter: Reporter) -> Lock:
        """Resolve for all platforms, extras and groups; the caller adds the provenance.

        Raises:
            UnsatisfiableError: There is no solution.
            ResolveError: An index is down or closed, or the cache lacks something.
            InputError: The span of Pythons is empty, or a source exists on this machine only.
        """
        with tempfile.TemporaryDirectory(prefix="mooring-lock-") as name:
            folder = Path(name).resolve()
            solution = solve_project(request, folder, reporter)
            lock = assemble(solution, request, folder)
        return _with_requires_python(lock, request, reporter)


def solve_project(request: ResolveRequest, folder: Path, reporter: Reporter) -> Solution:
    """Let uv lock the request's project in an empty folder, and read what it resolved.

    Raises:
        UnsatisfiableError: There is no solution.
        ResolveError: An index is down or closed, or the cache lacks something.
    """
    manifest = request.manifest
    text = synthetic_project(manifest, request.requires_python, request.platforms)
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    if kept := previous_lock(request):
        (folder / "uv.lock").write_text(kept, encoding="utf-8")
    done = run(
        [uv_binary(), *_arguments(request)],
        cwd=folder,
        env=uv_environment(manifest.indexes),
    )
    if not done.ok:
        raise _failure(done.stderr, request, folder)
    for line in readable(done.stderr).splitlines():
        if line.startswith("warning: "):
            reporter.warn(line.removeprefix("warning: "))
    minors = python_minors(request.requires_python)
    lock = without_unusable_wheels(read_text(folder / "uv.lock"), minors)
    return read_solution(lock, project_name(manifest))


def _failure(stderr: str, request: ResolveRequest, folder: Path) -> ResolveError:
    if (name := missing_package(stderr)) and not request.offline:
        # Loaded here only: the HTTP client is heavy and most runs succeed.
        from mooring.resolve.pypi.bound_index import refusal_of_bound_index

        if refusal := refusal_of_bound_index(name, request.manifest):
            return refusal
    return resolution_error(stderr, request, folder)


def _arguments(request: ResolveRequest) -> list[str]:
    # The running interpreter, which the synthetic project allows: none is searched or downloaded.
    arguments = ["lock", "--no-progress", "--no-python-downloads", "--python", sys.executable]
    arguments += index_arguments(request.manifest.indexes)
    if request.manifest.exclude_newer:
        arguments += ["--exclude-newer", request.manifest.exclude_newer]
    if request.offline:
        return [*arguments, "--offline"]
    # The pins are left out already; these make uv ask the index again instead of its cache.
    if request.upgrade:
        arguments.append("--upgrade")
    for name in sorted(request.upgrade_packages):
        arguments += ["--upgrade-package", name]
    return arguments


def _with_requires_python(lock: Lock, request: ResolveRequest, reporter: Reporter) -> Lock:
    found = find_requires_python(
        lock.packages,
        previous=request.previous,
        indexes=request.manifest.indexes,
        offline=request.offline or is_offline(),
        reporter=reporter,
    )
    packages = []
    for package in lock.packages:
        wheel = telling_wheel(package)
        value = found.get(wheel.sha256 or "") if wheel else None
        packages.append(replace(package, requires_python=value) if value else package)
    return replace(lock, packages=tuple(packages))
