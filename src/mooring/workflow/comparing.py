"""Compare one environment with another, or with a saved inventory; no lock is needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from mooring.digests import sha256_hex
from mooring.errors import InputError
from mooring.files import read_text
from mooring.lock.model import Artifact, Package, Selected, Selection
from mooring.manifest.model import VerifyPolicy
from mooring.oci.saved_names import is_saved_image
from mooring.platforms import Platform, PythonVersion
from mooring.reporting import SILENT, Reporter
from mooring.verify import inventory_json
from mooring.verify.collectors.path import NoEnvironmentError, PathCollector
from mooring.verify.inventory import Inventory
from mooring.verify.policy import Terms, judge
from mooring.verify.report.json_report import document
from mooring.verify.report.model import LockFile, Report
from mooring.verify.same_as import compare_inventories
from mooring.verify.shown import shown
from mooring.verify.tiers import CONTENT, Tiers
from mooring.workflow.inspecting import inspect_target
from mooring.workflow.reporting import Timing, repository_path
from mooring.workflow.target import Target
from mooring.workflow.targets import running_python
from mooring.workflow.verifying import Verified, terms_of_today


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherSide:
    """What an environment should be the same as.

    Attributes:
        name: How reports name it.
        sha256: Digest of a saved inventory, hex; None for an environment.
    """

    name: str
    inventory: Inventory
    sha256: str | None = None


def other_side(named: str, *, tiers: Tiers = CONTENT, reporter: Reporter = SILENT) -> OtherSide:
    """Look at an environment, or read a saved inventory.

    Args:
        named: A folder, a saved inventory, or `container:NAME` or `image:IMAGE`.
        tiers: How deep an environment is looked at.
        reporter: Hears how it is read.

    Raises:
        InputError: The file is no saved inventory.
        MooringError: There is no environment (exit code 3).
    """
    form, colon, name = named.partition(":")
    path = Path(named)
    if colon and form in ("container", "image") and not path.exists():
        target = Target(form="image" if form == "image" else "container", name=name)
        found = inspect_target(target, tiers=tiers, reporter=reporter)
        return OtherSide(name=named, inventory=found.inventory)
    if is_saved_image(named) and (path.is_file() or not path.exists()):
        raise InputError(
            "an image in files is named with its kind",
            where=f"--same-as {named}",
            hint=f"write image:{named}",
        )
    if not path.exists():
        raise NoEnvironmentError(
            "there is no such file or folder",
            where=f"--same-as {named}",
            hint="name a folder, a saved inventory, container:NAME or image:IMAGE",
        )
    if not path.is_file():
        inventory = PathCollector(path, tiers=tiers).collect()
        return OtherSide(name=repository_path(path), inventory=inventory)
    text = read_text(path, limit=inventory_json.FILE_LIMIT)
    return OtherSide(
        name=repository_path(path),
        inventory=inventory_json.read(text, named),
        sha256=sha256_hex(path.read_bytes()),
    )


def verify_same(
    inventory: Inventory, other: OtherSide, policy: VerifyPolicy, *, terms: Terms | None = None
) -> Verified:
    """Compare an environment with the other side, and judge what differs.

    Raises:
        InputError: An ignore entry is wrong.
    """
    compared = compare_inventories(inventory, other.inventory, policy)
    return Verified(
        selection=_as_selection(other.inventory),
        inventory=inventory,
        verification=judge(compared, policy, terms or terms_of_today()),
    )


def report_on_comparison(verified: Verified, other: OtherSide, timing: Timing) -> Report:
    """Return the document `report/1` of a comparison; its `lock` names the other side."""
    return document(
        verified.verification,
        verified.inventory,
        lock=LockFile(path=other.name, sha256=other.sha256),
        selection=verified.selection,
        started=timing.started,
        duration_s=timing.duration_s,
    )


def policy_at(project: Path) -> VerifyPolicy:
    """Return the policy that a folder declares; the default one where it declares nothing.

    Raises:
        InputError: There is a manifest, and it is wrong.
    """
    from mooring.manifest.locate import MOORING_TOML, PYPROJECT, has_keys
    from mooring.manifest.reader import load  # not needed for a bare lock file
    from mooring.manifest.tables import TomlFile

    if project.is_dir() and not (project / MOORING_TOML).exists():
        pyproject = project / PYPROJECT
        if not pyproject.exists() or not has_keys(TomlFile.read(pyproject, PYPROJECT)):
            return VerifyPolicy()
    return load(project).verify


def _as_selection(inventory: Inventory) -> Selection:
    """Return the other side's packages the way reports list what is expected."""
    versions = {
        str(canonicalize_name(shown(each.name))): shown(each.version)
        for each in inventory.distributions
    }
    return Selection(
        platform=Platform.current(),
        python=_python(inventory),
        extras=(),
        groups=(),
        packages=tuple(
            Selected(
                package=Package(name=name, version=version),
                artifact=Artifact(kind="wheel", name=f"{name}-{version}"),
            )
            for name, version in sorted(versions.items())
        ),
    )


def _python(inventory: Inventory) -> PythonVersion:
    try:
        return PythonVersion.parse(inventory.interpreter.version or "", "python")
    except InputError:
        return running_python()
