"""Files that no package lists: MOR108."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from mooring.verify import rules
from mooring.verify.findings import Finding, Rule, Severity
from mooring.verify.inventory import Inventory, Stray, StrayKind
from mooring.verify.shown import shown

_SAYS: Mapping[StrayKind, str] = {
    "module": "nothing installed it, and Python can import it",
    "pth": "nothing installed it, and Python reads it at every start",
    "startup": "nothing installed it, and Python runs it at every start",
    "plugin": "the package did not bring it, and it names code that others load",
    "program": "nothing installed this program",
    "known": "virtualenv makes such a file, but in no version that is known here",
    "data": "nothing installed it",
    "unexamined": "files in it may be missed",
}


def check_strays(inventory: Inventory, told: frozenset[str]) -> Iterator[Finding]:
    """Yield each stray.

    Args:
        inventory: What is there.
        told: Paths that another finding tells of already.
    """
    for stray in inventory.strays:
        if stray.path in told:
            continue
        rule, message = _judged(stray)
        yield Finding(
            rule=rule,
            message=message,
            path=shown(stray.path),
            actual=stray.digest,
            fix=None if stray.kind == "unexamined" else _fix(inventory, stray),
        )


def _judged(stray: Stray) -> tuple[Rule, str]:
    severity, message = _severity(stray), _SAYS[stray.kind]
    rule = rules.UNVERIFIABLE if stray.kind == "unexamined" else rules.STRAY.at(severity)
    if stray.kind == "pth" and stray.digest is not None:
        does = "runs code" if stray.executes else "adds to the module search path"
        message = f"nothing installed it, and it {does} at every start"
    files = f" ({stray.count:,} files)" if stray.count > 1 else ""
    problem = f"; {shown(stray.problem)}" if stray.problem else ""
    return rule, message + files + problem


def _severity(stray: Stray) -> Severity:
    if stray.kind in ("program", "data") or (stray.kind == "module" and stray.problem):
        return "warning"
    return "info" if stray.kind == "known" else "error"


def _fix(inventory: Inventory, stray: Stray) -> str:
    if inventory.kind != "path":
        return "build the image again, or the container from it, without this file"
    if stray.path.endswith("/*"):
        return f"look into {shown(stray.path.removesuffix('/*'))} and remove what is not yours"
    place = shlex.quote(shown(f"{inventory.root.rstrip('/')}/{stray.path}"))
    return f"rm -r {place}, if you do not know it"
