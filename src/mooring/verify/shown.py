"""What a hostile target says, made fit to be shown."""

from __future__ import annotations

_LONGEST = 500


def shown(text: str) -> str:
    """Return a text without control characters, escapes or undecodable bytes, and not endless."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
