"""Verify: a conda prefix against its lock."""

from __future__ import annotations

from pathlib import Path

from mooring.errors import InputError
from mooring.lock.conda import CondaSelection
from mooring.lock.conda_pypi import pypi_selection
from mooring.lock.model import Artifact, Package, Selected, Selection
from mooring.manifest.model import DEFAULT_ENVIRONMENT, VerifyPolicy
from mooring.platforms import Platform
from mooring.verify.collectors.conda_prefix import PrefixCollector
from mooring.verify.conda_compare import compare_prefix
from mooring.verify.policy import Terms, judge
from mooring.verify.tiers import CONTENT, Tiers
from mooring.workflow.conda_selecting import (
    CondaProject,
    fitting_conda_platform,
    select_conda_environment,
)
from mooring.workflow.inspecting import prefix_of
from mooring.workflow.target import Target
from mooring.workflow.verifying import Verified, terms_of_today


def verify_prefix(
    project: CondaProject,
    path: Path,
    *,
    environment: str = DEFAULT_ENVIRONMENT,
    tiers: Tiers = CONTENT,
    terms: Terms | None = None,
) -> Verified:
    """Compare the conda prefix in a folder with the lock.

    Raises:
        InputError: The lock is for other platforms, or an ignore entry is wrong.
        MooringError: The folder is no conda prefix (exit code 3).
    """
    inventory = PrefixCollector(path, tiers=tiers).collect()
    subdir = inventory.base.subdir
    machine = Platform.parse(subdir) if subdir else Platform.current()
    platform = fitting_conda_platform(project, machine)
    selection = select_conda_environment(project, environment, platform)
    policy = project.manifest.verify if project.manifest else VerifyPolicy()
    compared = compare_prefix(selection, inventory, policy)
    return Verified(
        selection=as_selection(selection),
        inventory=inventory.base,
        verification=judge(compared, policy, terms or terms_of_today()),
    )


def verify_conda_target(
    project: CondaProject,
    target: Target,
    *,
    environment: str | None = None,
    tiers: Tiers = CONTENT,
    terms: Terms | None = None,
) -> Verified:
    """Compare what a user names with the lock: a prefix, or the prefix of an interpreter.

    Raises:
        InputError: It is neither.
        MooringError: The folder is no conda prefix (exit code 3).
    """
    match target.form:
        case "path":
            path = Path(target.name)
        case "python":
            path = prefix_of(Path(target.name))
        case _:
            raise InputError(
                "a lock with conda packages is compared with a prefix on this machine",
                where=f"--{target.form}",
                hint="name the prefix's folder; for a container, run mooring in it",
            )
    return verify_prefix(
        project, path, environment=environment or DEFAULT_ENVIRONMENT, tiers=tiers, terms=terms
    )


def as_selection(selection: CondaSelection) -> Selection:
    """Return the locked packages, conda's and PyPI's, the way reports list what is expected."""
    plain = pypi_selection(selection)
    conda = tuple(
        Selected(
            package=Package(name=package.name, version=package.version),
            artifact=Artifact(kind="archive", name=package.file_name),
        )
        for package in selection.packages
    )
    return Selection(
        platform=plain.platform,
        python=plain.python,
        extras=(),
        groups=tuple(name for name in selection.categories if name != "main"),
        packages=tuple(sorted((*conda, *plain.packages), key=lambda each: each.package.name)),
        environment=selection.environment,
    )
