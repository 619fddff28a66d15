"""Byte code that is not what its source compiles to: MOR112."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from packaging.utils import canonicalize_name

from mooring.verify import rules
from mooring.verify.findings import Finding, Rule
from mooring.verify.inventory import ByteCode, Inventory
from mooring.verify.shown import shown

_UNSURE = replace(rules.BYTECODE, severity="warning", unverifiable=True, lenient=True)
_UNCHECKED = replace(rules.BYTECODE, severity="info", unverifiable=True)


def check_bytecode(inventory: Inventory, fix: str) -> Iterator[Finding]:
    """Yield what is wrong with the byte code of an environment, and that it was not checked.

    Args:
        inventory: What is there.
        fix: What puts a file right.
    """
    if inventory.bytecode is None:
        if inventory.deep:
            yield Finding(rule=_UNCHECKED, message="byte code cannot be checked in such a target")
        return
    owners = _owners(inventory)
    for each in inventory.bytecode:
        rule, message = _judged(each)
        yield Finding(
            rule=rule,
            message=message,
            package=owners.get(_source(each.path)) if each.count == 1 else None,
            path=shown(each.path),
            fix=fix if rule is rules.BYTECODE else None,
        )


def _judged(each: ByteCode) -> tuple[Rule, str]:
    reason = f": {shown(each.problem)}" if each.problem else ""
    number = f"this and {each.count - 1:,} more: " if each.count > 1 else ""
    match each.state:
        case "other":
            message = "it is loaded, and its source compiles to something else"
            return rules.BYTECODE, number + message
        case "unread":
            return rules.BYTECODE, f"{number}it is loaded, and it cannot be compared{reason}"
        case "unsure":
            message = "it could not be checked exactly, and another patch release of Python"
            return _UNSURE, f"{number}{message} compiles its source otherwise{reason}"
        case "unverified":
            return _UNCHECKED, f"{each.count:,} files of byte code were not compared{reason}"
        case "stale" | "orphan":
            return rules.BYTECODE.at("info"), f"{number}it is never loaded{reason}"
    assert_never(each.state)


def _source(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder.rpartition('/')[0]}/{name.partition('.')[0]}.py"


def _owners(inventory: Inventory) -> dict[str, str]:
    """Return the package of each source whose byte code is told of."""
    wanted = {_source(each.path) for each in inventory.bytecode or ()}
    return {
        path: canonicalize_name(distribution.name)
        for distribution in (inventory.distributions if wanted else ())
        for file in distribution.files
        if (path := posixpath.normpath(f"{distribution.site}/{file.path}")) in wanted
    }
