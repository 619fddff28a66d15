"""The adapter of uv: its binary, its environment and indexes, and what its errors mean."""

from mooring.uv.client import (
    IndexLike,
    credential_variables,
    index_arguments,
    index_credentials,
    is_offline,
    origin,
    uv_binary,
    uv_environment,
)
from mooring.uv.failures import Failure, credentials_hint, explain_failure, readable

__all__ = [
    "Failure",
    "IndexLike",
    "credential_variables",
    "credentials_hint",
    "explain_failure",
    "index_arguments",
    "index_credentials",
    "is_offline",
    "origin",
    "readable",
    "uv_binary",
    "uv_environment",
]
