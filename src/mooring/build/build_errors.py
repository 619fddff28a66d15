"""What a failed image build said, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mooring.build.daemon import EngineError

_SHOWN_LINES = 20
# BuildKit's plain progress: step number, then seconds, before each line of a command's output.
_PROGRESS = re.compile(r"^#\d+ (?:\d+\.\d+ )?")
_STEP = re.compile(r"^#(?P<number>\d+) ")
_FAILED_STEP = re.compile(r"^#(?P<number>\d+) ERROR")
_SHOWN_COLUMNS = 200
_NOISE = re.compile(r"^(?:DONE|CACHED|sha256:|extracting|transferring|resolve )")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cause:
    """A failure that has a known remedy."""

    pattern: re.Pattern[str]
    hint: str


# In the order of precedence: the first one whose pattern occurs anywhere in the output.
_CAUSES = (
    _Cause(
        pattern=re.compile(r"no space left on device", re.IGNORECASE),
        hint="the engine's disk is full: free some space where it keeps its images",
    ),
    _Cause(
        pattern=re.compile(r"x509: certificate signed by unknown authority"),
        hint="the engine itself does not trust the registry: give the engine your CA "
        "(certs.d folder or its system's CA store)",
    ),
    _Cause(
        pattern=re.compile(
            r"UnknownIssuer|CERTIFICATE_VERIFY_FAILED|self[- ]signed certificate"
            r"|unable to get local issuer certificate",
            re.IGNORECASE,
        ),
        hint="the build does not trust the package index: name your CA bundle in SSL_CERT_FILE, "
        "it is mounted for the build and not kept in the image",
    ),
    _Cause(
        pattern=re.compile(
            r"No interpreter found|No Python at|the base image has no python"
            r"|python3\.\d+: (?:command )?not found|requires a different Python"
            r"|is not compatible with the current Python"
        ),
        hint="the base image's Python is not the locked one: choose another base image, or "
        "declare its Python in `python`",
    ),
    _Cause(
        pattern=re.compile(
            r"Hash mismatch|DO NOT MATCH THE HASHES|hashes? .{0,40}(?:mismatch|did not match)",
            re.IGNORECASE,
        ),
        hint="the index serves other bytes than were locked: find out why before locking again",
    ),
    _Cause(
        pattern=re.compile(
            r"pull access denied|failed to resolve source metadata|manifest unknown"
            r"|failed to do request|@sha256:[0-9a-f]{64}: not found",
            re.IGNORECASE,
        ),
        hint="the engine cannot get the base image: check its name, log in with `docker login`, "
        "or run `mooring lock --upgrade-base` when its digest is gone",
    ),
    _Cause(
        pattern=re.compile(
            r"exec format error",
        ),
        hint="the engine cannot run programs of that platform: build where it can, or install "
        "emulation",
    ),
    _Cause(
        pattern=re.compile(
            r"Temporary failure in name resolution|dns error|Could not resolve host"
            r"|Network is unreachable|Connection refused",
            re.IGNORECASE,
        ),
        hint="the build's network does not reach the package index: check the engine's proxy, "
        "or build on the host's network",
    ),
)


def explain(code: int, lines: Iterable[str]) -> EngineError:
    """Return the error for a build that ended with a non-zero code.

    Args:
        code: The exit code of the Docker command.
        lines: The last lines of its output, credentials removed.
    """
    said = list(lines)
    text = "\n".join(said)
    hint = next((cause.hint for cause in _CAUSES if cause.pattern.search(text)), None)
    plain = (_PROGRESS.sub("", line).rstrip() for line in _of_failed_steps(said))
    kept = [line for line in plain if line and not _NOISE.match(line)][-_SHOWN_LINES:]
    tail = "".join(f"\n  {_shortened(line)}" for line in kept)
    return EngineError(f"the image build failed (exit code {code}){tail}", hint=hint)


def _of_failed_steps(lines: list[str]) -> list[str]:
    """Return the lines of the steps that failed; all of them when no step says so.

    What follows the steps repeats the failed one, so it is only kept when there is no such step.
    """
    failed = {match["number"] for line in lines if (match := _FAILED_STEP.match(line))}
    if not failed:
        return lines
    return [line for line in lines if (match := _STEP.match(line)) and match["number"] in failed]


def _shortened(line: str) -> str:
    return line if len(line) <= _SHOWN_COLUMNS else line[: _SHOWN_COLUMNS - 4] + " ..."
