"""@EXPLICIT files: the URLs of one platform, as conda, mamba and micromamba install them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from mooring.errors import InputError, Problem, raise_problems
from mooring.lock.conda import CondaLock, CondaPackage, CondaRow, CondaSelection, PypiRow
from mooring.lock.formats import conda_rules as rules
from mooring.lock.formats.conda_lock_rows import MOST_PROBLEMS, normal_name, parse_platform
from mooring.lock.formats.pylock_rules import Refused, shown
from mooring.platforms import Platform

MARK = "@EXPLICIT"
MAIN = ("main",)

HashName = Literal["sha256", "md5"]

_PLATFORM = re.compile(r"#\s*platform:\s*(\S+)\s*")
_PIP = re.compile(
    r"# pip ([A-Za-z0-9][A-Za-z0-9._-]*) @ (\S+?)"
    r"(?:(?:#sha256=| --hash=sha256:)([0-9A-Fa-f]{64}))?\s*"
)
_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")
_WHEEL_VERSION = re.compile(r"[^/]+?-([0-9][^-/]*?)(?:-[^/]*)?(?:\.whl|\.tar\.gz|\.zip)")


def write(selection: CondaSelection, *, hashes: HashName = "sha256") -> str:
    """Return the file of one platform; each package comes after what it depends on.

    PyPI packages stand behind as comments that start with `# pip`: `conda-lock install` and
    `micromamba install` take them, other tools leave them out.

    Args:
        selection: What is to be installed.
        hashes: What stands behind each URL. Old releases of conda know md5 only; where the wanted
            one is not known, the other is written.

    Raises:
        InputError: A URL carries a secret, or a package has no hash at all.
    """
    lines = [
        "# Written by mooring from its lock: edit the declared inputs, not this file.",
        f"# platform: {selection.platform.subdir}",
        MARK,
        *(_line(package, hashes) for package in selection.packages),
        *(_pip_line(row) for row in selection.pypi),
        "",
    ]
    return "\n".join(lines)


def read(text: str, where: str) -> CondaLock:
    """Read a file of any writer as a lock for its one platform.

    The platform is that of the comment `# platform:`, else that of the packages that have one.
    Packages without a hash are read; what needs one refuses them.

    Raises:
        InputError: It is no such file, or its platform cannot be told; lines are named.
    """
    packages: dict[str, CondaPackage] = {}
    pip: list[tuple[str, str, str, str | None]] = []
    problems: list[Problem] = []
    named: str | None = None
    seen = False
    for number, line in enumerate(text.split("\n"), start=1):
        content = line.strip(" \t\r")
        if len(problems) >= MOST_PROBLEMS:
            break
        try:
            if content.startswith("#"):
                named = named or ((match := _PLATFORM.fullmatch(content)) and match[1]) or None
                pip += _pip_rows(content)
            elif content == MARK:
                seen = True
            elif content and not seen:
                raise Refused("", f"expected {MARK} before anything else")
            elif content:
                _add(packages, _package(content))
        except Refused as refused:
            place = f"{where}:{number}"
            problems.append(Problem(where=place, message=refused.message, hint=refused.hint))
    if not seen and not problems:
        problems.append(Problem(where=where, message=f"this file has no line {MARK}"))
    raise_problems(problems)
    platform = _platform(named, packages, where)
    return CondaLock(
        channels=tuple(dict.fromkeys(package.channel for package in packages.values())),
        platforms=(platform,),
        conda=tuple(
            CondaRow(package=packages[name], platform=platform, categories=MAIN)
            for name in sorted(packages)
        ),
        pypi=tuple(
            PypiRow(
                name=name,
                version=version,
                platform=platform,
                url=url,
                categories=MAIN,
                sha256=hash_,
            )
            for name, version, url, hash_ in sorted(pip, key=lambda row: row[0])
        ),
    )


def _line(package: CondaPackage, hashes: HashName) -> str:
    rules.require_clean(package.url, package.name)
    if package.sha256 is not None and (hashes == "sha256" or package.md5 is None):
        return f"{package.url}#sha256:{package.sha256}"
    if package.md5 is None:
        raise InputError(f"{package.name} {package.version} has no hash in the lock")
    return f"{package.url}#{package.md5}"


def _pip_line(row: PypiRow) -> str:
    rules.require_clean(row.url, row.name)
    return f"# pip {row.name} @ {row.url}" + (f"#sha256={row.sha256}" if row.sha256 else "")


def _package(line: str) -> CondaPackage:
    url, _, fragment = line.partition("#")
    if "://" not in url:
        hint = "name packages by http, https or file URL"
        raise Refused("", f"{shown(rules.hidden(line))} is not a URL", hint)
    archive = rules.archive_url("", url)
    parts = archive.stem.rsplit("-", 2)
    if len(parts) != 3:
        raise Refused("", f"{shown(archive.stem)} is not <name>-<version>-<build>")
    name, version = rules.package_name("", parts[0]), rules.version("", parts[1])
    build = rules.build_of(archive.stem, name, version)
    if build is None:
        raise Refused("", f"{shown(parts[2])} is not a build string")
    md5, sha256 = _hash(fragment)
    return CondaPackage(
        name=name,
        version=version,
        build=build,
        subdir=archive.subdir,
        channel=archive.channel,
        url=archive.url,
        md5=md5,
        sha256=sha256,
        build_number=rules.build_number(build),
    )


def _hash(fragment: str) -> tuple[str | None, str | None]:
    if not fragment:
        return None, None
    if _MD5.fullmatch(fragment):
        return fragment.lower(), None
    if match := _SHA256.fullmatch(fragment):
        return None, match[1].lower()
    raise Refused("", f"{shown(fragment)} is neither an md5 nor sha256:<64 hex digits>")


def _add(packages: dict[str, CondaPackage], package: CondaPackage) -> None:
    if packages.setdefault(package.name, package) != package:
        raise Refused("", f"{package.name} is listed twice, with different files")


def _pip_rows(line: str) -> Iterator[tuple[str, str, str, str | None]]:
    match = _PIP.fullmatch(line)
    if match is None:
        return
    name, url, sha256 = match.groups()
    url = rules.artifact_url("", url)
    found = _WHEEL_VERSION.fullmatch(url.rpartition("/")[2])
    if found is None:
        raise Refused("", f"the version of {name} cannot be told from its URL")
    yield normal_name(name), found[1], url, sha256.lower() if sha256 else None


def _platform(named: str | None, packages: dict[str, CondaPackage], where: str) -> Platform:
    subdirs = {package.subdir for package in packages.values()} - {"noarch"}
    try:
        if named is not None:
            subdirs.add(parse_platform("", named).subdir)
        if len(subdirs) == 1:
            return parse_platform("", subdirs.pop())
    except Refused as refused:
        raise InputError(refused.message, where=where, hint=refused.hint) from refused
    if subdirs:
        raise InputError(f"packages for {', '.join(sorted(subdirs))} in one file", where=where)
    raise InputError(
        "the platform cannot be told: every package is noarch",
        where=where,
        hint="add a line such as `# platform: linux-64`",
    )
