"""One requirement (PEP 508) in normal form, and the names in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mooring.errors import InputError
from mooring.manifest.problems import quoted
from mooring.urls import credentials, strip_credentials

if TYPE_CHECKING:
    from packaging.requirements import Requirement as Parsed

MAX_CHARACTERS = 4096

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_RUNS = re.compile(r"[-_.]+")
_VARIABLE = re.compile(r"\$\{[A-Za-z0-9_]+\}")
_EGG = re.compile(r"(?P<name>[^\[&=]*)(?:==[^\[&]*)?(?:\[(?P<extras>[^\]]*)\])?")
_LOCAL = re.compile(r"(?:\.{0,2}[/\\]|~|\.{1,2}(?:$|[\s;\[])|[A-Za-z]:[/\\]|file:)", re.IGNORECASE)
_FOLDER = re.compile(r"[\w.-]+(?:[/\\][\w.-]+)+[/\\]?")
_FILE_NAME = re.compile(r"[^@;]*\.(?:whl|zip|tar\.gz|tar\.bz2|tgz)(?:$|[\s;\[#])", re.IGNORECASE)
_SCP = re.compile(r"(?:git\+)?[\w.-]+@[\w.-]+:")
_SCHEMES = frozenset({"http", "https", "git+http", "git+https", "git+ssh", "git+git"})

_LOCAL_HINT = (
    "a path works on one machine only: publish it to an index, or name it by URL "
    '("name @ https://...", "name @ git+https://...")'
)
_CREDENTIALS_HINT = (
    "leave them out of the file: a netrc file or git's credential store can hold them"
)


def canonical_name(text: str) -> str:
    """Return the normalised form of a project, extra or group name (PEP 503, PEP 685).

    Raises:
        InputError: The text is no such name.
    """
    if not _NAME.fullmatch(text):
        raise InputError(
            f"{quoted(text)} is not a valid name",
            hint="names hold letters, digits, `-`, `_` and `.`, "
            "and begin and end with a letter or digit",
        )
    return _RUNS.sub("-", text).lower()


def normal_form(text: str) -> str:
    """Return a requirement in normal form.

    Names and extras are normalised, extras and specifiers sorted, markers written one way. The
    URL of a direct reference keeps its fragment, less a redundant `egg=`.

    Raises:
        InputError: The text is not a requirement, or one that only works on one machine; the error
            names no place.
    """
    parsed = _parse(text)
    parts = [canonical_name(parsed.name)]
    if parsed.extras:
        parts.append(f"[{','.join(sorted({canonical_name(extra) for extra in parsed.extras}))}]")
    if parsed.url:
        parts.append(f" @ {_checked_url(parsed.url, parsed.name)}")
    parts.append(str(parsed.specifier))
    if parsed.marker:
        parts.append(f"{' ' if parsed.url else ''}; {parsed.marker}")
    return "".join(parts)


def checked_specifiers(text: str) -> str:
    """Return version specifiers (PEP 440) such as `>=3.10,<4` as they were declared.

    Raises:
        InputError: They do not parse.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # kept off the start-up path

    try:
        if len(text) > MAX_CHARACTERS:
            raise InvalidSpecifier("too long")
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise InputError(
            f"{quoted(text)} is not a version specifier",
            hint='write it like ">=3.11" or ">=3.11,<4"',
        ) from error
    return text.strip()


def embedded_name(url: str) -> tuple[str, str]:
    """Return the name and the extras (`web,cli`) that a bare URL itself tells.

    The name is in its `#egg=` fragment, or in the file name of a wheel or sdist.

    Raises:
        InputError: The URL does not tell.
    """
    _, _, fragment = url.partition("#")
    for part in fragment.split("&"):
        if part.startswith("egg="):
            egg = _EGG.fullmatch(part.removeprefix("egg="))
            if egg and _NAME.fullmatch(egg["name"]):
                return egg["name"], egg["extras"] or ""
    if name := _name_of_file(url):
        return name, ""
    raise InputError(
        "the URL does not tell which package it is",
        hint='write the name before it: "name @ https://..." or "name @ git+https://..."',
    )


def _name_of_file(url: str) -> str | None:
    from urllib.parse import unquote

    from packaging.utils import (  # kept off the start-up path
        InvalidSdistFilename,
        InvalidWheelFilename,
        parse_sdist_filename,
        parse_wheel_filename,
    )

    file = unquote(url.partition("#")[0].partition("?")[0].rpartition("/")[2])
    try:
        if file.endswith(".whl"):
            return parse_wheel_filename(file)[0]
        return parse_sdist_filename(file)[0]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None


def _parse(text: str) -> Parsed:
    from packaging.requirements import InvalidRequirement, Requirement  # kept off the start-up path

    text = text.strip()
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"the requirement is longer than {MAX_CHARACTERS} characters")
    if variable := _VARIABLE.search(text):
        raise InputError(
            f"the requirement holds the environment variable {variable[0]}",
            hint="a declared input means the same everywhere: write its value",
        )
    if _LOCAL.match(text) or _FOLDER.fullmatch(text) or _FILE_NAME.match(text):
        raise InputError(f"{quoted(text)} is a file or folder", hint=_LOCAL_HINT)
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        message, hint = _in_plain_words(text, str(error))
        raise InputError(message, hint=hint) from error
    except (RecursionError, ValueError) as error:
        raise InputError(
            f"{quoted(text)} is nested too deeply or holds too large a number"
        ) from error


def _in_plain_words(text: str, reason: str) -> tuple[str, str]:
    """Return message and hint for what packaging says, whose second line repeats the text."""
    first = reason.partition("\n")[0].strip().rstrip(".")
    reason = first[:1].lower() + first[1:]
    hint = 'write it like "name>=1.2,<2" (PEP 508)'
    if re.search(r"[^=<>!~]=[^=]", text.partition(";")[0]) and "://" not in text:
        hint = 'one version is written "name==1.2"'
    elif "marker" in reason:
        hint = "write the marker like \"; sys_platform == 'linux'\""
    return f"{quoted(text)} is not a requirement: {reason}", hint


def _checked_url(url: str, name: str) -> str:
    """Return the URL of a direct reference as it is locked.

    Raises:
        InputError: It is local, not a URL, of a kind that cannot be locked, or holds credentials.
    """
    if _SCP.match(url):
        raise InputError(
            f"the source of {name} is written in the form of scp",
            hint=f'write it as a URL: "{name} @ git+ssh://git@host/path.git"',
        )
    if _LOCAL.match(url) or "://" not in url:
        raise InputError(f"{quoted(url)} is a file or folder", hint=_LOCAL_HINT)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"the URL of {name} is not valid") from error
    if parts.scheme not in _SCHEMES:
        raise InputError(
            f"{name} comes by {quoted(parts.scheme)}, which cannot be locked",
            hint="use one of " + ", ".join(sorted(_SCHEMES)),
        )
    if not host:
        raise InputError(f"the URL of {name} has no host")
    secret = credentials(url)
    if secret == ("git", "") and parts.scheme != "git+ssh":
        url = strip_credentials(url)  # the user of git over https is no secret and has no effect
    elif secret is not None and (secret[1] or parts.scheme != "git+ssh"):
        raise InputError(f"the URL of {name} holds credentials", hint=_CREDENTIALS_HINT)
    return _without_egg(url, name)


def _without_egg(url: str, name: str) -> str:
    base, mark, fragment = url.partition("#")
    kept = [part for part in fragment.split("&") if part and not part.startswith("egg=")]
    if mark and len(kept) != len(fragment.split("&")):
        egg_name, extras = embedded_name(url)
        if extras:
            raise InputError(
                f"the URL of {name} holds extras",
                hint=f'write them after the name: "{name}[{extras}] @ ..."',
            )
        if _RUNS.sub("-", egg_name).lower() != _RUNS.sub("-", name).lower():
            raise InputError(f"the URL of {name} says that it is {quoted(egg_name)}")
    return base + ("#" + "&".join(kept) if kept else "")
