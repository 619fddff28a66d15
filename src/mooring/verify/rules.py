"""The rules: every kind of difference that a comparison can find, each with a lasting id.

What each means and how it is fixed is told in docs/reference/rules.md.
"""

from __future__ import annotations

from mooring.verify.findings import Rule

MISSING = Rule(
    id="MOR101",
    kind="package.missing",
    severity="error",
    title="A locked package is not installed",
)
EXTRA = Rule(
    id="MOR102",
    kind="package.extra",
    severity="error",
    title="A package is installed that is not locked",
)
VERSION = Rule(
    id="MOR103",
    kind="package.version",
    severity="error",
    title="Another version is installed than the locked one",
)
ARTIFACT = Rule(
    id="MOR104",
    kind="package.artifact",
    severity="error",
    title="The locked version is installed from another artifact",
)
ORIGIN = Rule(
    id="MOR105",
    kind="package.origin",
    severity="error",
    title="A package was installed from another place than the locked one",
)
MODIFIED = Rule(
    id="MOR106",
    kind="file.modified",
    severity="error",
    title="A file's content is not the one that was installed",
)
REMOVED = Rule(
    id="MOR107",
    kind="file.removed",
    severity="error",
    title="A file of a package is gone",
)
STRAY = Rule(
    id="MOR108",
    kind="file.stray",
    severity="error",
    title="A file is there that no package lists",
)
UNVERIFIABLE = Rule(
    id="MOR109",
    kind="package.unverifiable",
    severity="warning",
    title="A package's content could not be checked",
    unverifiable=True,
)
UNHASHED = Rule(
    id="MOR110",
    kind="file.unhashed",
    severity="warning",
    title="A package's RECORD has files without a digest",
    unverifiable=True,
)
RECORD = Rule(
    id="MOR111",
    kind="package.record",
    severity="error",
    title="A package's RECORD was edited",
)
BYTECODE = Rule(
    id="MOR112",
    kind="file.bytecode",
    severity="error",
    title="Byte code is not what its source compiles to",
)
EDITABLE = Rule(
    id="MOR113",
    kind="package.editable",
    severity="warning",
    title="A package is installed in editable mode",
)
COMMIT = Rule(
    id="MOR114",
    kind="package.commit",
    severity="error",
    title="Another commit is installed than the locked one",
)
PYTHON = Rule(
    id="MOR115",
    kind="python.version",
    severity="error",
    title="The environment has another Python than the locked one",
)
IMPLEMENTATION = Rule(
    id="MOR116",
    kind="python.implementation",
    severity="error",
    title="The environment has another kind of Python",
)
TAGS = Rule(
    id="MOR117",
    kind="package.tags",
    severity="error",
    title="A package was built for another platform or Python",
)
VARIABLE = Rule(
    id="MOR119",
    kind="variable.value",
    severity="warning",
    title="An environment variable has not the declared value",
)
SHADOWED = Rule(
    id="MOR120",
    kind="path.shadowed",
    severity="error",
    title="PYTHONPATH puts other modules before those of the environment",
)
LEAK = Rule(
    id="MOR121",
    kind="path.leak",
    severity="warning",
    title="Packages from outside of the environment can be imported",
)
CONDA = Rule(
    id="MOR123",
    kind="conda.package",
    severity="error",
    title="Another build of a conda package is installed than the locked one",
)
CONDA_FILE = Rule(
    id="MOR124",
    kind="conda.file",
    severity="error",
    title="A file's content is not the one that its conda package brought",
)
DUPLICATE = Rule(
    id="MOR125",
    kind="package.duplicate",
    severity="error",
    title="A package is installed more than once",
)
EXPIRED = Rule(
    id="MOR190",
    kind="policy.expired",
    severity="warning",
    title="An ignore entry has expired",
)
UNUSED = Rule(
    id="MOR191",
    kind="policy.unused",
    severity="info",
    title="An ignore entry matches nothing",
)
NOTHING = Rule(
    id="MOR192",
    kind="nothing.checked",
    severity="warning",
    title="No package was compared",
    unverifiable=True,
)
MOVED = Rule(
    id="MOR126",
    kind="environment.moved",
    severity="warning",
    title="The environment was moved or copied",
)
SHARED = Rule(
    id="MOR134",
    kind="file.shared",
    severity="warning",
    title="A changed file is shared with a cache or other environments",
)

RULES = (
    MISSING,
    EXTRA,
    VERSION,
    ARTIFACT,
    ORIGIN,
    MODIFIED,
    REMOVED,
    STRAY,
    UNVERIFIABLE,
    UNHASHED,
    RECORD,
    BYTECODE,
    EDITABLE,
    COMMIT,
    PYTHON,
    IMPLEMENTATION,
    TAGS,
    VARIABLE,
    SHADOWED,
    LEAK,
    CONDA,
    CONDA_FILE,
    DUPLICATE,
    MOVED,
    SHARED,
    EXPIRED,
    UNUSED,
    NOTHING,
)
"""Every rule, in the order of their ids."""
