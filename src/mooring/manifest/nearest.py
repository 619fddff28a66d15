"""The known word that a mistyped one was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 64


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like `word`, or None when none is close."""
    import difflib  # only needed once something is wrong

    if len(word) > _LONGEST:  # nobody mistypes that much, and the comparison is quadratic
        return None
    candidates = {candidate.lower(): candidate for candidate in known}
    folded = word.lower().replace("_", "-")
    close = difflib.get_close_matches(folded, candidates, n=1, cutoff=0.6)
    return candidates[close[0]] if close else None


def advice(word: str, known: Iterable[str], *, what: str) -> str:
    """Return a hint for an unknown word: the nearest known one, else all of them.

    Args:
        word: What was written.
        known: What may be written.
        what: The plural noun of the known words, such as `keys`.
    """
    names = sorted(known)
    close = nearest(word, names)
    if close is not None:
        return f"did you mean {close!r}?"
    return f"known {what}: " + ", ".join(names) if names else f"there are no {what}"
