"""Which resolver a manifest asks for."""

from __future__ import annotations

from typing import assert_never

from mooring.manifest.model import ResolverName
from mooring.resolve.interface import Resolver


def resolver_for(name: ResolverName) -> Resolver:
    """Return the resolver of that name; only its own modules are loaded."""
    match name:
        case "uv":
            from mooring.resolve.pypi import UvResolver

            return UvResolver()
        case "pip-tools":
            from mooring.resolve.pip_tools import PipToolsResolver

            return PipToolsResolver()
        case _:
            assert_never(name)
