"""Resolving PyPI packages with uv."""

from mooring.resolve.pypi.resolver import UvResolver

__all__ = ["UvResolver"]
