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
TAGS = Rule(
    id="MOR117",
    kind="package.tags",
    severity="error",
    title="A package was built for another platform or Python",
)
DUPLICATE = Rule(
    id="MOR125",
    kind="package.duplicate",
    severity="error",
    title="A package is installed more than once",
)

RULES = (
    MISSING,
    EXTRA,
    VERSION,
    ARTIFACT,
    ORIGIN,
    MODIFIED,
    REMOVED,
    UNVERIFIABLE,
    UNHASHED,
    EDITABLE,
    COMMIT,
    PYTHON,
    TAGS,
    DUPLICATE,
)
"""Every rule, in the order of their ids."""
