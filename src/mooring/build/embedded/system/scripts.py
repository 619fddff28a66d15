"""What the scripts of packages would do and nobody does: read for a warning, never executed."""

from __future__ import annotations

import re

from mooring.artifacts.deb import Deb
from mooring.reporting import Reporter

_EFFECTS = (
    (
        "links of the alternatives system",
        re.compile(r"\bupdate-alternatives\b[^\n;&|]*--install\b"),
    ),
    ("users or groups", re.compile(r"\b(?:adduser|addgroup|useradd|groupadd|systemd-sysusers)\b")),
)
_HARMLESS = frozenset({"debianutils", "dpkg", "mawk", "tar"})
"""Parts of every base, whose alternatives (`awk`, `which`, `rmt`) nothing in it needs."""


class Scripts:
    """Collects what is left undone, and says so once."""

    def __init__(self) -> None:
        self._undone: dict[str, list[str]] = {}

    def look_at(self, deb: Deb) -> None:
        """Look at the script that dpkg would run after unpacking a package."""
        text = deb.postinst.replace("\\\n", " ")
        code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        name = deb.fields["Package"]
        for effect, pattern in _EFFECTS:
            if name not in _HARMLESS and pattern.search(code):
                self._undone.setdefault(effect, []).append(name)

    def say(self, reporter: Reporter) -> None:
        """Warn of each effect with the packages that would have it."""
        for effect, names in sorted(self._undone.items()):
            reporter.warn(
                f"scripts of packages are not run: {effect} of {', '.join(sorted(names))} "
                "are not in the base"
            )
