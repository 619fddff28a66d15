"""The adapter of uv: its binary, the environment it runs in, its indexes, and what its errors mean."""

from mooring.uv.client import (
    IndexLike,
    credential_variables,
    index_arguments,
    uv_binary,
    uv_environment,
)
from mooring.uv.failures import Failure, explain_failure, readable

__all__ = [
    "Failure",
    "IndexLike",
    "credential_variables",
    "explain_failure",
    "index_arguments",
    "readable",
    "uv_binary",
    "uv_environment",
]
