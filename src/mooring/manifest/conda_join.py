"""What all places declare of conda, joined into the `CondaInputs` of a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mooring.manifest.conda import MAIN, CondaChannel, CondaInputs, CondaRequirement
from mooring.manifest.conda_channels import DEFAULT_CHANNEL, channel_name, parse_channel
from mooring.manifest.conda_found import FoundChannel, FoundConda, LimitedRequirement
from mooring.manifest.matchspec import read_spec
from mooring.manifest.model import Requirement
from mooring.manifest.problems import Problems, quoted
from mooring.manifest.requirement import normal_form
from mooring.platforms import Platform


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinedConda:
    """What is declared of conda, and what its files ask for of PyPI.

    Attributes:
        pypi: (category, requirement) pairs; a limit to platforms has become a marker.
    """

    inputs: CondaInputs
    pypi: tuple[tuple[str, Requirement], ...] = ()

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories beside `main`, in the order of declaration."""
        named = [requirement.category for requirement in self.inputs.requirements]
        named += [category for category, _ in self.pypi]
        return tuple(dict.fromkeys(name for name in named if name != MAIN))


def declared_platforms(found: Iterable[FoundConda | None]) -> tuple[Platform, ...] | None:
    """Return the platforms that the files name, in order; None when none of them names any."""
    names = dict.fromkeys(name for part in found if part for name in part.platforms or ())
    return tuple(Platform.parse(name) for name in names) or None


def join_conda(
    table: FoundConda | None,
    files: Sequence[FoundConda],
    platforms: Sequence[Platform],
    problems: Problems,
) -> JoinedConda | None:
    """Join what the manifest and its sources declare; None when nothing comes from conda.

    Args:
        table: Of `[tool.mooring.conda]`; its channels replace those of the files.
        files: Of the sources, in their order.
        platforms: Those of the manifest.
        problems: Receives contradictions.
    """
    if table is None and not files:
        return None
    parts = [*files, *([table] if table else [])]
    subdirs = tuple(dict.fromkeys(platform.subdir for platform in platforms))
    listed = table.channels if table and table.channels else _merged_channels(files, problems)
    requirements = [r for part in parts for r in part.requirements]
    channels = _with_named(listed, requirements)
    inputs = CondaInputs(
        channels=channels,
        requirements=_narrowed(requirements, channels, subdirs),
        virtual_packages=tuple(
            pair for part in parts for pair in part.virtual_packages if pair[0] in subdirs
        ),
        priority=(table.priority if table else None) or "strict",
        variables=_variables(files),
    )
    pypi = (each for part in parts for each in part.pypi)
    return JoinedConda(inputs=inputs, pypi=tuple(_marked(pypi, platforms)))


def _merged_channels(files: Sequence[FoundConda], problems: Problems) -> tuple[FoundChannel, ...]:
    """Join the lists of the files; each keeps its order, or it is a problem."""
    merged: list[FoundChannel] = []
    for part in files:
        position = 0
        pending: list[FoundChannel] = []
        for entry in part.channels:
            known = [each.channel.name for each in merged]
            if entry.channel.name not in known:
                pending.append(entry)
                continue
            at = known.index(entry.channel.name)
            if at < position:
                problems.add(
                    entry.where,
                    f"the channel {quoted(entry.channel.name)} has another rank than in "
                    f"{merged[at].where}",
                    "write `channels` into [tool.mooring.conda]: they replace those of the files",
                )
                continue
            merged[at:at] = pending
            position = at + len(pending) + 1
            pending = []
        merged += pending
    return tuple(merged)


def _with_named(
    listed: Sequence[FoundChannel], requirements: Iterable[CondaRequirement]
) -> tuple[CondaChannel, ...]:
    """Return the channels; those that only a specification names come last, as in conda."""
    found = {entry.channel.name: entry.channel for entry in listed}
    if not found:
        found[DEFAULT_CHANNEL] = parse_channel(DEFAULT_CHANNEL)
    addresses = {_address(channel) for channel in found.values()}
    for requirement in requirements:
        name = _channel_of(requirement)
        if name and name not in found and name not in addresses:
            found[name] = parse_channel(name)
    return tuple(found.values())


def _channel_of(requirement: CondaRequirement) -> str | None:
    return read_spec(requirement.text).channel if "::" in requirement.text else None


def _address(channel: CondaChannel) -> str:
    return channel_name(channel.url)


def _narrowed(
    requirements: Iterable[CondaRequirement],
    channels: Sequence[CondaChannel],
    subdirs: tuple[str, ...],
) -> tuple[CondaRequirement, ...]:
    """Return what counts on these platforms, each once; the label of a channel becomes its URL."""
    addresses = {c.name: _address(c) for c in channels if _address(c) != c.name}
    found: dict[CondaRequirement, CondaRequirement] = {}
    for requirement in requirements:
        chosen = _shared(requirement.platforms, subdirs)
        if chosen == ():
            continue
        text = requirement.text
        label = _channel_of(requirement)
        if label in addresses:
            text = replace(read_spec(text), channel=addresses[label]).text
        narrowed = replace(requirement, text=text, platforms=chosen)
        found.setdefault(narrowed, narrowed)
    return tuple(found.values())


def _shared(chosen: tuple[str, ...] | None, subdirs: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the platforms of a selection that the manifest has; None when it has no other."""
    if chosen is None:
        return None
    shared = tuple(name for name in chosen if name in subdirs)
    return None if len(shared) == len(subdirs) else shared


def _marked(
    pypi: Iterable[LimitedRequirement], platforms: Sequence[Platform]
) -> Iterable[tuple[str, Requirement]]:
    subdirs = tuple(dict.fromkeys(platform.subdir for platform in platforms))
    for each in pypi:
        chosen = _shared(each.platforms, subdirs)
        if chosen is None:
            yield each.category, each.requirement
        elif chosen:
            text = with_marker(each.requirement.text, _marker(chosen, subdirs))
            yield each.category, replace(each.requirement, text=text)


def _marker(chosen: tuple[str, ...], subdirs: tuple[str, ...]) -> str:
    """Return a marker that is true on the chosen ones among these platforms."""
    systems: dict[str, list[str]] = {}
    for name in chosen:
        systems.setdefault(name.partition("-")[0], []).append(name)
    parts = []
    for system, names in systems.items():
        whole = len(names) == sum(name.startswith(f"{system}-") for name in subdirs)
        markers = [Platform.parse(name).marker for name in names]
        parts += [markers[0].rpartition(" and ")[2]] if whole else [f"({m})" for m in markers]
    return " or ".join(parts)


def with_marker(text: str, marker: str) -> str:
    """Return a requirement in normal form that is for a marker as well."""
    from packaging.markers import Marker  # kept off the start-up path
    from packaging.requirements import Requirement as Parsed

    parsed = Parsed(text)
    parsed.marker = Marker(f"({parsed.marker}) and ({marker})" if parsed.marker else marker)
    return normal_form(str(parsed))


def _variables(files: Iterable[FoundConda]) -> tuple[tuple[str, str], ...]:
    """Return the variables by name; as in conda, a later file wins."""
    found: dict[str, str] = {}
    for part in files:
        found.update(part.variables)
    return tuple(sorted(found.items()))
