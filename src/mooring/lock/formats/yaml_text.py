"""Texts as YAML scalars, always the same for the same text: what the writers of YAML share."""

from __future__ import annotations

import re
from functools import lru_cache

from mooring.errors import MooringError

_WORD = r"[0-9A-Za-z_./+!*,<>=|~@%-]*+"
PLAIN = rf"[0-9A-Za-z_/<=~]{_WORD}(?: [0-9A-Za-z_./*<>=!~]{_WORD})*+"
"""A pattern of texts that need no quotes, unless they look like something else than a text."""

PLAIN_URL = r"[a-z][a-z+]*+://[0-9A-Za-z_./+!=~@%:-]*(?<!:)"
"""The same of URLs; a colon inside is followed by no space."""

_NEEDS_NO_QUOTES = re.compile(rf"{PLAIN}|{PLAIN_URL}")
# Numbers, dates, truth values and nothing, by YAML 1.1 or 1.2: one reader or another takes them so.
_NOT_TEXT = re.compile(
    r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|0[xX][0-9A-Fa-f_]+|0[oO][0-7]+|0[bB][01_]+"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*"
    r"|y|n|yes|no|on|off|true|false|null|~|=|<<",
    re.IGNORECASE,
)
_ASCII = re.compile(r"[ -~]*+")


@lru_cache(maxsize=4096)
def scalar(text: str) -> str:
    """Return the text as a YAML scalar on one line, quoted only where it must be.

    Raises:
        MooringError: It holds half of a surrogate pair, which no YAML can.
    """
    if _NEEDS_NO_QUOTES.fullmatch(text) and not _NOT_TEXT.fullmatch(text):
        return text
    if _ASCII.fullmatch(text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if " " <= char <= "~":
        return char
    if "\ud800" <= char <= "\udfff":
        raise MooringError("a text of the lock is not Unicode: it holds half of a surrogate pair")
    return f"\\U{ord(char):08X}"
