"""apt with a state of its own: this machine's archives and keys, and nothing of its packages.

Only apt knows an archive's host, keys, proxies, certificates and passwords; Mooring asks it and
keeps none of them. Nothing is installed: apt computes which packages belong together, and fetches.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mooring.artifacts.deb_sources import (
    Source,
    read_sources,
    sources_for,
    without_password,
)
from mooring.digests import sha256_hex
from mooring.errors import MooringError
from mooring.files import cache_root, write_files
from mooring.manifest.system import SystemBase
from mooring.process import Completed, run
from mooring.urls import redact

HELPER = "/usr/lib/apt/apt-helper"
_LARGEST_LOGINS = 1 << 20
_CONFIG_SECONDS, _WORK_SECONDS = 30.0, 1800.0

# Hooks, sandboxes, pins and everything else of this machine's configuration stay out.
_KEPT_SETTINGS = re.compile(
    r"Acquire::(?:(?:http|https|ftp|mirror)(?:::.+)?|Retries|Check-Valid-Until|Check-Date"
    r"|Max-FutureTime|ForceIPv4|ForceIPv6|Proxy-?Auto-?Detect)",
    re.IGNORECASE,
)
_PLACES = {
    "list": "Dir::Etc::sourcelist/f",
    "parts": "Dir::Etc::sourceparts/d",
    "trusted": "Dir::Etc::trusted/f",
    "trustedparts": "Dir::Etc::trustedparts/d",
    "netrc": "Dir::Etc::netrc/f",
    "netrcparts": "Dir::Etc::netrcparts/d",
}


class AptError(MooringError):
    """apt is absent, or could not do what it was asked (exit code 3)."""


class UnknownSuite(AptError):
    """The archives that this machine knows have no such release (exit code 3)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HostApt:
    """What this machine's apt is configured with.

    Attributes:
        distribution: `ID` of os-release; empty when unknown.
        settings: Lines of apt.conf about how to reach archives; may hold credentials.
        places: Absolute paths of the keys and passwords, by the names of `_PLACES`.
        logins: The file of passwords.
    """

    distribution: str
    sources: tuple[Source, ...]
    settings: tuple[str, ...]
    places: Mapping[str, str]
    logins: str = field(default="", repr=False)


class Apt:
    """An apt that works for one release and machine, in a folder of its own.

    Args:
        host: This machine's apt.
        base: The release.
        architecture: The machine to install for, as the distribution names it.
        root: Where the state is kept; below Mooring's cache by default, so that only what changed
            in an archive is fetched again.
    """

    def __init__(
        self, host: HostApt, base: SystemBase, architecture: str, *, root: Path | None = None
    ) -> None:
        self.base = base
        self.architecture = architecture
        known = sources_for(
            base, host.sources, architecture=architecture, distribution=host.distribution
        )
        if not known:
            raise _no_source(base, architecture)
        pairs = [without_password(source) for source in known]
        self.sources = tuple(source for source, _ in pairs)
        self._logins = "".join(dict.fromkeys(line for _, line in pairs))
        self._host = host
        key = sha256_hex(self._source_text().encode())[:16]
        self.folder = (
            root or cache_root() / "apt"
        ).absolute() / f"{base.suite}-{architecture}-{key}"

    def prepare(self, *, preferences: str = "") -> None:
        """Write the folder; `preferences` as in apt_preferences(5)."""
        for name in ("", "lists/partial", "archives/partial", "etc/sources.d", "etc/none"):
            try:
                # Passwords are in it, so nobody else may look.
                (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise AptError(
                    f"the cache folder cannot be written: {error.strerror}",
                    where=str(self.folder),
                    hint="set MOORING_CACHE_DIR to a folder you may write to",
                ) from error
        write_files(
            {
                self.folder / "apt.conf": self._configuration().encode(),
                self.folder / "status": b"",
                self.folder / "etc/preferences": preferences.encode(),
                self.folder / "etc/auth.conf": (self._logins + self._host.logins).encode(
                    "utf-8", "surrogateescape"
                ),
                self.folder / "etc/sources.d/mooring.sources": self._source_text().encode(),
            }
        )

    def use(self, sources: tuple[Source, ...]) -> None:
        """Go on with some of the sources only."""
        self.sources = sources
        path = self.folder / "etc/sources.d/mooring.sources"
        write_files({path: self._source_text().encode()})

    def run(self, words: Sequence[str]) -> Completed:
        """Run a program of apt; a failure of it is no error here."""
        environment = dict(os.environ)
        environment |= {
            "APT_CONFIG": str(self.folder / "apt.conf"),
            "LC_ALL": "C",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        return run(words, cwd=self.folder, env=environment, timeout=_WORK_SECONDS)

    def _source_text(self) -> str:
        return "\n".join(source.stanza(self.architecture) for source in self.sources)

    def _configuration(self) -> str:
        places = self._host.places
        own = {
            "Dir::State": self.folder,
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
            "Dir::State::extended_states": self.folder / "extended_states",
            "Dir::Cache": self.folder,
            "Dir::Cache::archives": self.folder / "archives",
            "Dir::Cache::pkgcache": "pkgcache.bin",
            # One of the two caches is enough, and each is as large as the lists.
            "Dir::Cache::srcpkgcache": "",
            "Dir::Etc": self.folder / "etc",
            "Dir::Etc::main": "none.conf",
            "Dir::Etc::parts": "none",
            "Dir::Etc::sourcelist": "none.list",
            "Dir::Etc::sourceparts": "sources.d",
            "Dir::Etc::preferencesparts": "none",
            "Dir::Etc::trusted": places["trusted"],
            "Dir::Etc::trustedparts": places["trustedparts"],
            "Dir::Etc::netrc": "auth.conf",
            "Dir::Etc::netrcparts": places["netrcparts"],
            "Dir::Log": self.folder,
            "APT::Architecture": self.architecture,
            "APT::Install-Recommends": "false",
            "APT::Install-Suggests": "false",
            # The folder belongs to the user who runs this, and apt's own user may not see it.
            "APT::Sandbox::User": "root",
            # An archive that does not answer is an error, not a reason to use yesterday's lists.
            "APT::Update::Error-Mode": "any",
            "Acquire::Languages": "none",
            "Acquire::PDiffs": "false",
            "Acquire::AllowInsecureRepositories": "false",
            "Acquire::AllowWeakRepositories": "false",
            "Acquire::AllowDowngradeToInsecureRepositories": "false",
        }
        lines = [f'{name} "{value}";' for name, value in own.items()]
        lines += ["#clear APT::Architectures;", f'APT::Architectures {{ "{self.architecture}"; }};']
        defaults = ('Acquire::Retries "2";', 'Acquire::http::Timeout "30";')
        return "\n".join((*defaults, *self._host.settings, *lines, ""))


def host_apt(base: SystemBase) -> HostApt:
    """Ask this machine's apt for its configuration.

    Raises:
        AptError: There is no apt here, or it does not answer.
    """
    if shutil.which("apt-get") is None or shutil.which("apt-config") is None:
        raise AptError(
            f"{base} is assembled from packages with the help of apt, which this machine lacks",
            hint="run this on Debian or Ubuntu (in a container, for example), or take an image as "
            f'the base: base = "docker.io/library/{base}"',
        )
    shell = _asked(["apt-config", "shell", *(w for pair in _PLACES.items() for w in pair)])
    places = dict.fromkeys(_PLACES, "/dev/null")
    for word in shlex.split(shell):
        name, _, value = word.partition("=")
        # What only root may read is of no use to others, and apt would stop at it.
        if name in places and value and os.access(value, os.R_OK):
            places[name] = value
    parts = sorted(Path(places["parts"]).glob("*")) if places["parts"] != "/dev/null" else []
    files = [path for path in parts if path.suffix in (".list", ".sources")]
    return HostApt(
        distribution=_distribution(),
        sources=read_sources([Path(places["list"]), *files]),
        settings=_settings(_asked(["apt-config", "dump", "--format", "%f=%v%n"])),
        places=places,
        logins=_text(Path(places["netrc"])),
    )


def refusal(apt: Apt, done: Completed) -> AptError:
    """Return the error that a failed program of apt means."""
    lines = [redact(line[3:]) for line in done.stderr.splitlines() if line.startswith("E: ")]
    said = "; ".join(dict.fromkeys(lines)) or f"exit code {done.returncode}"
    if "No space left" in done.stderr:
        return AptError(
            f"there is no space left for the packages of {apt.base}",
            where=str(apt.folder),
            hint="free some space, or set MOORING_CACHE_DIR to a folder on another disk",
        )
    absent = "does not have a Release file" in said or f"/dists/{apt.base.suite}/" in said
    if absent and "404" in done.stdout:
        return UnknownSuite(
            f"the archives of this machine's apt have no release {apt.base.suite!r} of "
            f"{apt.base.distribution} for {apt.architecture}",
            hint="check the codename; `apt-get indextargets` lists what apt knows",
        )
    if "is not signed" in said or "couldn't be verified" in done.stderr:
        return AptError(
            f"the archive's signature cannot be checked: {said[:600]}",
            hint=f"install the keys of {apt.base} (debian-archive-keyring, ubuntu-keyring), or "
            "name them with Signed-By in apt's sources",
        )
    return AptError(
        f"apt could not get what {apt.base} needs: {said[:600]}",
        hint="check the network, and that `apt-get update` works on this machine",
    )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_LARGEST_LOGINS).decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def _asked(words: Sequence[str]) -> str:
    done = run(words, env=dict(os.environ) | {"LC_ALL": "C"}, timeout=_CONFIG_SECONDS)
    if not done.ok:
        raise AptError(
            f"`{words[0]}` failed: {redact(done.stderr.strip())[:300]}",
            hint="check this machine's apt configuration",
        )
    return done.stdout


def _settings(dump: str) -> tuple[str, ...]:
    found = []
    for line in dump.splitlines():
        name, _, value = line.partition("=")
        if value and '"' not in value and _KEPT_SETTINGS.fullmatch(name):
            found.append(f'{name} "{value}";')
    return tuple(found)


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("ID", "")
    except OSError:
        return ""


def _no_source(base: SystemBase, architecture: str) -> AptError:
    return UnknownSuite(
        f"this machine's apt has no source of {base} for {architecture}",
        hint="add one in /etc/apt/sources.list.d (several releases can be there at once), or take "
        f'an image as the base: base = "docker.io/library/{base}"',
    )
