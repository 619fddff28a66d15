"""The lines of a requirements file, as pip reads them: continuations, comments, options.

The format is the one of pip's reference, "Requirements File Format"; what depends on one machine or
on one run of an installer is refused with the way to say it in a manifest.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mooring.errors import InputError
from mooring.manifest.nearest import advice
from mooring.manifest.problems import quoted
from mooring.manifest.requirement import embedded_name

IncludeKind = Literal["requirements", "constraints"]

# `str.splitlines`, which pip uses, also breaks at these; other tools do not. A line that hides
# from one of them is no line that anybody should lock.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]|\r(?!\n)")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_BARE_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_MARKER_AFTER_URL = re.compile(r"\s;|;\s")

_INCLUDES: dict[str, IncludeKind] = {
    "-r": "requirements",
    "--requirement": "requirements",
    "-c": "constraints",
    "--constraint": "constraints",
}
_INDEXES = {"-i": True, "--index-url": True, "--pypi-url": True, "--extra-index-url": False}
_WITHOUT_MEANING = frozenset({"--require-hashes"})  # every lock has hashes
_EDITABLE = (
    'an editable install is no pinned input: add "pyproject.toml" to `sources` for this project\'s '
    'own requirements, or write "name @ git+https://..."'
)
_LINKS = "serve the files as an index and declare it with [[tool.mooring.index]]"
_WHEELS = "`mooring lock --only-wheels` refuses source distributions for the whole lock"
_REFUSED = {
    "-e": _EDITABLE,
    "--editable": _EDITABLE,
    "-f": _LINKS,
    "--find-links": _LINKS,
    "--no-index": _LINKS,
    "--no-binary": "remove it: which artifact is installed is decided by the lock",
    "--only-binary": _WHEELS,
    "--prefer-binary": _WHEELS,
    "--pre": 'ask for the pre-release where it is wanted: "name>=2.0rc1"',
    "--trusted-host": "remove it: give the index a certificate, or the machine its authority",
    "--use-feature": "remove it: it is an option of one run of pip",
    "--no-deps": "remove it: a lock holds every package that the others need",
    "--global-option": "remove it: how a package is built cannot be declared here",
    "--config-settings": "remove it: how a package is built cannot be declared here",
    "-C": "remove it: how a package is built cannot be declared here",
    "--uploaded-prior-to": "write `exclude-newer` into the manifest",
}
_KNOWN = (*_INCLUDES, *_INDEXES, *_WITHOUT_MEANING, *_REFUSED, "--hash")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A logical line: continuations joined, comments gone; `number` is where it begins."""

    number: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Required:
    """A line that asks for a package; the text is PEP 508, not yet parsed."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Include:
    """A line that includes another file, as it was written."""

    kind: IncludeKind
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexLine:
    """A line that names a package index; its URL may hold credentials."""

    url: str
    default: bool


Statement = Required | Include | IndexLine


def refuse_control_characters(text: str, where: str) -> None:
    """Raise `InputError` for the first control character or stray line separator of a text."""
    match = _FORBIDDEN.search(text)
    if match is None:
        return
    line = text.count("\n", 0, match.start()) + 1
    raise InputError(
        f"the file holds the control character U+{ord(match[0]):04X}",
        where=f"{where}:{line}",
        hint="remove it; lines end with a line feed",
    )


def logical_lines(text: str, where: str) -> Iterator[Line]:
    """Yield the lines that say something, in order.

    Raises:
        InputError: A comment ends in a backslash. pip drops the next line then, and uv reads it.
    """
    pending: list[str] = []
    first = 1
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.rstrip("\r")
        if not pending:
            first = number
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            if _COMMENT.search(line):
                raise InputError(
                    "the comment ends in a backslash, which would swallow the next line",
                    where=f"{where}:{number}",
                    hint="remove the backslash, or put the comment on a line of its own",
                )
            pending.append(line.rstrip("\\"))
            continue
        # As in pip, a comment ends a continuation: its `#` stays recognisable after the join.
        pending.append(f" {line}" if is_comment else line)
        if joined := _COMMENT.sub("", "".join(pending)).strip():
            yield Line(number=first, text=joined)
        pending = []
    if pending and (joined := _COMMENT.sub("", "".join(pending)).strip()):
        yield Line(number=first, text=joined)


def statements(line: Line) -> tuple[Statement, ...]:
    """Return what a logical line says; an option without meaning for a lock says nothing.

    Raises:
        InputError: The line holds an option that cannot be honoured; the error names no place.
    """
    if line.text.startswith("-"):
        return tuple(_options(_words(line.text)))
    requirement, options = _split_options(line.text)
    for name, _ in _pairs(options):
        if name != "--hash":
            raise _refusal(name)
    return (Required(text=_named(requirement)),)


def _split_options(text: str) -> tuple[str, list[str]]:
    """Split at the first word that begins with `-`, as pip does."""
    match = re.search(r"\s-", text)
    if match is None:
        return text, []
    return text[: match.start()].rstrip(), _words(text[match.start() :])


def _words(text: str) -> list[str]:
    if not any(mark in text for mark in "\"'\\"):
        return text.split()  # shlex takes a third of a second on a large hashed file
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InputError(f"the quotes of {quoted(text)} do not match") from error


def _pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield (option, value) for `--name=value`, `--name value`, `-n value` and `-nvalue`."""
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            name, mark, value = word.partition("=")
        else:
            name, value = word[:2], word[2:]
            mark = value
        if not mark and name in (*_INCLUDES, *_INDEXES, "--hash"):
            value = next(rest, "")
        if not value and name in (*_INCLUDES, *_INDEXES, "--hash"):
            raise InputError(f"the option {name} needs a value")
        yield name, value


def _options(words: list[str]) -> Iterator[Statement]:
    for name, value in _pairs(words):
        if kind := _INCLUDES.get(name):
            yield Include(kind=kind, path=value)
        elif name in _INDEXES:
            yield IndexLine(url=value, default=_INDEXES[name])
        elif name not in _WITHOUT_MEANING:
            raise _refusal(name)


def _refusal(name: str) -> InputError:
    if hint := _REFUSED.get(name):
        return InputError(f"the option {name} cannot be part of a declared input", hint=hint)
    if name in _KNOWN:
        return InputError(f"the option {name} does not belong on this line")
    return InputError(f"unknown option {quoted(name)}", hint=advice(name, _KNOWN, what="options"))


def _named(text: str) -> str:
    """Put the name before a bare URL (`git+https://...#egg=name`, `https://.../name-1.0.whl`)."""
    if not _BARE_URL.match(text) or text.lower().startswith("file:"):
        return text
    mark = _MARKER_AFTER_URL.search(text)
    url, marker = (
        (text[: mark.start()].rstrip(), text[mark.end() :].lstrip()) if mark else (text, "")
    )
    name, extras = embedded_name(url)
    base, _, fragment = url.partition("#")
    kept = "&".join(part for part in fragment.split("&") if part and not part.startswith("egg="))
    return (
        (f"{name}[{extras}]" if extras else name)
        + f" @ {base}"
        + (f"#{kept}" if kept else "")
        + (f" ; {marker}" if marker else "")
    )
