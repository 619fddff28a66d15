"""What a caller knows of a target besides its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mooring.verify.collectors.layout import Tree

_ALLOWED = (
    "PYTHON",
    "LD_",
    "DYLD_",
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "CUDA",
    "CUBLAS_",
    "NVIDIA_",
    "XLA_",
    "TF_",
    "LC_",
    "CONDA_",
)
_ALLOWED_NAMES = frozenset({"LANG", "TZ", "VIRTUAL_ENV", "PATH"})

Elsewhere = Callable[[str], Tree | None]
"""Gives another folder of a target by its absolute path; None when it cannot be looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What a caller knows of a target besides its files.

    Attributes:
        environ: The variables its processes have; None when they are not known.
        inside: The environment's root as its own processes name it, where that is not the path it
            is read from, as for a container's files under `/proc/PID/root`.
        keep: Names of variables that are recorded besides those that always matter to Python.
        elsewhere: How to look into folders outside of the environment's root; None for no way.
    """

    environ: Mapping[str, str] | None = None
    inside: str | None = None
    keep: frozenset[str] = frozenset()
    elsewhere: Elsewhere | None = field(default=None, compare=False, repr=False)

    def variables(self) -> tuple[tuple[str, str], ...] | None:
        """Return the variables that may be recorded, sorted: any other can be a secret."""
        if self.environ is None:
            return None
        return tuple(
            (name, self.environ[name])
            for name in sorted(self.environ)
            if name in self.keep or is_recorded(name)
        )


UNKNOWN = Surroundings()
"""Of a target of which nothing is known but its files."""


def is_recorded(name: str) -> bool:
    """Whether a variable matters to Python or to the libraries that compute with it."""
    return name in _ALLOWED_NAMES or name.startswith(_ALLOWED)
