"""The resolver that runs pip-compile.

All requirements are compiled in one run, so that one version fits every extra and group; which of
them needs a package is read back from pip-compile's annotations. Those do not say which extra of a
dependency brought something in: it counts as needed wherever that dependency is.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from mooring.files import read_text
from mooring.lock.model import Lock
from mooring.manifest.model import Index, Manifest
from mooring.process import run
from mooring.reporting import Reporter
from mooring.resolve.interface import ResolveError, ResolveRequest, UnsatisfiableError
from mooring.resolve.pip_tools.files import find_files, why_nothing_was_found
from mooring.resolve.pip_tools.inputs import (
    CONSTRAINTS,
    OUTPUT,
    every_requirement,
    inputs,
    refuse_what_it_cannot_do,
    write_inputs,
)
from mooring.resolve.pip_tools.pins import read_pins, solution_of
from mooring.resolve.pypi.assemble import assemble
from mooring.resolve.pypi.synthesise import normal_name
from mooring.urls import redact, strip_credentials
from mooring.uv import index_credentials, origin

_INDEXES = re.compile(r"^Using indexes:\n((?:  \S+\n)+)", re.MULTILINE)
_NOTHING = re.compile(r"satisfies the requirement (\S+)[^\n]*\(from versions: none\)")
_NO_SOLUTION = ("ResolutionImpossible", "No matching distribution found")
_OPTIONS = (
    "--verbose",  # it names the indexes
    "--no-config",
    "--no-header",
    "--no-emit-options",
    "--no-emit-index-url",  # it would be written with its password
    "--no-emit-trusted-host",
    "--no-emit-find-links",
    "--annotation-style=line",
    "--strip-extras",
    "--allow-unsafe",
)


class PipToolsResolver:
    """Resolves with `pip-compile`; only what this machine runs is locked."""

    def resolve(self, request: ResolveRequest, reporter: Reporter) -> Lock:
        """Resolve for this machine; the caller adds the provenance.

        Raises:
            UnsatisfiableError: There is no solution.
            InputError: The manifest asks for what pip-tools cannot do.
            ResolveError: pip-tools is not installed, or an index is down or closed.
        """
        refuse_what_it_cannot_do(request)
        narrowed = replace(request, requires_python=f"==3.{sys.version_info.minor}.*")
        if narrowed.requires_python != request.requires_python:
            reporter.note(f"pip-tools resolves for Python {narrowed.requires_python} only")
        indexes = _with_those_of_pip(request.manifest.indexes)
        with tempfile.TemporaryDirectory(prefix="mooring-lock-") as name:
            folder = Path(name).resolve()
            write_inputs(folder, request)
            urls = _compile(folder, request, indexes)
            pins = read_pins(read_text(folder / OUTPUT))
            versions = {pin.name: pin.version for pin in pins}
            found = find_files(versions, urls, indexes, request.platforms)
            packages = {name: files.package for name, files in found.items()}
            lock = assemble(solution_of(request.manifest, pins, packages), narrowed, folder)
        listed = (
            replace(package, requires_python=found[package.name].requires_python)
            for package in lock.packages
        )
        return replace(lock, packages=tuple(listed))


def _compile(folder: Path, request: ResolveRequest, indexes: Sequence[Index]) -> list[str]:
    """Run pip-compile and return the URLs of the indexes that pip asked, without credentials."""
    if importlib.util.find_spec("piptools") is None:
        raise ResolveError("pip-tools is not installed", hint="pip install 'mooring[pip-tools]'")
    argv = [sys.executable, "-m", "piptools", "compile", *_OPTIONS]
    argv += ["--constraint", CONSTRAINTS, "--output-file", OUTPUT]
    if request.manifest.exclude_newer:
        argv += ["--uploaded-prior-to", request.manifest.exclude_newer]
    if request.upgrade:
        argv.append("--upgrade")
    for name in sorted(request.upgrade_packages):
        argv += ["--upgrade-package", name]
    manifest = request.manifest
    done = run([*argv, *inputs(manifest)], cwd=folder, env=_environment(manifest.indexes))
    said = done.stderr.replace("\r\n", "\n")
    asked = _INDEXES.search(said)
    urls = [strip_credentials(url) for url in asked[1].split()] if asked else []
    if not done.ok:
        raise _failure(said, urls, manifest, indexes)
    return urls


def _failure(
    said: str, urls: Sequence[str], manifest: Manifest, indexes: Sequence[Index]
) -> ResolveError:
    if nothing := _NOTHING.search(said):
        name = normal_name(re.split(r"[<>=!~;\[]", nothing[1])[0])
        places = (r.where for r in every_requirement(manifest) if r.name == name)
        return why_nothing_was_found(name, urls, indexes, next(places, None))
    lines = [redact(line.strip()) for line in said.splitlines() if line.strip()]
    reasons = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    if any(words in said for words in _NO_SOLUTION):
        explanation = "".join(f"\n  {reason}" for reason in reasons)
        return UnsatisfiableError(f"the requirements have no solution:{explanation}")
    reason = (reasons or lines[-1:] or ["it gave no reason"])[0]
    return ResolveError(f"pip-compile failed: {reason}")


def _environment(indexes: Sequence[Index]) -> dict[str, str]:
    """Return pip's environment: its own settings, and the declared indexes with credentials."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PIP_TOOLS_")}
    env |= {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pairs = index_credentials(indexes)
    further = []
    for index in indexes:
        parts = urlsplit(strip_credentials(index.url))
        if pair := pairs.get(origin(index.url)):
            user, password = (quote(part, safe="") for part in pair)
            parts = parts._replace(netloc=f"{user}:{password}@{parts.netloc}")
        if index.default:
            env["PIP_INDEX_URL"] = urlunsplit(parts)
        else:
            further.append(urlunsplit(parts))
    if further:
        env["PIP_EXTRA_INDEX_URL"] = " ".join(further)
    return env


def _with_those_of_pip(indexes: Sequence[Index]) -> list[Index]:
    """Return the declared indexes and those of pip's variables, which may hold passwords."""
    words = " ".join(os.environ.get(f"PIP_{n}", "") for n in ("INDEX_URL", "EXTRA_INDEX_URL"))
    return [*indexes, *(Index(name=f"pip-{i}", url=url) for i, url in enumerate(words.split()))]
