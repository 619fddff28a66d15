"""Requests, records and channels made in a line, for the tests of conda's resolver."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from mooring.lock.conda import CondaLock, CondaPackage
from mooring.manifest.conda import CondaChannel, CondaInputs, CondaRequirement
from mooring.manifest.model import Manifest
from mooring.platforms import Platform
from mooring.resolve.conda import CondaResolveRequest
from mooring.resolve.conda.addresses import Address
from mooring.resolve.conda.interface import Failed, Solved, SolveProblem
from mooring.resolve.conda.rattler_solver import SolverOptions

LINUX = Platform.parse("linux-64")
MAC = Platform.parse("osx-arm64")
EXAMPLE = "https://conda.example.org/main"


def requirement(
    text: str,
    *,
    category: str = "main",
    platforms: tuple[str, ...] | None = None,
    where: str = "environment.yml:7",
) -> CondaRequirement:
    """Return a requirement; its name is its first word."""
    name = text.rpartition("::")[2].split()[0]
    return CondaRequirement(
        text=text, name=name, where=where, platforms=platforms, category=category
    )


def inputs(
    *declared: str | CondaRequirement,
    channels: Sequence[str | CondaChannel] = (EXAMPLE,),
    **options: object,
) -> CondaInputs:
    """Return what is declared of conda."""
    return CondaInputs(
        channels=tuple(c if isinstance(c, CondaChannel) else channel(c) for c in channels),
        requirements=tuple(requirement(d) if isinstance(d, str) else d for d in declared),
        **options,  # type: ignore[arg-type]
    )


def channel(url: str, *, name: str | None = None, mirrors: Sequence[str] = ()) -> CondaChannel:
    """Return a channel that is named by its URL unless it has a name."""
    return CondaChannel(name=name or url, url=url, mirrors=tuple(mirrors))


def request(manifest: Manifest, declared: CondaInputs, **options: object) -> CondaResolveRequest:
    """Return a request for the manifest's platforms."""
    options.setdefault("cache", Path("/nowhere"))
    return CondaResolveRequest(
        manifest=manifest,
        inputs=declared,
        platforms=manifest.platforms,
        **options,  # type: ignore[arg-type]
    )


def record(
    name: str,
    version: str = "1.0",
    *,
    build: str = "0",
    depends: Sequence[str] = (),
    subdir: str = "linux-64",
    channel: str = EXAMPLE,
    **more: object,
) -> dict[str, object]:
    """Return a record as a solver gives it."""
    file_name = f"{name}-{version}-{build}.conda"
    return {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "depends": list(depends),
        "subdir": subdir,
        "sha256": "ab" * 32,
        "md5": "cd" * 16,
        "timestamp": 1_700_000_000_000,
        "fn": file_name,
        "url": f"{channel}/{subdir}/{file_name}",
        "channel": f"{channel}/",
        **more,
    }


def write_channel(folder: Path, *records: Mapping[str, object]) -> str:
    """Write the repodata of these records, and return the channel's file:// URL."""
    for subdir in {"noarch", *(str(row["subdir"]) for row in records)}:
        rows = {
            str(row["fn"]): {k: v for k, v in row.items() if k not in ("fn", "url", "channel")}
            for row in records
            if row["subdir"] == subdir
        }
        data = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": rows}
        (folder / subdir).mkdir(parents=True, exist_ok=True)
        (folder / subdir / "repodata.json").write_text(json.dumps(data))
    return folder.as_uri()


@dataclass(kw_only=True)
class Served:
    """A folder of channels on http.

    Attributes:
        asked: (path, value of `Authorization`) of every request.
        refused: Paths that start with one of these are answered with its status, unless the
            request says who asks.
    """

    url: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Serve a folder on this machine; `/t/<token>` in front of a path is taken off."""
    known = Served()
    server = _Server(("127.0.0.1", 0), partial(_Handler, known, directory=str(folder)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    known.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that has heard enough hangs up."""


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, known: Served, *args: object, **kwargs: object) -> None:
        self._known = known
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        who = self.headers.get("Authorization")
        self._known.asked.append((self.path, who))
        has_token = self.path.startswith("/t/")
        if has_token:
            self.path = "/" + self.path.split("/", 3)[3]
        for start, status in self._known.refused.items():
            if self.path.startswith(start) and who is None and not has_token:
                self.send_error(status)
                return
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its base names it
        """Say nothing."""


class FakeSolver:
    """Answers with what it was given, and keeps what it was asked."""

    def __init__(
        self, *answers: Solved | Failed, names: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self._answers = answers
        self._names = names or {}
        self.channels: tuple[Address, ...] = ()
        self.options: SolverOptions | None = None
        self.problems: tuple[SolveProblem, ...] = ()

    def make(self, channels: Sequence[Address], options: SolverOptions) -> FakeSolver:
        self.channels, self.options = tuple(channels), options
        return self

    def solve(self, problems: Sequence[SolveProblem]) -> Sequence[Solved | Failed]:
        self.problems = tuple(problems)
        return self._answers

    def names(self, subdir: str) -> frozenset[str]:
        return frozenset(self._names.get(subdir, ()))


def solved(*records: Mapping[str, object]) -> Solved:
    """Return a solution."""
    return Solved(records=records)


def installed(lock: CondaLock, subdir: str = "linux-64") -> dict[str, str]:
    """Return the versions that are locked for a platform, by name."""
    return {
        row.package.name: row.package.version for row in lock.conda if row.platform.subdir == subdir
    }


def package(name: str, version: str = "1.0", **more: object) -> CondaPackage:
    """Return a conda package."""
    values: dict[str, object] = {
        "build": "0",
        "subdir": "noarch",
        "channel": EXAMPLE,
        "url": f"{EXAMPLE}/noarch/{name}-{version}-0.conda",
        "sha256": "ab" * 32,
        **more,
    }
    return CondaPackage(name=name, version=version, **values)  # type: ignore[arg-type]
