"""Which Docker command can build here, and what the engine behind it can and cannot do."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mooring import process
from mooring.build.daemon import Daemon, EngineError, no_engine
from mooring.oci.model import EngineImages, LocalImage
from mooring.process import Completed
from mooring.reporting import SILENT, Reporter

CLI_VARIABLE = "MOORING_DOCKER"
"""Names the Docker command to use; `PATH` is searched when it is not set."""

_PROBE_SECONDS = 30.0
# BuildKit came into the CLI with 18.09; from 23.0 on it needs the buildx component.
_FIRST_WITH_BUILDKIT = (18, 9)
_FIRST_WITHOUT_OWN = (23, 0)
# BuildKit 0.11 takes SOURCE_DATE_EPOCH, 0.13 rewrites the times of files in layers. An engine
# that does not say which BuildKit is inside is judged by its own version.
_EPOCH_BUILDKIT, _EPOCH_ENGINE = (0, 11), (24, 0)
_REWRITE_BUILDKIT, _REWRITE_ENGINE = (0, 13), (26, 0)
_CONTAINERD_STORE = "io.containerd.snapshotter.v1"
_BUILDKIT_LINE = re.compile(r"^Build[Kk]it(?: version)?:\s*v?(\d+)\.(\d+)", re.MULTILINE)
_DRIVER_LINE = re.compile(r"^Driver:\s*(\S+)", re.MULTILINE)
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.\d+)?")

Version = tuple[int, int]


def local_images() -> EngineImages:
    """Return the images of the local engine; it is asked only when an image is looked up."""
    return _LocalImages()


class _LocalImages:
    """Connects anew for each question, so that nobody has to close anything."""

    def inspect(self, reference: str) -> LocalImage | None:
        """Return the image, or None when the engine has none of that name."""
        with Daemon() as daemon:
            return daemon.inspect(reference)


class Runner(Protocol):
    """Runs a program to its end, as `mooring.process.run` does."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """Return what the program said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """A Docker command with BuildKit, and the abilities of the engine that it talks to.

    Attributes:
        cli: The command.
        platform: `os/arch` of the engine.
        buildx: Version of the buildx component, or None where the command has BuildKit inside.
        driver: buildx's driver (`docker`, `docker-container`, ...), or None.
        buildkit: Version of the BuildKit that builds, when something tells it.
        containerd_store: Whether the engine keeps images as registries do.
    """

    cli: str
    client_version: str
    server_version: str
    platform: str
    buildx: str | None = None
    driver: str | None = None
    buildkit: Version | None = None
    containerd_store: bool = False

    @property
    def takes_epoch(self) -> bool:
        """Whether times in the image's configuration follow `SOURCE_DATE_EPOCH`."""
        return self._at_least(_EPOCH_BUILDKIT, _EPOCH_ENGINE)

    @property
    def rewrites_times(self) -> bool:
        """Whether times of files in layers can be fixed: it needs the OCI exporter as well."""
        exports_oci = self.driver not in (None, "docker") or self.containerd_store
        return (
            self.buildx is not None
            and exports_oci
            and self._at_least(_REWRITE_BUILDKIT, _REWRITE_ENGINE)
        )

    @property
    def limits(self) -> tuple[str, ...]:
        """What this engine cannot do, each with what follows from it, as plain sentences."""
        found = []
        if not self.rewrites_times:
            found.append(
                "This engine keeps the times at which files were written: the image's digest "
                "differs from build to build, the content tag does not."
            )
        elif not self.takes_epoch:
            found.append("This engine ignores SOURCE_DATE_EPOCH.")
        if self.buildx is None:
            found.append(
                "The Docker command has no buildx: one platform a build, and no attestations."
            )
        return tuple(found)

    def _at_least(self, buildkit: Version, engine: Version) -> bool:
        if self.buildkit is not None:
            return self.buildkit >= buildkit
        return (_version(self.server_version) or (0, 0)) >= engine


def probe(
    reporter: Reporter = SILENT,
    *,
    run: Runner = process.run,
    environ: Mapping[str, str] | None = None,
) -> Engine:
    """Find a Docker command that can build with BuildKit, and ask what its engine can do.

    Args:
        reporter: Hears which commands were passed over.
        run: Starts the commands.
        environ: `MOORING_DOCKER` and `PATH` are looked up in it.

    Raises:
        EngineError: There is no such command, or no engine answers it.
    """
    variables = os.environ if environ is None else environ
    refusals: list[str] = []
    for cli in candidates(variables):
        try:
            return _Probe(cli, run, variables).engine()
        except _Unfit as unfit:
            refusals.append(f"{cli}: {unfit}")
            reporter.detail(f"{cli} is passed over: {unfit}")
    if not refusals:
        raise EngineError(
            "there is no `docker` command on PATH",
            hint=f"install a Docker engine, or name the command in {CLI_VARIABLE}",
        )
    raise EngineError(
        "no Docker command here can build with BuildKit:\n  " + "\n  ".join(refusals),
        hint="install the buildx component of Docker",
    )


def candidates(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the Docker commands to try: the one that is named, else each one on `PATH`."""
    if named := environ.get(CLI_VARIABLE):
        yield named
        return
    seen: set[Path] = set()
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        found = shutil.which("docker", path=folder) if folder else None
        if found and (real := Path(found).resolve()) not in seen:
            seen.add(real)
            yield found


class _Unfit(Exception):
    """This command cannot be used; the text says why."""


class _Probe:
    """The questions to one Docker command."""

    def __init__(self, cli: str, run: Runner, environ: Mapping[str, str]) -> None:
        self._cli = cli
        self._run = run
        self._environ = environ

    def engine(self) -> Engine:
        client, server = self._versions()
        client_version = str(client.get("Version", ""))
        buildx = self._buildx()
        number = _version(client_version)
        if number is None or number < _FIRST_WITH_BUILDKIT:
            raise _Unfit(f"version {client_version or 'unknown'} has no BuildKit")
        if buildx is None and number >= _FIRST_WITHOUT_OWN:
            raise _Unfit(f"version {client_version} needs the buildx component, which is missing")
        inspected = self._ask("buildx", "inspect").stdout if buildx else ""
        driver, buildkit = _DRIVER_LINE.search(inspected), _BUILDKIT_LINE.search(inspected)
        return Engine(
            cli=self._cli,
            client_version=client_version,
            server_version=str(server.get("Version", "")),
            platform=f"{server.get('Os', 'linux')}/{server.get('Arch', '')}",
            buildx=buildx,
            driver=driver[1] if driver else None,
            buildkit=(int(buildkit[1]), int(buildkit[2])) if buildkit else None,
            containerd_store=_CONTAINERD_STORE
            in self._ask("info", "--format", "{{json .DriverStatus}}").stdout,
        )

    def _versions(self) -> tuple[Mapping[str, object], Mapping[str, object]]:
        # `--format json` is newer than 20.10, which prints the word.
        answer = self._ask("version", "--format", "{{json .}}")
        try:
            document = json.loads(answer.stdout)
            client, server = document["Client"], document.get("Server")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _Unfit("it does not answer as a Docker command does") from error
        if not isinstance(client, dict):
            raise _Unfit("it does not answer as a Docker command does")
        if not isinstance(server, dict):
            raise no_engine(answer.stderr.strip() or "the command says nothing about it")
        return client, server

    def _buildx(self) -> str | None:
        answer = self._ask("buildx", "version")
        if not answer.ok:
            return None
        match = _VERSION.search(answer.stdout)
        return match[0].removeprefix("v") if match else "unknown"

    def _ask(self, *words: str) -> Completed:
        try:
            return self._run([self._cli, *words], env=self._environ, timeout=_PROBE_SECONDS)
        except process.ProcessError as error:
            raise _Unfit(error.message) from error


def _version(text: str) -> Version | None:
    match = _VERSION.match(text)
    return (int(match[1]), int(match[2])) if match else None
