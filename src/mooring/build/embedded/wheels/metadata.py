"""What a wheel says of itself: the fields of `METADATA` that an image needs, and of `WHEEL`.

Both are e-mail headers. Only headers are read here, in one pass: general parsers of e-mail take
time that grows with the square of some hostile texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mooring.build.embedded.wheels.refused import WheelRefused, shown

_MOST_HEADER_BYTES = 1 << 20
_FORMAT = re.compile(r"1\.\d+")


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelMetadata:
    """What a wheel says of itself (core metadata).

    Attributes:
        license: Free text, of metadata older than 2.4.
        requires_dist: As they are written.
    """

    name: str
    version: str
    license_expression: str | None = None
    license: str | None = None
    classifiers: tuple[str, ...] = ()
    requires_dist: tuple[str, ...] = ()
    summary: str | None = None


def read_metadata(data: bytes, where: str) -> WheelMetadata:
    """Return what a `METADATA` says; fields that nobody here needs are not looked at.

    Raises:
        WheelRefused: It has not one name and one version.
    """
    fields = _headers(data, where)
    names, versions = fields.get("name", ()), fields.get("version", ())
    if len(names) != 1 or len(versions) != 1 or not names[0] or not versions[0]:
        raise WheelRefused("its METADATA has not one Name and one Version", where=where)
    return WheelMetadata(
        name=names[0],
        version=versions[0],
        license_expression=_first(fields.get("license-expression")),
        license=_first(fields.get("license")),
        classifiers=tuple(fields.get("classifier", ())),
        requires_dist=tuple(fields.get("requires-dist", ())),
        summary=_first(fields.get("summary")),
    )


def check_format(data: bytes, where: str) -> None:
    """Refuse a wheel of another format than 1.x, by the text of its `WHEEL`.

    Raises:
        WheelRefused: It is of another format, or does not say of which.
    """
    versions = _headers(data, where).get("wheel-version", ())
    if len(versions) != 1 or not _FORMAT.fullmatch(versions[0]):
        text = shown(", ".join(versions)) if versions else "none at all"
        raise WheelRefused(f"its WHEEL names the format {text}; only 1.x is known", where=where)


def _headers(data: bytes, where: str) -> Mapping[str, Sequence[str]]:
    """Return the values of each header by its name in lower case, up to the first empty line."""
    fields: dict[str, list[list[str]]] = {}
    current: list[str] = []
    # Behind the empty line there may be a long description.
    for line in data[:_MOST_HEADER_BYTES].splitlines():
        if not line:
            break
        text = line.decode("utf-8", "replace")
        if text[0] in " \t":
            current.append(text.strip())
        else:
            name, _, value = text.partition(":")
            current = [value.strip()]
            fields.setdefault(name.strip().lower(), []).append(current)
    else:
        if len(data) > _MOST_HEADER_BYTES:
            raise WheelRefused("what it says of itself is too long", where=where)
    return {name: ["\n".join(lines) for lines in values] for name, values in fields.items()}


def _first(values: Sequence[str] | None) -> str | None:
    return values[0] or None if values else None
