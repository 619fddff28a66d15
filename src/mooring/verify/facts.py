"""What surrounds the packages: MOR115, MOR116, MOR119, MOR120, MOR121, MOR126."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from mooring.lock.model import Selection
from mooring.platforms import Platform
from mooring.verify import rules
from mooring.verify.collectors.surroundings import is_recorded
from mooring.verify.findings import Finding
from mooring.verify.inventory import Facts, Inventory, SearchFolder
from mooring.verify.shown import shown

_NAMED = 3
_OWN_IMPLEMENTATION = "cpython"


def check_facts(
    selection: Selection, inventory: Inventory, variables: Mapping[str, str], fix: str
) -> Iterator[Finding]:
    """Yield what is wrong around the packages.

    Args:
        selection: What is locked.
        inventory: What is there.
        variables: The declared environment variables.
        fix: What makes the environment anew.
    """
    yield from _python(selection, inventory, fix)
    implementation = inventory.interpreter.implementation
    if implementation not in (None, _OWN_IMPLEMENTATION):
        yield Finding(
            rule=rules.IMPLEMENTATION,
            message="the environment has another kind of Python than the locked one",
            expected=_OWN_IMPLEMENTATION,
            actual=shown(implementation or ""),
            fix=fix,
        )
    if inventory.facts is not None:
        yield from _moved(inventory, inventory.facts, fix)
        yield from _open(inventory.facts, variables)
        yield from _variables(inventory.facts, variables)


def running_platform(platform: Platform, facts: Facts | None) -> tuple[Platform, bool]:
    """Return the platform with the libc that the environment really has, and if it is known."""
    kind, _, version = ((facts.libc if facts else None) or "").partition(" ")
    major, _, minor = version.partition(".")
    minor = minor.partition(".")[0]
    if kind != platform.floor_kind or kind != "glibc" or not (major + minor).isdigit():
        return platform, False
    return replace(platform, floor=(int(major), int(minor))), True


def _python(selection: Selection, inventory: Inventory, fix: str) -> Iterator[Finding]:
    """Compare the interpreter; its patch release only when the lock pins one."""
    locked, seen = selection.python, inventory.interpreter.version
    if seen is None:
        yield Finding(
            rule=rules.UNVERIFIABLE,
            message="the version of its Python cannot be told",
            expected=str(locked),
            fix=fix,
        )
        return
    minor = ".".join(seen.split(".")[:2])
    if minor != locked.short:
        rule = rules.PYTHON
    elif locked.patch is not None and seen.count(".") > 1 and seen != str(locked):
        rule = rules.PYTHON.at("warning")
    else:
        return
    yield Finding(
        rule=rule,
        message="the environment has another Python than the locked one",
        expected=str(locked),
        actual=shown(seen),
        fix=fix,
    )


def _moved(inventory: Inventory, facts: Facts, fix: str) -> Iterator[Finding]:
    if facts.home_found is False:
        yield Finding(
            rule=rules.MOVED.at("error"),
            message="the Python that it was made from is gone",
            path="pyvenv.cfg",
            expected=shown(facts.home or ""),
            fix=fix,
        )
    if facts.foreign_scripts:
        names = facts.foreign_scripts
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield Finding(
            rule=rules.MOVED,
            message="its programs start the Python of another place: "
            + ", ".join(map(shown, names[:_NAMED]))
            + more,
            path="bin",
            expected=shown(f"{inventory.root.rstrip('/')}/bin/python"),
            actual=shown(facts.foreign_python or ""),
            fix="make the environment anew where it is: remove the folder, then " + fix,
        )


def _open(facts: Facts, declared: Mapping[str, str]) -> Iterator[Finding]:
    """Say where else modules come from; folders that the manifest itself puts there are meant."""
    if facts.system_packages:
        yield Finding(
            rule=rules.LEAK,
            message="what is not installed here is imported from the Python it was made from",
            path="pyvenv.cfg",
            expected="include-system-site-packages = false",
            actual="include-system-site-packages = true",
            fix="set include-system-site-packages to false in pyvenv.cfg",
        )
    meant = declared.get("PYTHONPATH", "").split(":")
    for folder in facts.search_folders:
        finding = _search_folder(folder)
        if finding is not None and not (folder.shadows is None and folder.path in meant):
            yield finding


def _search_folder(folder: SearchFolder) -> Finding | None:
    if folder.shadows == ():
        return None
    listed = ", ".join(folder.shadows or ())
    if folder.source == "user site":
        return Finding(
            rule=rules.LEAK,
            message="the user's own packages have modules that the environment has as well",
            actual=shown(f"{listed or 'modules'} in {folder.path}"),
            fix="set PYTHONNOUSERSITE=1 where this Python runs",
        )
    if folder.shadows is None:
        rule, message = rules.SHADOWED.at("info"), "PYTHONPATH names a folder that was not examined"
    else:
        rule, message = rules.SHADOWED, "PYTHONPATH puts these modules before the installed ones"
    return Finding(
        rule=rule,
        message=message,
        actual=shown(f"{listed} in {folder.path}" if listed else folder.path),
        fix="unset PYTHONPATH where this Python runs",
    )


def _variables(facts: Facts, declared: Mapping[str, str]) -> Iterator[Finding]:
    """Compare variables that are recorded; another value than the declared one may be a secret."""
    if facts.variables is None:
        return
    known = dict(facts.variables)
    for name, value in sorted(declared.items()):
        if (name in known or is_recorded(name)) and known.get(name) != value:
            yield Finding(
                rule=rules.VARIABLE,
                message=f"the variable {shown(name)} is not as declared",
                expected=shown(value),
                actual="another value" if name in known else "not set",
                fix="start it with the declared variables, or build the image again",
            )
