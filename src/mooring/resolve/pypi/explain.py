"""uv's failures in our words: what has no solution, and what could not be found out."""

from __future__ import annotations

import re
from pathlib import Path

from mooring.manifest.model import Requirement
from mooring.resolve.interface import ResolveError, ResolveRequest, UnsatisfiableError
from mooring.resolve.pypi.synthesise import (
    BOUND_GROUP,
    FALLBACK_NAME,
    all_requirements,
    project_name,
    span_marker,
    widened,
)
from mooring.uv import Failure, explain_failure, readable

_NO_SOLUTION = "No solution found when resolving"
_SPLIT = re.compile(r" for split \(markers: ([^)]*(?:\([^)]*\)[^)]*)*)\)")
_NOT_FOUND = re.compile(r"(?:Because|because|and) (\S+) was not found in the package registry")
_BUILD = re.compile(r"Failed to (?:download and )?build `([^`]+)`")
_MISSING_URL = re.compile(r"Failed to download `(\S+) @ [^`]*`.*\(404 Not Found\)", re.DOTALL)
_PYTHON_ATOM = re.compile(r"python_(?:full_)?version (\S+) '([^']+)'")
_ERROR = re.compile(r"\A(?:.*\n)*?error: ")  # what comes before it is progress
_NOISE = ("While the active Python version is", "You can use `--")
_MOST_PLACES = 8


def resolution_error(stderr: str, request: ResolveRequest, folder: Path) -> ResolveError:
    """Return the error that a failed `uv lock` means.

    Args:
        stderr: What uv printed.
        request: What was asked for.
        folder: Where uv ran; it is not named in the message.
    """
    text = readable(stderr, {f"{folder}/": "", str(folder): "the project"})
    text = _in_our_names(_ERROR.sub("error: ", text, count=1), request)
    body, hints = _paragraphs(text)
    failure = explain_failure(text, request.manifest.indexes)
    if found := _BUILD.search(text):
        return _not_built(found[1], body, failure)
    if _NO_SOLUTION in text:
        if failure is not None and failure.kind in ("credentials", "offline"):
            return ResolveError(failure.message, hint=failure.hint)
        return _unsatisfiable(body, hints, request)
    if found := _MISSING_URL.search(text):
        where = _places(request, {found[1]})
        return UnsatisfiableError(
            f"there is no file at the URL of {found[1]}", where=where[0] if where else None
        )
    if failure is not None:
        return ResolveError(failure.message, hint=failure.hint)
    reason = body.removeprefix("error: ") or "it gave no reason"
    return ResolveError(f"uv could not resolve the requirements: {reason}")


def missing_package(stderr: str) -> str | None:
    """Return the name of the package that uv found in no index, when that is why it failed."""
    found = _NOT_FOUND.search(stderr) if not _BUILD.search(stderr) else None
    return found[1] if found else None


def _unsatisfiable(body: str, hints: str, request: ResolveRequest) -> UnsatisfiableError:
    where_it_failed = _split_words(body, request)
    explanation = re.sub(r"^\s*cause: ", "", body.partition("\n")[2], flags=re.MULTILINE)
    explanation = "\n".join(
        f"  {line.strip()}" for line in explanation.splitlines() if line.strip()
    )
    if found := _NOT_FOUND.search(body):
        name = found[1]
        places = _places(request, {name})
        return UnsatisfiableError(
            f"the package {name!r} does not exist in the index"
            + ("" if places else f"; it is needed by others:\n{explanation}"),
            where=places[0] if places else None,
            hint="check the spelling, or declare the index that serves it",
        )
    mentioned = set(re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", explanation))
    declared = "".join(
        f"\n  {requirement.where}: {requirement.text}"
        for requirement in _declared(request, mentioned)[:_MOST_PLACES]
    )
    return UnsatisfiableError(
        f"the requirements have no solution{where_it_failed}:\n{explanation}"
        + (f"\nDeclared here:{declared}" if declared else ""),
        hint=hints or None,
    )


def _not_built(what: str, body: str, failure: Failure | None) -> ResolveError:
    causes = "\n".join(f"  {line.strip()}" for line in body.splitlines()[1:] if line.strip())
    return ResolveError(
        f"{what} publishes no static metadata, and its source distribution cannot be built to "
        f"read them:\n{causes}",
        hint=failure.hint if failure else "choose a version that publishes wheels",
    )


def _in_our_names(text: str, request: ResolveRequest) -> str:
    """Replace what only the synthetic project is called."""
    wide = widened(request.requires_python)
    text = text.replace(f"Python version ({wide})", f"Python version ({request.requires_python})")
    text = text.replace(f"`requires-python` value ({wide})", "`requires-python` value")
    own = re.escape(project_name(request.manifest))
    text = re.sub(rf"(?<![\w.-]){own}:{BOUND_GROUP}", "the packages bound to an index", text)
    text = re.sub(rf"(?<![\w.-]){own}:([a-z0-9-]+)", r"the group \1", text)
    text = re.sub(rf"(?<![\w.-]){own}\[([a-z0-9-]+)\]", r"the extra \1", text)
    for platform in request.platforms:
        atoms = "".join(rf"(?=[^`]*{re.escape(a)})" for a in platform.marker.split(" and "))
        text = re.sub(rf"`{atoms}[^`]*`-compatible", f"{platform.subdir}-compatible", text)
    return text.replace(FALLBACK_NAME, "your project")


def _paragraphs(text: str) -> tuple[str, str]:
    """Return (the error with its causes, the hints that make sense here)."""
    body, *rest = text.split("\n\nhint: ")
    hints = [" ".join(hint.split()) for hint in rest if not hint.startswith(_NOISE)]
    return body.strip(), " ".join(hints)


def _split_words(body: str, request: ResolveRequest) -> str:
    """Say for which platform and Pythons uv gave up: ` on win-64 with Python <3.13`."""
    found = _SPLIT.search(body.partition("\n")[0])
    if found is None:
        return ""
    words = ""
    for platform in request.platforms:
        if all(atom in found[1] for atom in platform.marker.split(" and ")):
            words = f" on {platform.subdir}"
            break
    atoms = _PYTHON_ATOM.findall(found[1])
    span = _PYTHON_ATOM.findall(span_marker(request.requires_python) or "")
    if atoms and sorted(atoms) != sorted(span):
        words += " with Python " + ",".join(f"{operator}{version}" for operator, version in atoms)
    return words


def _places(request: ResolveRequest, names: set[str]) -> list[str]:
    return [requirement.where for requirement in _declared(request, names)]


def _declared(request: ResolveRequest, names: set[str]) -> list[Requirement]:
    manifest = request.manifest
    every = (*all_requirements(manifest), *manifest.constraints, *manifest.overrides)
    return [requirement for requirement in every if requirement.name in names]
