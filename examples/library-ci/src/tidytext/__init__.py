"""Tidy up text: one function, so that there is something to test."""

import regex

_SPACES = regex.compile(r"\p{White_Space}+")


def squeeze(text: str) -> str:
    """Replace every run of white space, of any script, by one space."""
    return _SPACES.sub(" ", text).strip()
