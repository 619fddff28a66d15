"""The resolver for conda packages, and for PyPI packages beside them."""

from mooring.resolve.conda.interface import CondaResolveRequest
from mooring.resolve.conda.solver import CondaResolver

__all__ = ["CondaResolveRequest", "CondaResolver"]
