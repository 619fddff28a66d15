"""The adapter of rattler's solver: the only place where its types are seen in this stage.

rattler is imported where it is used: its import takes as long as a whole `mooring --version`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from mooring.errors import InputError
from mooring.manifest.conda import ChannelPriority
from mooring.resolve.conda.addresses import Address
from mooring.resolve.conda.interface import Failed, Pin, Solved, SolveProblem

if TYPE_CHECKING:
    from rattler import (
        Channel,
        Client,
        Gateway,
        GenericVirtualPackage,
        MatchSpec,
        RepoDataRecord,
        Subdir,
    )

_T = TypeVar("_T")

_LETTING_GO_SECONDS = 0.005
_RETRIES = 2
_REQUEST_SECONDS = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class SolverOptions:
    """How to solve.

    Attributes:
        cutoff: An aware time; packages uploaded later do not exist.
        offline: Ask no channel, take what the cache has.
        cache: Where repodata is kept.
    """

    cache: Path
    priority: ChannelPriority = "strict"
    cutoff: datetime | None = None
    offline: bool = False


class RattlerSolver:
    """Solves with rattler, in process, all platforms concurrently."""

    def __init__(self, channels: Sequence[Address], options: SolverOptions) -> None:
        from rattler import Channel

        self._addresses = tuple(channels)
        self._channels = [Channel(address.base) for address in channels]
        self._options = options
        self._gateway = _gateway(self._addresses, self._channels, options)

    def solve(self, problems: Sequence[SolveProblem]) -> Sequence[Solved | Failed]:
        """Solve the problems at the same time; one answer for each, in their order.

        Raises:
            InputError: A specification is malformed.
        """
        return _run(self._solve_all(problems))

    def names(self, subdir: str) -> frozenset[str]:
        """Return the names of all packages that the channels have for a platform."""
        return _run(self._names(self._channels, subdir))

    async def _solve_all(self, problems: Sequence[SolveProblem]) -> list[Solved | Failed]:
        return list(await asyncio.gather(*(self._solve(problem) for problem in problems)))

    async def _solve(self, problem: SolveProblem) -> Solved | Failed:
        from datetime import UTC

        from rattler import ChannelPriority as Priority
        from rattler import solve
        from rattler.exceptions import GatewayError, SolverError

        cutoff = self._options.cutoff
        strict = self._options.priority == "strict"
        try:
            records = await solve(
                self._channels,
                self._specs(problem),
                gateway=self._gateway,
                platforms=_subdirs(problem.subdir),
                locked_packages=await self._locked(problem),
                virtual_packages=[_virtual(text) for text in problem.virtual_packages],
                channel_priority=Priority.Strict if strict else Priority.Disabled,
                # It replaces the zone of a time instead of converting it.
                exclude_newer=cutoff.astimezone(UTC) if cutoff else None,
                # Only declared channels count, and not those that their repodata points to.
                channel_relations="disabled",
            )
        except SolverError as error:
            return Failed(kind="unsatisfiable", text=str(error))
        except GatewayError as error:
            return Failed(kind="channel", text=str(error), channel=await self._broken(problem))
        return Solved(records=tuple(json.loads(record.to_json()) for record in records))

    def _specs(self, problem: SolveProblem) -> list[MatchSpec]:
        """Return what to solve for.

        Records that no specification matches are not loaded, and do not hide those of channels
        that come later. The bare name, which changes nothing else, makes all of them be loaded.
        """
        specs = [_spec(text) for text in problem.specs]
        if len(self._channels) == 1 or self._options.priority != "strict":
            return specs
        explicit = _named_with_channel(problem.specs)
        names = dict.fromkeys(spec.name.normalized for spec in specs)
        return [*specs, *(_spec(name) for name in names if name not in explicit)]

    async def _locked(self, problem: SolveProblem) -> list[RepoDataRecord]:
        """Return the channels' own records of what is locked.

        A lock knows less than they do (`constrains`, times), and what the channels no longer have
        is not kept.
        """
        if not problem.pins:
            return []
        found = await self._gateway.query(
            self._channels,
            _subdirs(problem.subdir),
            [_spec(f"{pin.name} =={pin.version} {pin.build}") for pin in problem.pins],
            recursive=False,
            channel_relations="disabled",
        )
        # One list for each channel and subdir, channel by channel.
        width = len(_subdirs(problem.subdir))
        listed = [
            [record for rows in found[start : start + width] for record in rows]
            for start in range(0, len(found), width)
        ]
        chosen: dict[str, RepoDataRecord] = {}
        explicit = _named_with_channel(problem.specs)
        urls = {pin.name: pin.url for pin in problem.pins}
        before: frozenset[str] = frozenset()
        for number, records in enumerate(listed):
            if number and self._options.priority == "strict" and any(listed[number:]):
                # The solver takes a locked record past the priority of its channel.
                before |= await self._names([self._channels[number - 1]], problem.subdir)
            for record in records:
                name = record.name.normalized
                if name in before and name not in explicit:
                    continue
                if name not in chosen or record.url == urls[name]:
                    chosen[name] = record
        return list(chosen.values())

    async def _names(self, channels: Sequence[Channel], subdir: str) -> frozenset[str]:
        found = await self._gateway.names(list(channels), _subdirs(subdir))
        return frozenset(name.normalized for name in found)

    async def _broken(self, problem: SolveProblem) -> str | None:
        """Return the label of the channel that cannot be read: errors may not name it."""
        from rattler.exceptions import GatewayError

        if len(self._channels) == 1:
            return self._addresses[0].label
        for address, channel in zip(self._addresses, self._channels):
            try:
                await self._names([channel], problem.subdir)
            except GatewayError:
                return address.label
        return None


def _run(work: Coroutine[object, object, _T]) -> _T:
    """Run to the end, and let rattler's threads come to theirs.

    They hand over a result and then let go of the interpreter; one that ends before they did so
    crashes the process: a third of the bare solves that were followed by the end of the program.
    """
    try:
        return asyncio.run(work)
    finally:
        time.sleep(_LETTING_GO_SECONDS)


def check_pins(pins: Sequence[Pin]) -> tuple[Pin, ...]:
    """Return the pins that can be asked for; a foreign lock may hold odd versions."""
    usable = []
    for pin in pins:
        try:
            _spec(f"{pin.name} =={pin.version} {pin.build}")
        except InputError:
            continue
        usable.append(pin)
    return tuple(usable)


def _gateway(
    addresses: Sequence[Address], channels: Sequence[Channel], options: SolverOptions
) -> Gateway:
    from rattler import Gateway, SourceConfig

    return Gateway(
        cache_dir=options.cache,
        default_config=SourceConfig(
            cache_action="force-cache-only" if options.offline else "cache-or-fetch"
        ),
        client=_client(addresses, [channel.base_url for channel in channels]),
    )


def _client(addresses: Sequence[Address], urls: Sequence[str]) -> Client:
    from rattler import Client
    from rattler.networking import (
        AddHeadersMiddleware,
        AuthenticationMiddleware,
        GCSMiddleware,
        MirrorMiddleware,
        OciMiddleware,
        RetryMiddleware,
        S3Middleware,
    )

    mirrors = {url: list(a.asked) for a, url in zip(addresses, urls) if a.asked}
    headers = {}
    for address, url in zip(addresses, urls):
        for asked, value in address.headers:
            parts = urlsplit(asked or url)
            headers[parts.hostname or "", parts.path.rstrip("/") + "/"] = value

    def authorization(host: str, path: str) -> dict[str, str] | None:
        fitting = [p for h, p in headers if h == host and path.startswith(p)]
        return {"Authorization": headers[host, max(fitting, key=len)]} if fitting else None

    return Client(
        [
            RetryMiddleware(_RETRIES),
            MirrorMiddleware(mirrors),
            AddHeadersMiddleware(authorization),
            AuthenticationMiddleware(),
            OciMiddleware(),
            GCSMiddleware(),
            S3Middleware(),
        ],
        timeout=_REQUEST_SECONDS,
    )


def _subdirs(subdir: str) -> list[Subdir]:
    from rattler import Subdir

    return [Subdir(subdir), Subdir("noarch")]


def _spec(text: str) -> MatchSpec:
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    try:
        # As an object: as a text it would be parsed strictly, and `numpy 1.0` refused.
        return MatchSpec(text)
    except InvalidMatchSpecError as error:
        raise InputError(f"{text!r} is not a match specification: {error}") from error


def _virtual(text: str) -> GenericVirtualPackage:
    from rattler import BuildString, GenericVirtualPackage, PackageName, Version

    name, version, build = text.split("=")
    return GenericVirtualPackage(PackageName(name), Version(version), BuildString(build))


def _named_with_channel(specs: Sequence[str]) -> frozenset[str]:
    """Return the names whose channel is given, which may be one of low priority."""
    named = (_spec(text) for text in specs if "::" in text)
    return frozenset(spec.name.normalized for spec in named if spec.name)
