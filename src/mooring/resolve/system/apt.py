"""The packages of a system base, resolved by apt without looking at what this machine has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mooring.artifacts.deb_apt import Apt, AptError, host_apt, refusal
from mooring.artifacts.deb_control import parse_stanzas
from mooring.errors import InputError
from mooring.files import one_writer
from mooring.lock.formats.system_lock import SystemLock, SystemPackage, debian_architecture
from mooring.manifest.system import SystemBase
from mooring.platforms import Platform, PythonVersion
from mooring.reporting import SILENT, Reporter

SEEDS = (
    "base-files",
    "base-passwd",
    "ca-certificates",
    "coreutils",
    "dash",
    "libc-bin",
    "libstdc++6",
    "netbase",
    "python3",
    "tzdata",
)
"""What every base has: a Python, certificates, time zones, users, a shell and small programs, and
the library of C++, which manylinux wheels may take for granted (PEP 600)."""

_INSTALLED = re.compile(r"Inst (?P<name>\S+) (?:\[[^\]]*\] )?\((?P<version>\S+) .*\)?")
_UNKNOWN = re.compile(r"^E: Unable to locate package (\S+)$", re.MULTILINE)
_NO_CANDIDATE = re.compile(r"^E: Package '([^']+)' has no installation candidate$", re.MULTILINE)
_PYTHON = re.compile(r"(?:\d+:)?3\.(\d{1,2})\.")
_HELD = 1001
"""Priority at which apt keeps to a version although a newer one is there (apt_preferences(5))."""
_PLACE = "tool.mooring.image.system"


def resolve_system(
    base: SystemBase,
    requested: Sequence[str],
    platform: Platform,
    reporter: Reporter = SILENT,
    *,
    previous: SystemLock | None = None,
) -> SystemLock:
    """Resolve the packages of a system base for one platform.

    Args:
        base: The release.
        requested: Names of packages that the base shall have besides `SEEDS`.
        platform: What to resolve for; this machine may be another one.
        reporter: Hears what is done.
        previous: Versions in it are kept where the archive still has them.

    Raises:
        InputError: A package is unknown, or packages exclude each other.
        AptError: There is no apt here, no source of this release, or an archive does not answer.
    """
    architecture = debian_architecture(platform)
    apt = Apt(host_apt(base), base, architecture)
    with one_writer(apt.folder):
        reporter.step(f"Resolving the system packages of {base} for {architecture}")
        apt.prepare(preferences=_preferences(previous))
        _update(apt, reporter)
        chosen = _simulate(apt, sorted({*SEEDS, *requested}))
        packages = _records(apt, chosen)
    return SystemLock(
        base=base,
        platform=Platform.parse(platform.subdir),
        requested=tuple(sorted(set(requested))),
        packages=packages,
    )


def python_of(system: SystemLock) -> PythonVersion | None:
    """Return X.Y of the Python that a system base has."""
    package = system.package("python3")
    match = _PYTHON.match(package.version) if package else None
    return PythonVersion(minor=int(match[1])) if match else None


def _preferences(previous: SystemLock | None) -> str:
    packages = previous.packages if previous else ()
    return "\n".join(
        f"Package: {package.name}\nPin: version {package.version}\nPin-Priority: {_HELD}\n"
        for package in packages
    )


def _update(apt: Apt, reporter: Reporter) -> None:
    done = apt.run(["apt-get", "update", "-q"])
    if not done.ok:
        raise refusal(apt, done)
    for line in done.stderr.splitlines():
        reporter.detail(line)
    own = _own_archives(apt)
    # Others publish for the same release too; their packages are no part of the distribution.
    # A mirror under a name of its own is all there is in some companies.
    kept = tuple(source for source in apt.sources if (source.uri, source.release) in own)
    if kept and kept != apt.sources:
        apt.use(kept)


def _own_archives(apt: Apt) -> set[tuple[str, str]]:
    """Return (address, release) of the archives that say they are the distribution's."""
    words = ["apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(ORIGIN)"]
    found = set()
    for line in apt.run([*words, "Created-By: Packages"]).stdout.splitlines():
        address, _, rest = line.partition("|")
        release, _, origin = rest.partition("|")
        if origin.lower().startswith(apt.base.distribution):
            found.add((address.rstrip("/"), release))
    return found


def _simulate(apt: Apt, names: Iterable[str]) -> dict[str, str]:
    """Return name to version of everything that would be installed on a machine without any."""
    words = ["apt-get", "install", "--simulate", "-q", "--yes", "--no-install-recommends"]
    done = apt.run([*words, *names])
    if not done.ok:
        raise _unsolved(apt, done.stdout + "\n" + done.stderr) or refusal(apt, done)
    chosen = {}
    for line in done.stdout.splitlines():
        if match := _INSTALLED.match(line):
            chosen[match["name"].partition(":")[0]] = match["version"]
    if not chosen:
        raise AptError(f"apt says nothing of what {apt.base} consists of")
    return chosen


def _unsolved(apt: Apt, said: str) -> InputError | None:
    unknown = sorted({*_UNKNOWN.findall(said), *_NO_CANDIDATE.findall(said)})
    if unknown:
        return InputError(
            f"{apt.base} has no package {', '.join(unknown)} for {apt.architecture}",
            where=_PLACE,
            hint="check the name in this release; components besides `main` are taken when "
            "this machine's apt sources name them",
        )
    _, unmet, reasons = said.partition("The following packages have unmet dependencies:\n")
    if not unmet:
        return None
    lines = [line.strip() for line in reasons.splitlines() if line.startswith(" ")]
    return InputError(
        f"the packages of {apt.base} exclude each other: " + "; ".join(lines[:10]), where=_PLACE
    )


def _records(apt: Apt, chosen: Mapping[str, str]) -> tuple[SystemPackage, ...]:
    words = [f"{name}={version}" for name, version in sorted(chosen.items())]
    done = apt.run(["apt-cache", "show", *words])
    if not done.ok:
        raise refusal(apt, done)
    found: dict[str, SystemPackage] = {}
    for package in _packages(done.stdout):
        # A version may be listed by several pockets; the first is the one that apt takes.
        if chosen.get(package.name) == package.version:
            found.setdefault(package.name, package)
    if missing := sorted(chosen.keys() - found.keys()):
        raise AptError(
            f"the archive does not say where {', '.join(missing[:5])} of {apt.base} is, "
            "or gives no SHA-256"
        )
    return tuple(found[name] for name in sorted(found))


def _packages(text: str) -> Iterator[SystemPackage]:
    for fields in parse_stanzas(text):
        size = fields.get("Size", "")
        package = SystemPackage.checked(
            {
                "name": fields.get("Package"),
                "version": fields.get("Version"),
                "architecture": fields.get("Architecture"),
                "path": fields.get("Filename", "").removeprefix("./"),
                "sha256": fields.get("SHA256", "").lower(),
                "size": int(size) if size.isascii() and size.isdecimal() else 0,
            }
        )
        if package is not None:
            yield package
