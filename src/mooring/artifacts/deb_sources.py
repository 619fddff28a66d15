"""Where this machine's apt gets packages: its source files, read into values."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mooring.manifest.system import SystemBase

_LARGEST = 1 << 20
"""Bytes of a source file; embedded keys make them long."""

_KEPT = {
    name.lower(): name
    for name in (
        "Signed-By",
        "Trusted",
        "Check-Valid-Until",
        "Check-Date",
        "Date-Max-Future",
        "By-Hash",
        "InRelease-Path",
    )
}
"""Options that say how an archive is trusted; which of its packages are taken is not up to them."""

_POCKETS = ("", "-updates", "-security")
_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<rest>.+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One archive and one of its suites, as apt is told of it (sources.list(5)).

    Attributes:
        uri: Without a slash at its end; it may hold credentials and must not be printed.
        release: The suite with its pocket: `bookworm-security`.
        architectures: Empty when it has every one.
        options: (name, value) pairs, sorted; a value may have several lines.
    """

    uri: str
    release: str
    components: tuple[str, ...]
    architectures: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()

    @property
    def is_security(self) -> bool:
        """Whether it is the pocket of security updates."""
        return self.release.endswith("-security")

    def stanza(self, architecture: str) -> str:
        """Return the text that tells an apt about it (deb822 style)."""
        fields = {
            "Types": "deb",
            "URIs": self.uri,
            "Suites": self.release,
            "Components": " ".join(self.components),
            "Architectures": architecture,
            **dict(self.options),
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items())


def without_password(source: Source) -> tuple[Source, str]:
    """Return a source without the password in its address, and a line that holds it.

    The line is one of apt_auth.conf(5), empty where there is no password: addresses are seen by
    everybody who lists processes.
    """
    parts = urlsplit(source.uri)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return source, ""
    login, _, password = user.partition(":")
    bare = replace(source, uri=parts._replace(netloc=host).geturl())
    machine = f"{parts.scheme.rpartition('+')[2]}://{host}{parts.path}"
    return bare, f"machine {machine} login {unquote(login)} password {unquote(password)}\n"


def read_sources(files: Iterable[Path]) -> tuple[Source, ...]:
    """Read source files of both styles; what is unreadable or disabled is left out.

    Args:
        files: `sources.list`, and those of `sources.list.d` in the order of apt.
    """
    found: dict[Source, None] = {}
    for path in files:
        try:
            with path.open("rb") as stream:
                text = stream.read(_LARGEST).decode("utf-8", "replace")
        except OSError:
            continue
        entries = _stanzas(text) if path.suffix == ".sources" else _lines(text)
        found.update(dict.fromkeys(entries))
    return tuple(found)


def sources_for(
    base: SystemBase,
    sources: Iterable[Source],
    *,
    architecture: str,
    distribution: str,
) -> tuple[Source, ...]:
    """Return the sources that serve a release of a distribution.

    A release that the machine has no source of is looked for where the machine's own release of
    the same distribution comes from: one mirror has all of them.

    Args:
        base: The release that is wanted.
        sources: What this machine's apt knows.
        architecture: The machine to install for.
        distribution: What this machine runs, `ID` of os-release.
    """
    usable = [
        source
        for source in sources
        if "main" in source.components
        and (not source.architectures or architecture in source.architectures)
    ]
    wanted = {f"{base.suite}{pocket}" for pocket in _POCKETS}
    if direct := tuple(source for source in usable if source.release in wanted):
        return direct
    if base.distribution != distribution:
        return ()
    return tuple(dict.fromkeys(_moved(base.suite, usable)))


def _moved(suite: str, sources: Iterable[Source]) -> Iterator[Source]:
    for source in sources:
        own, dash, pocket = source.release.partition("-")
        if f"{dash}{pocket}" in _POCKETS and re.fullmatch(r"[a-z]+", own):
            yield replace(source, release=f"{suite}{dash}{pocket}")


def _stanzas(text: str) -> Iterator[Source]:
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
        fields = _fields(block)
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        yield from _sources(
            fields, fields.get("uris", "").split(), fields.get("suites", "").split()
        )


def _fields(block: str) -> dict[str, str]:
    """Return the fields of a stanza, names in lower case; lines that go on keep their break."""
    fields: dict[str, str] = {}
    name = ""
    for line in block.split("\n"):
        if line.startswith("#"):
            continue
        if line[:1] in (" ", "\t"):
            if name:
                fields[name] += f"\n{line}"
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def _lines(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        match = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if match is None:
            continue
        try:
            words = shlex.split(match["options"] or "")
        except ValueError:
            continue
        fields = {
            name.rstrip("+-").lower(): value.replace(",", " ")
            for name, _, value in (word.partition("=") for word in words)
        }
        fields["architectures"] = fields.pop("arch", "")
        suite, *components = match["rest"].split()
        fields["components"] = " ".join(components)
        yield from _sources(fields, [match["uri"]], [suite])


def _sources(
    fields: Mapping[str, str], uris: Iterable[str], suites: Iterable[str]
) -> Iterator[Source]:
    options = tuple(
        sorted((_KEPT[name], value) for name, value in fields.items() if name in _KEPT and value)
    )
    components = tuple(fields.get("components", "").split())
    for uri in uris:
        for suite in suites:
            if components and not suite.endswith("/"):  # a flat archive belongs to no release
                yield Source(
                    uri=_readable(uri),
                    release=suite.strip("/"),
                    components=components,
                    architectures=tuple(fields.get("architectures", "").split()),
                    options=options,
                )


def _readable(uri: str) -> str:
    """Return the address without a slash at its end, so that paths can be joined to it."""
    # apt makes links to the files of `file:`; copies stay what they were.
    return re.sub(r"^file:", "copy:", uri).rstrip("/")
