"""`[tool.mooring.conda]`: channels, match specifications and virtual packages of a manifest."""

from __future__ import annotations

from typing import get_args

from mooring.errors import InputError
from mooring.manifest.conda import MAIN, ChannelPriority, CondaChannel, CondaRequirement
from mooring.manifest.conda_channels import NO_DEFAULTS, parse_channel
from mooring.manifest.conda_found import FoundChannel, FoundConda
from mooring.manifest.conda_selectors import both, selected
from mooring.manifest.conda_virtual import read_virtual_packages
from mooring.manifest.matchspec import parse_spec
from mooring.manifest.problems import quoted
from mooring.manifest.requirement import canonical_name
from mooring.manifest.tables import Table

_PRIORITIES: tuple[ChannelPriority, ...] = get_args(ChannelPriority)


def read_conda(table: Table) -> FoundConda:
    """Return what the table declares; what is wrong is recorded and left out."""
    found = FoundConda(
        channels=_channels(table),
        requirements=(*_requirements(table, MAIN), *_groups(table)),
        virtual_packages=read_virtual_packages(table),
        priority=_priority(table),
    )
    table.refuse_unknown()
    return found


def _priority(table: Table) -> ChannelPriority | None:
    if "channel-priority" in table and table.data["channel-priority"] == "flexible":
        table.problem(
            "channel-priority",
            "the solver knows no flexible channel priority",
            'write "strict", and `channel::name` for what must come from a later channel',
        )
        return None
    return table.choice("channel-priority", _PRIORITIES, one="priority", many="priorities")


def _requirements(
    table: Table, category: str, platforms: tuple[str, ...] | None = None
) -> tuple[CondaRequirement, ...]:
    """Return the dependencies of a table and of its `platform` tables."""
    found: list[CondaRequirement] = []
    for number, text in table.numbered("dependencies"):
        with table.catch("dependencies", number):
            place = table.place("dependencies", number)
            found.append(parse_spec(text, place, platforms=platforms, category=category))
    for name, below in table.subtables("platform"):
        with below.catch():
            found += _requirements(below, category, both(platforms, selected(name)))
            below.refuse_unknown()
    return tuple(found)


def _groups(table: Table) -> tuple[CondaRequirement, ...]:
    found: list[CondaRequirement] = []
    for name, below in table.subtables("groups"):
        with below.catch():
            category = canonical_name(name)
            if category == MAIN:
                raise InputError(
                    f"{quoted(name)} is what is always installed, and no group",
                    hint="write them into `dependencies` of [tool.mooring.conda]",
                )
            found += _requirements(below, category)
            below.refuse_unknown()
    return tuple(found)


def _channels(table: Table) -> tuple[FoundChannel, ...]:
    found: dict[str, FoundChannel] = {}
    for number, value in enumerate(table.items("channels")):
        channel = _channel(table, number, value)
        if channel is None:
            continue
        if channel.name in found:
            table.problem(("channels", number), f"{quoted(channel.name)} is listed twice")
        place = table.place("channels", number)
        found.setdefault(channel.name, FoundChannel(channel=channel, where=place))
    return tuple(found.values())


def _channel(table: Table, number: int, value: object) -> CondaChannel | None:
    if isinstance(value, dict):
        return _channel_table(table.below(("channels", number), value))
    text = table.text(("channels", number), value)
    if text is not None:
        with table.catch("channels", number):
            if text == NO_DEFAULTS:
                raise InputError(
                    f"{quoted(text)} has no meaning here",
                    hint="remove it: only the listed channels are asked",
                )
            return parse_channel(text)
    return None


def _channel_table(table: Table) -> CondaChannel | None:
    name, url = table.string("name"), table.string("url")
    mirrors = []
    for number, text in table.numbered("mirrors"):
        with table.catch("mirrors", number):
            mirrors.append(_mirror(text))
    table.refuse_unknown()
    if name is None and url is None:
        table.problem((), "the channel has neither a name nor a url")
        return None
    with table.catch("url" if url else "name"):
        channel = parse_channel(url or name or "")
        label = parse_channel(name).name if name else channel.name
        if url and "://" not in url:
            raise InputError(f"{quoted(url)} is not a URL")
        return CondaChannel(name=label, url=channel.url, mirrors=tuple(mirrors))
    return None


def _mirror(text: str) -> str:
    if "://" not in text:
        raise InputError(
            f"{quoted(text)} is not a URL", hint="write the address of the mirror's channel"
        )
    return parse_channel(text).url
