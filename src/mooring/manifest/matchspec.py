"""Conda's match specifications: `channel/subdir::name version build[key=value]` as values.

Every form that conda reads becomes one normal form, which the solver reads in the same way in its
strict mode too. What would mean something else there is refused.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace

from mooring.errors import InputError
from mooring.manifest.conda import MAIN, CondaRequirement
from mooring.manifest.conda_channels import spec_channel
from mooring.manifest.matchspec_brackets import after_brackets, read_brackets
from mooring.manifest.matchspec_version import doubt, read_version
from mooring.manifest.problems import quoted
from mooring.manifest.tables import control_character

MAX_CHARACTERS = 2048

_HEAD = re.compile(r"(?P<name>[^\s=<>!~]+)(?P<rest>.*)", re.DOTALL)
_NAME = re.compile(r"(?:[a-z0-9]|_{1,2}[a-z0-9])(?:[a-z0-9_.-]*[a-z0-9_])?")
_BUILD = re.compile(r"[A-Za-z0-9_.*+-]+")
_PLAIN_BUILD = re.compile(r"[A-Za-z0-9_]+")
_ARCHIVE = re.compile(r"\S+\.(?:conda|tar\.bz2)(?:[#\s].*)?", re.DOTALL)
_PATTERN_NAME = re.compile(r"[*^].*|.*[*$]", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchSpec:
    """What one specification says.

    Attributes:
        name: In lower case; `*` for any.
        version: In normal form.
        build: A build string, or a pattern with `*` or between `^` and `$`.
        channel: A name or a URL, without the subdir.
        details: The other keys between brackets, sorted.
    """

    name: str
    version: str | None = None
    build: str | None = None
    channel: str | None = None
    subdir: str | None = None
    details: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The normal form, which solvers take."""
        parts = [self.name]
        details = list(self.details)
        if self.channel:
            subdir = f"/{self.subdir}" if self.subdir else ""
            parts[0] = f"{self.channel}{subdir}::{self.name}"
        elif self.subdir:
            details.append(("subdir", self.subdir))
        if self.build and _PLAIN_BUILD.fullmatch(self.build):
            parts += [self.version or "*", self.build]
        elif self.build:
            details.append(("build", self.build))
        if self.version not in (None, "*") and len(parts) == 1:
            parts.append(str(self.version))
        listed = ",".join(f"{key}='{value}'" for key, value in sorted(details))
        return " ".join(parts) + (f"[{listed}]" if listed else "")


def parse_spec(
    text: str, where: str, *, platforms: tuple[str, ...] | None = None, category: str = MAIN
) -> CondaRequirement:
    """Parse a declared specification, which must name one package.

    Args:
        text: As it was declared.
        where: The place that declares it.
        platforms: The subdirs that it is for; None for all.
        category: `main`, or the extra or group that asks for it.

    Raises:
        InputError: It is none; the error names no place.
    """
    spec = read_spec(text)
    if spec.name == "*":
        raise InputError(f"{quoted(text)} names no package", hint="name one: `numpy >=2`")
    return CondaRequirement(
        text=spec.text, name=spec.name, where=where, platforms=platforms, category=category
    )


def read_spec(text: str) -> MatchSpec:
    """Read a specification, also one that names no package.

    Raises:
        InputError: It is none, or one that the solver cannot honour; the error names no place.
    """
    text = text.strip()
    _refuse_whole(text)
    before, brackets = after_brackets(text)
    given = read_brackets(brackets) if brackets is not None else {}
    head, mark, plain = before.rpartition("::")
    channel, subdir = spec_channel(head) if mark else (None, None)
    if "://" in plain:
        raise InputError(
            f"{quoted(text)} holds a URL where the name, version and build stand",
            hint="write it like `channel::numpy >=2`",
        )
    match = _HEAD.fullmatch(plain.strip())
    if match is None:
        raise InputError(f"{quoted(text)} names no package", hint="write it like `numpy >=2`")
    spec = replace(
        _with_version(checked_name(match["name"]), match["rest"]),
        channel=channel,
        subdir=subdir,
    )
    return _with_brackets(spec, given)


def checked_name(name: str) -> str:
    """Return a package name in lower case, or `*`.

    Raises:
        InputError: It is no name; the error names no place.
    """
    lowered = name.lower()
    if lowered == "*":
        return lowered
    if not name.isascii():
        odd = next(character for character in name if not character.isascii())
        raise InputError(
            f"the package name {quoted(name)} holds the character U+{ord(odd):04X} "
            f"({unicodedata.name(odd, 'unnamed')})",
            hint="names hold ASCII letters, digits, `-`, `_` and `.`",
        )
    if _NAME.fullmatch(lowered) and ".." not in lowered and "--" not in lowered:
        return lowered
    raise InputError(f"{quoted(name)} is not the name of a conda package", hint=_advice(name))


def _advice(name: str) -> str:
    if name.startswith(("'", '"')):
        return "remove the inner quotes"
    if _PATTERN_NAME.fullmatch(name):
        return "name one package; a pattern cannot be locked"
    if ":" in name:
        return (
            "channels are written `channel::name`; packages of PyPI go below `pip:` or `[project]`"
        )
    return "names hold letters, digits, `-`, `_` and `.`"


def _refuse_whole(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"the specification is longer than {MAX_CHARACTERS} characters")
    if character := control_character(text):
        raise InputError(f"the specification holds the control character {character}")
    if "{{" in text or "{%" in text:
        raise InputError(
            f"{quoted(text)} is part of a template", hint="render the template, declare the result"
        )
    if " @ " in text:
        raise InputError(
            f"{quoted(text)} is a requirement of PyPI",
            hint="such requirements go below `pip:` or into `[project]`",
        )
    if "#" in text and not _ARCHIVE.fullmatch(text):
        raise InputError(
            f"the specification {quoted(text)} holds a `#`",
            hint="a comment goes behind the value: outside of the quotes, after a space",
        )
    if _ARCHIVE.fullmatch(text) and "::" not in text and "[" not in text:
        raise InputError(
            f"{quoted(text)} is an archive, and not a package of a channel",
            hint="name its channel, version and build: `channel::name ==1.0 build`",
        )


def _with_version(name: str, rest: str) -> MatchSpec:
    """Read `version build` in any of the forms `=1.7`, ` 1.7 py_0`, `==1.7=py_0`."""
    rest = rest.strip()
    if not rest:
        return MatchSpec(name=name)
    version, rest = read_version(rest)
    if not rest.strip():
        return MatchSpec(name=name, version=version.text)
    if rest[0] not in "= ":
        raise InputError(
            f"{quoted(rest.strip())} does not belong behind the version {version.text}",
            hint="separate constraints by commas: `>=1.2,<2`",
        )
    build = checked_build(rest.strip().removeprefix("=").strip())
    if version.doubtful:
        raise doubt(version.text)
    return MatchSpec(name=name, version=version.exact or version.text, build=build)


def checked_build(build: str) -> str:
    """Return a build string or pattern.

    Raises:
        InputError: It is none; the error names no place.
    """
    if re.fullmatch(r"\^[^'\"\[\]\s]*\$", build):
        try:
            re.compile(build)
        except (re.error, RecursionError, OverflowError) as error:
            raise InputError(f"the build {quoted(build)} is no regular expression") from error
        return build
    if _BUILD.fullmatch(build):
        return build
    if re.match(r"[<>!~=]", build):
        hint = "separate the constraints of a version by commas: `>=1.2,<2`"
    elif "|" in build or "," in build:
        hint = "one pattern of a build is taken, with `*`: `*cuda*`"
    else:
        hint = "a build holds letters, digits, `_`, `.`, `+` and `*`"
    raise InputError(f"{quoted(build)} is not a build", hint=hint)


def _with_brackets(spec: MatchSpec, given: dict[str, str]) -> MatchSpec:
    """Apply what stands between brackets; as in conda it wins over what stands before them."""
    if "version" in given:
        version, rest = read_version(given["version"])
        if version.doubtful:
            raise doubt(version.text)
        if rest.strip():
            raise InputError(f"{quoted(given['version'])} is not a version specifier")
        spec = replace(spec, version=version.text)
    if "build" in given:
        spec = replace(spec, build=checked_build(given["build"]))
    if "channel" in given:
        channel, subdir = spec_channel(given["channel"])
        spec = replace(spec, channel=channel, subdir=subdir or spec.subdir)
    if "subdir" in given:
        spec = replace(spec, subdir=given["subdir"])
    if spec.name == "*" and given.get("name", "*") != "*":
        spec = replace(spec, name=checked_name(given["name"]))
    used = ("version", "build", "channel", "subdir", "name")
    details = tuple(sorted((key, value) for key, value in given.items() if key not in used))
    return replace(spec, details=details)
