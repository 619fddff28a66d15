"""pixi.lock: any version read, version 7 written, both through rattler.

rattler reads and writes files only, and its interface takes no hash of a PyPI package: what is
written is given to it as text, to be checked and put into pixi's own form.
"""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from mooring.errors import InputError, Problem, raise_problems
from mooring.files import refuse_conflict_markers, write_files
from mooring.lock.conda import CondaLock, CondaRow, PypiRow
from mooring.lock.formats import conda_rules as rules
from mooring.lock.formats.conda_lock_rows import (
    MOST_PROBLEMS,
    conda_package,
    normal_name,
    parse_platform,
)
from mooring.lock.formats.pixi_lock_text import DEFAULT, pixi_lines
from mooring.lock.formats.pylock_rules import Refused, plain_text, shown
from mooring.lock.formats.yaml_data import MAX_CHARACTERS, Table
from mooring.platforms import Platform

if TYPE_CHECKING:
    from rattler import LockFile
    from rattler.lock import Environment, LockPlatform, PypiLockedPackage

FILE_NAME = "pixi.lock"
_MAIN = ("main",)
_REQUIRES = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\s*\[[^\]]*\])?\s*\(?([<>=!~][^;()]*)?\)?\s*(?:;(.*))?"
)
_GIT = "git+"


def write(lock: CondaLock) -> str:
    """Return the text of a pixi.lock; the same lock gives the same bytes.

    Named environments become environments. Record details, virtual packages and the hashes of PyPI
    packages are kept; what was declared and the categories have no place in the format.

    Raises:
        InputError: The format cannot hold it, or a URL carries a secret.
    """
    text = "\n".join([*pixi_lines(lock, [_channel_url(c) for c in lock.channels]), ""])
    with tempfile.TemporaryDirectory(prefix="mooring-") as folder:
        path = Path(folder) / FILE_NAME
        write_files({path: text.encode()})
        _load(path, FILE_NAME).to_path(path)
        return path.read_text(encoding="utf-8")


def read(
    text: str, where: str, *, environment: str = DEFAULT, skip_local: bool = False
) -> CondaLock:
    """Read one environment of a pixi.lock; all of it is in the category `main`.

    Args:
        text: The content of the file.
        where: How messages name the file.
        environment: Environments are solved apart from each other: one of them is read.
        skip_local: Leave out packages that are folders of the project, such as the project itself.

    Raises:
        InputError: It is no such lock, it has no such environment, or it is unsafe to use.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"the file is larger than {MAX_CHARACTERS >> 20} MiB", where=where)
    refuse_conflict_markers(text, where)
    with tempfile.TemporaryDirectory(prefix="mooring-") as folder:
        path = Path(folder) / FILE_NAME
        write_files({path: text.encode("utf-8", "replace")})
        lock = _load(path, where)
    with _failures(where):
        return _chosen(lock, where, environment, skip_local=skip_local)


def _chosen(lock: LockFile, where: str, environment: str, *, skip_local: bool) -> CondaLock:
    found = lock.environment(environment)
    if found is None:
        names = ", ".join(sorted(name for name, _ in lock.environments()))
        raise InputError(
            f"there is no environment {environment!r}",
            where=f"{where}: environments",
            hint=f"it has: {names}" if names else None,
        )
    return _Reader(where, environment, skip_local=skip_local).lock(found)


class _Reader:
    def __init__(self, where: str, environment: str, *, skip_local: bool) -> None:
        self._where = f"{where}: environments.{environment}"
        self._skip_local = skip_local
        self._problems: list[Problem] = []

    def lock(self, environment: Environment) -> CondaLock:
        """Return the lock of one environment; all problems are raised together."""
        conda: list[CondaRow] = []
        pypi: list[PypiRow] = []
        platforms: dict[Platform, tuple[str, ...]] = {}
        # rattler gives platforms in another order each time.
        for place in sorted(environment.platforms(), key=lambda each: each.name):
            try:
                platform = parse_platform("", place.name)
            except Refused as refused:
                self._note(f"packages.{place.name}", refused)
                continue
            platforms[platform] = tuple(sorted(place.virtual_packages))
            conda += self._conda(environment, place, platform)
            pypi += self._pypi(environment, place, platform)
        channels = tuple(self._channels(environment))
        raise_problems(self._problems[:MOST_PROBLEMS])
        return CondaLock(
            channels=channels,
            platforms=tuple(sorted(platforms)),
            conda=tuple(sorted(conda, key=lambda row: (row.package.name, row.platform.subdir))),
            pypi=tuple(sorted(pypi, key=lambda row: (row.name, row.platform.subdir))),
            virtual_packages={p.subdir: found for p, found in platforms.items() if found},
        )

    def _channels(self, environment: Environment) -> Iterator[str]:
        for channel in environment.channels():
            try:
                yield rules.channel("", str(channel))
            except Refused as refused:
                self._note("channels", refused)

    def _conda(
        self, environment: Environment, place: LockPlatform, platform: Platform
    ) -> Iterator[CondaRow]:
        records = environment.conda_repodata_records_for_platform(place) or []
        for record in records:
            raw = json.loads(record.to_json())
            row = Table(0)
            row.update(raw)
            row["dependencies"] = list(raw.get("depends", ()))
            row["hash"] = {key: raw[key] for key in ("md5", "sha256") if key in raw}
            try:
                package = conda_package(row, platform.subdir)
            except Refused as refused:
                self._note(f"packages.{place.name}: {raw.get('name')}", refused)
                continue
            yield CondaRow(package=package, platform=platform, categories=_MAIN)
        total = len(environment.packages(place) or [])
        built = total - len(records) - len(environment.pypi_packages_for_platform(place) or [])
        if built:
            message = f"{built} conda packages are built from source, which no lock can pin"
            self._note(f"packages.{place.name}", Refused("", message))

    def _pypi(
        self, environment: Environment, place: LockPlatform, platform: Platform
    ) -> Iterator[PypiRow]:
        for package in environment.pypi_packages_for_platform(place) or []:
            if self._skip_local and _is_local(package.location):
                continue
            try:
                yield _pypi_row(package, platform)
            except Refused as refused:
                self._note(f"packages.{place.name}: {package.name}", refused)

    def _note(self, key: str, refused: Refused) -> None:
        where = f"{self._where}.{key}"
        self._problems.append(Problem(where=where, message=refused.message, hint=refused.hint))


def _pypi_row(package: PypiLockedPackage, platform: Platform) -> PypiRow:
    if _is_local(package.location):
        raise Refused(
            "",
            f"{shown(package.location)} is a folder of the project, which no lock can pin",
            "build a wheel of it and publish it, or leave local packages out",
        )
    try:
        hashes = package.hashes
        digest = hashes.sha256 if hashes is not None else None
    except AttributeError:
        digest = None  # rattler's answer for a package without hashes
    return PypiRow(
        name=normal_name(package.name),
        version=plain_text("", package.version),
        platform=platform,
        url=rules.artifact_url("", _source(package.location)),
        categories=_MAIN,
        sha256=digest.hex() if digest else None,
        dependencies=tuple(sorted(_requirements(package.requires_dist))),
    )


def _is_local(location: str) -> bool:
    return "://" not in location


def _source(location: str) -> str:
    """Return the URL of a file, or of a repository as pip writes it: `git+URL@commit`."""
    if not location.startswith(_GIT):
        return location
    address, _, commit = location.partition("#")
    base, _, query = address.partition("?")
    folder = parse_qs(query).get("subdirectory", [""])[0]
    return f"{base}@{commit}" + (f"#subdirectory={folder}" if folder else "")


def _requirements(texts: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what a package needs in any case: requirements of its extras are left out."""
    found: dict[str, str] = {}
    for text in texts:
        match = _REQUIRES.fullmatch(text.strip())
        if match and "extra" not in (match[3] or ""):
            found.setdefault(normal_name(match[1]), (match[2] or "").replace(" ", ""))
    yield from found.items()


def _load(path: Path, where: str) -> LockFile:
    # rattler takes 45 ms to import; only this format needs it.
    from rattler import LockFile

    with _failures(where):
        return LockFile.from_path(path)


@contextlib.contextmanager
def _failures(where: str) -> Iterator[None]:
    """Tell what rattler says of a file as an error of ours."""
    from rattler.exceptions import ParseCondaLockError

    try:
        yield
    except ParseCondaLockError as error:
        raise _unreadable(where, str(error)) from error
    except BaseException as error:
        # rattler was not written for names that it did not expect: a panic has no class to import,
        # and it is no `Exception`.
        if type(error).__name__ != "PanicException":
            raise
        raise _unreadable(where, str(error)) from error


def _unreadable(where: str, message: str) -> InputError:
    said = rules.hidden(" ".join(message.split()))[:300]
    return InputError(
        f"this is not a pixi.lock that can be read: {said}",
        where=where,
        hint="take the file whole from version control, or run `pixi lock`",
    )


def _channel_url(channel: str) -> str:
    if "://" in channel:
        return channel.rstrip("/") + "/"
    from rattler import Channel  # knows where a name leads to

    return Channel(channel).base_url
