"""Every value that reaches a rendered file passes here: it arrives byte-exact or is refused.

The rules for Dockerfiles hold for BuildKit 0.8 (Docker 20.10) and later; the integration tests
build images with such values and read them back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from mooring.errors import InputError
from mooring.oci.saved_names import is_saved_image

MAX_LINE_BYTES = 60_000
"""The Dockerfile parser stops at lines of 65,535 bytes; the rest is for the instruction itself."""

BARE = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")
"""Text that means itself in a Dockerfile, in a shell and in an ignore file."""

_NAMES = {
    "environment variable": re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*"),
    "label": re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*"),
    "build argument": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
}
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_USER = re.compile(r"(?:\d{1,10}|[a-z_][a-z0-9_-]*)(?::(?:\d{1,10}|[a-z_][a-z0-9_-]*))?")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PATTERN_CHARACTERS = re.compile(r"[*?\[\]\\^]")
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class QuotingError(InputError):
    """A value cannot be written into a file without changing it (exit code 2)."""


class Quoted(str):
    """Text that is written as it is: it came out of this module or out of a template."""

    __slots__ = ()


def env(value: str, name: str) -> Quoted:
    """Return `NAME="value"` for an ENV instruction."""
    return _pair("environment variable", name, value, f"image.env.{name}")


def label(value: str, name: str) -> Quoted:
    """Return `name="value"` for a LABEL instruction."""
    return _pair("label", name, value, f"image.labels.{name}")


def arg(value: str, name: str) -> Quoted:
    """Return `NAME="value"` for an ARG instruction with a default."""
    return _pair("build argument", name, value, f"build argument {name}")


def command(argv: Sequence[str], key: str = "command") -> Quoted:
    """Return a JSON array, the exec form of ENTRYPOINT, CMD and HEALTHCHECK.

    Control characters can be written here, except NUL, which no process can be given.
    """
    for word in argv:
        if "\0" in word:
            raise QuotingError("the value holds a NUL character", where=key)
        _refuse_surrogates(word, key)
    return _bounded("[" + ", ".join(_json(word) for word in argv) + "]", key)


def copy(path: str, key: str = "image.files") -> Quoted:
    """Return source and destination of a COPY that keeps the path, both relative.

    BuildKit reads quotes and variables even inside the JSON form, hence two layers of quoting.
    """
    source = project_path(path, key)
    target = "./" if source == "." else f"./{source}"
    parts = (_json(_unexpanded(path)) for path in (source, target))
    return _bounded(f"[{', '.join(parts)}]", key)


def ignore(path: str, key: str = "image.files") -> Quoted:
    """Return a path as a pattern of `.dockerignore` that matches only itself."""
    return Quoted(project_path(path, key))


def project_path(path: str, key: str = "image.files") -> str:
    """Return a path inside the project in its shortest form, with `/`.

    Raises:
        QuotingError: It is absolute, leaves the project, or Docker would read it as a pattern.
    """
    _refuse_controls(path, key, tab=False)
    segments = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in segments or not path:
        raise QuotingError(f"{path!r} is not a path inside the project", where=key)
    if found := _PATTERN_CHARACTERS.search(path):
        raise QuotingError(
            f"{path!r} cannot be copied by name: Docker reads {found[0]!r} as part of a pattern",
            where=key,
            hint="name the folder that holds it",
        )
    if any(part != part.strip() for part in segments):
        raise QuotingError(
            f"{path!r} has a space at the start or end of a name, which .dockerignore drops",
            where=key,
            hint="name the folder that holds it",
        )
    return "/".join(segments) or "."


def workdir(path: str, key: str = "image.workdir") -> Quoted:
    """Return an absolute path for WORKDIR."""
    if not path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise QuotingError(f"{path!r} is not an absolute path without `..`", where=key)
    return _word(path, key)


def user(text: str, key: str = "image.user") -> Quoted:
    """Return `uid:gid` or `name:group` for USER."""
    if not _USER.fullmatch(text):
        raise QuotingError(
            f"{text!r} is not a user", where=key, hint='write numbers, as in "65532:65532"'
        )
    return Quoted(text)


def port(number: int, key: str = "image.ports") -> Quoted:
    """Return a TCP port for EXPOSE."""
    if not 0 < number < 65536:
        raise QuotingError(f"{number} is not a port", where=key)
    return Quoted(number)


def image(reference: str, key: str = "image.base") -> Quoted:
    """Return an image reference for FROM or the default of an ARG."""
    if is_saved_image(reference):
        raise QuotingError(
            f"{reference!r} lies in files: a Dockerfile can only name images that an engine knows",
            where=key,
            hint="build with `--engine oci`, which needs no Dockerfile",
        )
    if not _IMAGE.fullmatch(reference):
        raise QuotingError(f"{reference!r} is not an image reference", where=key)
    return Quoted(reference)


def sh(text: str, key: str = "a shell word of the template") -> Quoted:
    """Return one word of a POSIX shell command in a RUN instruction."""
    _refuse_controls(text, key)
    if BARE.fullmatch(text):
        return Quoted(text)
    return _bounded(_single_quoted(text), key)


def words(texts: Sequence[str], key: str = "shell words of the template") -> Quoted:
    """Return words of a POSIX shell command, with spaces between them."""
    return Quoted(" ".join(sh(text, key) for text in texts))


def yaml(text: str, key: str = "a YAML value") -> Quoted:
    """Return a double-quoted scalar of YAML 1.1 and 1.2."""
    _refuse_surrogates(text, key)
    return Quoted('"' + "".join(_escaped(char) for char in text) + '"')


def toml(text: str, key: str = "a TOML value") -> Quoted:
    """Return a basic string of TOML 1.0; its escapes are those that `yaml` uses."""
    return yaml(text, key)


FILTERS = {
    "env": env,
    "label": label,
    "arg": arg,
    "command": command,
    "copy": copy,
    "ignore": ignore,
    "workdir": workdir,
    "user": user,
    "port": port,
    "image": image,
    "sh": sh,
    "words": words,
    "yaml": yaml,
    "toml": toml,
}
"""What templates call: `{{ value | env("NAME") }}`."""


def _pair(kind: str, name: str, value: str, key: str) -> Quoted:
    if not _NAMES[kind].fullmatch(name):
        raise QuotingError(f"{name!r} is not a name that this {kind} can have", where=key)
    _refuse_controls(value, key)
    return _bounded(f'{name}="{_expansion_safe(value)}"', key)


def _word(text: str, key: str) -> Quoted:
    _refuse_controls(text, key)
    return Quoted(text) if BARE.fullmatch(text) else _bounded(f'"{_expansion_safe(text)}"', key)


def _expansion_safe(text: str) -> str:
    r"""Escape what BuildKit expands inside double quotes.

    `\\"` is right for BuildKit but hadolint does not parse it, so an expansion that is always
    empty stands between a backslash and a double quote.
    """
    escaped = re.sub(r'[\\"$]', r"\\\g<0>", text)
    return re.sub(r'(?:\\\\)+(?=\\"|$)', r"\g<0>${PATH:+}", escaped)


def _unexpanded(text: str) -> str:
    """Quote a path that BuildKit would expand; blanks need nothing in the JSON form."""
    return _single_quoted(text) if re.search("[\"'$]", text) else text


def _single_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _json(text: str) -> str:
    r"""Write a JSON string; a backslash as `\u005c`, since hadolint stumbles over `\\"`."""
    return '"' + "".join(_json_escaped(char) for char in text) + '"'


def _json_escaped(char: str) -> str:
    if char == '"':
        return '\\"'
    if char != "\\" and char.isprintable():
        return char
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _escaped(char: str) -> str:
    if char in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[char]
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _bounded(text: str, key: str) -> Quoted:
    if len(text.encode("utf-8")) > MAX_LINE_BYTES:
        raise QuotingError(
            f"the value is longer than the {MAX_LINE_BYTES:,} bytes that fit on a Dockerfile line",
            where=key,
            hint="put it into a file and name that under files",
        )
    return Quoted(text)


def _refuse_controls(text: str, key: str, *, tab: bool = True) -> None:
    _refuse_surrogates(text, key)
    found = _CONTROL.search(text) or (None if tab else re.search("\t", text))
    if found:
        raise QuotingError(
            f"the value holds the control character U+{ord(found[0]):04X}, which a Dockerfile "
            "cannot carry",
            where=key,
            hint="put it into a file and name that under files",
        )


def _refuse_surrogates(text: str, key: str) -> None:
    if _SURROGATE.search(text):
        raise QuotingError("the value is not valid Unicode text", where=key)
