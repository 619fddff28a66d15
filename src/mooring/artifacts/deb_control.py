"""Control data of Debian packages: paragraphs of fields (deb-control(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FIELD = re.compile(r"(?P<name>[!-9;-~]+):[ \t]*(?P<value>.*)")


def parse_stanzas(text: str) -> Iterator[dict[str, str]]:
    """Yield the fields of each paragraph; lines that go on keep their break and first space.

    Lines that are neither are left out, and of a field that stands twice the first counts.
    """
    fields: dict[str, str] = {}
    name: str | None = None
    for line in text.splitlines():
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, None
        elif line[0] in " \t":
            if name is not None:
                fields[name] += f"\n{line}"
        elif match := _FIELD.fullmatch(line):
            name = match["name"] if match["name"] not in fields else None
            if name is not None:
                fields[name] = match["value"].strip()
    if fields:
        yield fields


def write_stanza(fields: dict[str, str]) -> str:
    """Return the paragraph of fields, in their order."""
    return "".join(
        f"{name}: {value}\n" if value[:1] != "\n" else f"{name}:{value}\n"
        for name, value in fields.items()
    )
