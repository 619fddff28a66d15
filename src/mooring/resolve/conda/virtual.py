"""The virtual packages of each platform: what a solve takes the system to have.

They are ours, because a solver can only detect those of the machine it runs on, and a lock must
not depend on that machine:

| platform | virtual packages |
|---|---|
| `linux-*` | `__unix`, `__linux=5.10`, `__glibc` of the platform's floor (2.28), `__archspec` |
| `osx-*` | `__unix`, `__osx` of the platform's floor (13.0), `__archspec` |
| `win-*` | `__win=0`, `__archspec` |

`__cuda` is there only when it is declared. A declared one replaces the default of its name.
"""

from __future__ import annotations

from collections.abc import Sequence

from mooring.errors import InputError
from mooring.platforms import Platform

ANY_PLATFORM = "*"

_LINUX = "5.10"
_ARCHITECTURES = {
    "linux-64": "x86_64",
    "linux-aarch64": "aarch64",
    "linux-ppc64le": "ppc64le",
    "linux-s390x": "s390x",
    "osx-64": "x86_64",
    "osx-arm64": "m1",
    "win-64": "x86_64",
    "win-arm64": "aarch64",
}
_SYSTEMS = {
    "__glibc": ("linux",),
    "__linux": ("linux",),
    "__osx": ("osx",),
    "__win": ("win",),
    "__unix": ("linux", "osx"),
    "__cuda": ("linux", "win"),
}
"""The systems that can have a virtual package; the others can be anywhere."""


def virtual_packages(
    platform: Platform, declared: Sequence[tuple[str, str]] = ()
) -> tuple[str, ...]:
    """Return the `__name=version=build` texts of a platform, sorted.

    Args:
        platform: Its libc or macOS floor is what the solve may count on.
        declared: (subdir or `*`, text) pairs; those for a platform win over those for all.

    Raises:
        InputError: conda has no such platform.
    """
    if platform.floor_kind == "musl":
        raise InputError(
            f"there are no conda packages for {platform}: they are built for glibc",
            hint=f"declare {platform.subdir} or {platform.subdir}-glibc2.28",
        )
    system = platform.subdir.partition("-")[0]
    found = _defaults(platform, system)
    for subdir in (ANY_PLATFORM, platform.subdir):
        for place, text in declared:
            name = text.partition("=")[0]
            if place == subdir and can_have(platform, name):
                found[name] = _whole(text)
    return tuple(sorted(found.values()))


def can_have(platform: Platform, name: str) -> bool:
    """Whether a platform can have a virtual package of that name."""
    system = platform.subdir.partition("-")[0]
    return system in _SYSTEMS.get(name, (system,))


def _defaults(platform: Platform, system: str) -> dict[str, str]:
    floor = ".".join(str(part) for part in platform.floor or ())
    found = {"__archspec": f"__archspec=1={_ARCHITECTURES[platform.subdir]}"}
    if system == "win":
        found["__win"] = "__win=0=0"
        return found
    found["__unix"] = "__unix=0=0"
    if system == "osx":
        found["__osx"] = f"__osx={floor}=0"
    else:
        found["__linux"] = f"__linux={_LINUX}=0"
        found["__glibc"] = f"__glibc={floor}=0"
    return found


def _whole(text: str) -> str:
    """Return a virtual package with its version and build, which may be left out."""
    name, _, rest = text.partition("=")
    version, _, build = rest.partition("=")
    return f"{name}={version or '0'}={build or '0'}"
