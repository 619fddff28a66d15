"""`[tool.mooring.conda.virtual-packages]`: what a platform is taken to have of its own.

A virtual package stands for the system: `__glibc=2.28=0`. Those that are not declared have the
defaults of the solver.
"""

from __future__ import annotations

import re

from mooring.errors import InputError
from mooring.manifest.conda_selectors import FAMILIES, in_order, selected
from mooring.manifest.nearest import advice
from mooring.manifest.problems import quoted
from mooring.manifest.tables import Table
from mooring.platforms import SUBDIRS

_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+){0,3}")
_ARCHITECTURE = re.compile(r"[a-z0-9][a-z0-9_]{0,40}")

_PLATFORMS: dict[str, frozenset[str]] = {
    "glibc": FAMILIES["linux"],
    "linux": FAMILIES["linux"],
    "cuda": FAMILIES["linux"] | FAMILIES["win"],
    "osx": FAMILIES["osx"],
    "macos": FAMILIES["osx"],
    "win": FAMILIES["win"],
    "archspec": frozenset(SUBDIRS),
}
"""The virtual packages that can be declared, and the platforms that can have them."""


def read_virtual_packages(conda: Table) -> tuple[tuple[str, str], ...]:
    """Return (subdir, `__name=version=build`) pairs, sorted; the one of a platform wins.

    Args:
        conda: The table of conda, which has the key.
    """
    table = conda.table("virtual-packages")
    if table is None:
        return ()
    found: dict[tuple[str, str], str] = {}
    for key, value in table.data.items():
        if not isinstance(value, dict):
            _read(table, key, SUBDIRS, found)
    for key, value in table.data.items():
        if isinstance(value, dict):
            below = table.below((key,), value)
            with table.catch(key):
                _platform(below, selected(key), found)
    return tuple(sorted((subdir, text) for (subdir, _), text in found.items()))


def _platform(table: Table, subdirs: tuple[str, ...], found: dict[tuple[str, str], str]) -> None:
    for key in table.data:
        _read(table, key, subdirs, found)


def _read(
    table: Table, key: str, subdirs: tuple[str, ...], found: dict[tuple[str, str], str]
) -> None:
    """Read one virtual package for the platforms of these that can have it."""
    short = key.removeprefix("__")
    if short not in _PLATFORMS:
        table.problem(
            key, f"unknown virtual package {quoted(key)}", advice(short, _PLATFORMS, what="names")
        )
        return
    if isinstance(table.data[key], float):
        # 12.10 as a number is 12.1: the number cannot be taken for what was meant.
        table.problem(key, "expected a string, found a number", f'write {key} = "12.0"')
        return
    fit = _PLATFORMS[short].intersection(subdirs)
    if not fit:
        table.problem(key, f"{quoted(key)} belongs to none of these platforms")
        return
    text = table.string(key)
    if text is None:
        return
    with table.catch(key):
        name, written = _written(short, text)
        for subdir in in_order(fit):
            found[subdir, name] = written


def _written(short: str, text: str) -> tuple[str, str]:
    if short == "archspec":
        if not _ARCHITECTURE.fullmatch(text):
            raise InputError(
                f"{quoted(text)} is not a microarchitecture", hint='write it like "x86_64_v3"'
            )
        return "__archspec", f"__archspec=1={text}"
    if not _VERSION.fullmatch(text):
        raise InputError(f"{quoted(text)} is not a version", hint=f'write {short} = "12.0"')
    name = "__osx" if short == "macos" else f"__{short}"
    return name, f"{name}={text}=0"
