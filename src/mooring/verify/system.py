"""Python packages of the operating system: are their files those that dpkg installed?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from mooring.verify import rules
from mooring.verify.files import modified
from mooring.verify.findings import Finding
from mooring.verify.inventory import Inventory, SeenFile, SystemPackage
from mooring.verify.shown import shown

_NAMED = 3


def check_system(inventory: Inventory) -> Iterator[Finding]:
    """Yield what differs from dpkg's own lists; what it installed is no lock's business."""
    for package in inventory.system:
        fix = _fix(inventory, package)
        unhashed = [file for file in package.files if file.recorded is None]
        for file in package.files:
            finding = _check(package, file, fix, hashed=inventory.hashed)
            if finding is not None:
                yield finding
        if unhashed:
            some = ", ".join(shown(file.path) for file in unhashed[:_NAMED])
            more = f" and {len(unhashed) - _NAMED} more" if len(unhashed) > _NAMED else ""
            yield Finding(
                rule=rules.UNHASHED,
                message=f"dpkg has no digest for {some}{more}",
                package=shown(package.name),
                fix=fix,
            )


def _check(package: SystemPackage, file: SeenFile, fix: str, *, hashed: bool) -> Finding | None:
    if file.recorded is None or file.actual == file.recorded:
        return None
    rule, message = modified(file.path), "the content is not that which dpkg installed"
    if file.kind == "missing":
        rule, message = rules.REMOVED, "dpkg installed it, and it is gone"
    elif file.problem is not None:
        rule = rules.UNVERIFIABLE if file.kind == "file" else rules.MODIFIED
        message = file.problem
    elif not hashed:
        return None
    return Finding(
        rule=rule,
        message=shown(message),
        package=shown(package.name),
        path=shown(file.path),
        expected=file.recorded,
        actual=file.actual,
        fix=fix,
    )


def _fix(inventory: Inventory, package: SystemPackage) -> str:
    if inventory.kind in ("container", "image"):
        return "build the image again, or the container from it"
    return f"apt-get install --reinstall {shlex.quote(shown(package.name))}"
