"""The rows of a conda-lock.yml in the one layout that conda-lock and Mooring write.

A pattern reads them several times as fast as a YAML parser. It takes only what YAML would read the
same way; at the first row of another form nothing is taken, and the file goes to the YAML parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mooring.lock.formats.yaml_data import Table, parse, plain
from mooring.lock.formats.yaml_text import PLAIN, PLAIN_URL

# Printable ASCII; two quotes stand for one, and are left to the YAML parser.
_QUOTED = r"'[ -&(-~]*+'"
_VALUE = rf"(?:{PLAIN}|{_QUOTED})"
_ATOM = r"(?:[0-9A-Za-z_][0-9A-Za-z_.+!-]*+|'[0-9A-Za-z_.+!-]++')"
_KEY = r"[0-9A-Za-z_][0-9A-Za-z_.-]*+"

_PAIR = re.compile(rf"    ({_KEY}): ({_VALUE})\n")
_ROW = re.compile(
    rf"- name: ({_ATOM})\n"
    rf"  version: ({_ATOM})\n"
    r"  manager: (conda|pip)\n"
    rf"  platform: ({_ATOM})\n"
    rf"  dependencies:(?: \{{\}}\n|\n((?:    {_KEY}: {_VALUE}\n)++))"
    rf"  url: ({PLAIN_URL})\n"
    rf"  hash:\n(?:    md5: ({_ATOM})\n)?(?:    sha256: ({_ATOM})\n)?"
    rf"(?:  build: ({_ATOM})\n)?"
    rf"  category: ({_ATOM})\n"
    r"  optional: (true|false)\n"
)
_START = "\npackage:\n"


class _OtherLayout(Exception):
    """A row, or a value in it, is not of the form that is read here."""


def read_regular(text: str, where: str) -> object | None:
    """Return what the YAML parser would make of the file, or None when the layout is another.

    Raises:
        InputError: What stands above the rows is no YAML that a lock may hold.
    """
    above, found, below = text.partition(_START)
    if not found or not below.startswith("- name: ") or "\r" in text:
        return None
    try:
        rows = list(_rows(below, above.count("\n") + 3))
    except _OtherLayout:
        return None
    # The rows end in a table at the margin, so what is above them is a document of its own.
    top = parse(above + "\n", where)
    if not isinstance(top, Table) or "package" in top:
        return None
    top["package"] = rows
    return top


def _rows(text: str, line: int) -> Iterator[Table]:
    end, size, match_at = 0, len(text), _ROW.match
    while end < size:
        match = match_at(text, end)
        if match is None:
            raise _OtherLayout
        yield _row(match, line)
        line += text.count("\n", end, match.end())
        end = match.end()


def _row(match: re.Match[str], line: int) -> Table:
    name, version, manager, platform, pairs, url, md5, sha256, build, category, optional = (
        match.groups()
    )
    row = Table(line)
    row["name"], row["version"] = _text(name), _text(version)
    row["manager"], row["platform"] = manager, _text(platform)
    row["dependencies"] = dependencies = {}
    if pairs:
        found = _PAIR.findall(pairs)
        for key, value in found:
            dependencies[_text(key)] = _text(value)
        if len(dependencies) != len(found):
            raise _OtherLayout
    row["url"] = url
    hashes = (("md5", md5), ("sha256", sha256))
    row["hash"] = given = {key: _text(value) for key, value in hashes if value is not None}
    if not given:
        raise _OtherLayout
    if build is not None:
        row["build"] = _text(build)
    row["category"], row["optional"] = _text(category), optional == "true"
    return row


def _text(value: str) -> str:
    """Return a scalar that is a text; an unquoted number or truth value is not."""
    if value[0] == "'":
        return value[1:-1]
    if value[0] > "9" and value[0] not in "FNOTYfnoty":
        return value
    if not isinstance(plain(value), str):
        raise _OtherLayout
    return value
