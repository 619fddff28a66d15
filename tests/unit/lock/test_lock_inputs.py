from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.lock import locks

from mooring.lock.formats import pylock
from mooring.lock.inputs import changes, inputs_digest, inputs_document
from mooring.lock.model import Provenance
from mooring.manifest.model import Environment, Index, Manifest, Requirement
from mooring.platforms import Platform, PythonVersion


def needs(*texts: str, place: str = "requirements.in") -> tuple[Requirement, ...]:
    return tuple(Requirement(text=t, where=f"{place}:{n}") for n, t in enumerate(texts, 1))


MANIFEST = Manifest(
    root=Path("project"),
    path=Path("project/pyproject.toml"),
    inputs=(),
    name="churn",
    version="1.0",
    requires_python=">=3.11",
    python=PythonVersion(minor=12),
    platforms=locks.PLATFORMS[:2],
    dependencies=needs("rich>=13", "torch==2.*"),
    extras=(("gpu", needs("cuda")),),
    groups=(("dev", needs("pytest")), ("docs", needs("sphinx"))),
    constraints=needs("numpy<3"),
    indexes=(
        Index(name="internal", url="https://me:secret@index.example.org/simple"),
        Index(name="other", url="https://other.example.org/simple", packages=("torch",)),
    ),
    environments=(Environment(name="default"), Environment(name="dev", groups=("dev",))),
)


def digest(manifest: Manifest) -> str:
    return inputs_digest(inputs_document(manifest))


def described(new: Manifest, old: Manifest = MANIFEST) -> tuple[str, ...]:
    return changes(inputs_document(old), inputs_document(new), new)


def test_digest_is_golden() -> None:
    # Changing this value makes every lock stale: a changelog entry and a new schema number.
    assert (
        digest(MANIFEST)
        == "sha256:b2d74130ab28d22545f504e51d7b70c8df92ead91d228a7768cfbcc1dd89cf3b"
    )


def test_no_credentials_reach_the_document() -> None:
    direct = needs("tool @ https://me:secret@files.example.org/tool.zip ; os_name == 'nt'")

    document = inputs_document(replace(MANIFEST, dependencies=direct))

    assert "secret" not in repr(document)
    assert document["dependencies"] == [
        "tool @ https://files.example.org/tool.zip ; os_name == 'nt'"
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"dependencies": needs("torch==2.*", "rich>=13")},
        {"dependencies": needs("rich>=13", "torch==2.*", "rich>=13", place="other.in")},
        {"platforms": locks.PLATFORMS[1::-1]},
        {"groups": MANIFEST.groups[::-1]},
        {"environments": MANIFEST.environments[::-1]},
        {"root": Path("elsewhere"), "path": None, "inputs": (Path("x"),)},
        {"name": "renamed", "version": "2.0"},
        {"indexes": (replace(MANIFEST.indexes[0], url="https://index.example.org/simple"),
                     MANIFEST.indexes[1])},
    ],
)  # fmt: skip
def test_what_does_not_matter_changes_nothing(change: dict[str, object]) -> None:
    new = replace(MANIFEST, **change)  # type: ignore[arg-type]

    assert digest(new) == digest(MANIFEST)
    assert described(new) == ()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"dependencies": needs("rich>=13", "torch==2.*", "six")},
         'dependencies: added "six" (requirements.in:3)'),
        ({"dependencies": needs("rich>=13")}, 'dependencies: removed "torch==2.*"'),
        ({"dependencies": needs("rich>=14", "torch==2.*")},
         'dependencies: changed "rich>=13" to "rich>=14" (requirements.in:1)'),
        ({"constraints": ()}, 'constraints: removed "numpy<3"'),
        ({"overrides": needs("numpy==2")}, 'overrides: added "numpy==2" (requirements.in:1)'),
        ({"extras": (("gpu", needs("cuda>1")),)},
         'extras.gpu: changed "cuda" to "cuda>1" (requirements.in:1)'),
        ({"extras": ()}, 'extras: removed "gpu"'),
        ({"groups": (*MANIFEST.groups, ("lint", ()))}, 'groups: added "lint"'),
        ({"python": PythonVersion(minor=13)}, 'python: changed "3.12" to "3.13"'),
        ({"python": None}, 'python: removed "3.12"'),
        ({"requires_python": None}, 'requires-python: removed ">=3.11"'),
        ({"exclude_newer": "2025-01-01T00:00:00Z"}, 'exclude-newer: added "2025-01-01T00:00:00Z"'),
        ({"resolver": "pip-tools"}, 'resolver: changed "uv" to "pip-tools"'),
        ({"platforms": locks.PLATFORMS[:1]}, 'platforms: removed "linux-aarch64"'),
        ({"platforms": (*locks.PLATFORMS[:2], Platform.parse("linux-64-musl1.2"))},
         'platforms: added "linux-64-musl1.2"'),
        ({"environments": (Environment(name="default"),)}, 'environments: removed "dev"'),
        ({"environments": (Environment(name="default"),
                           Environment(name="dev", groups=("dev", "docs")))},
         'environments.dev.groups: changed ["dev"] to ["dev", "docs"]'),
        ({"environments": (Environment(name="default", python=PythonVersion(minor=11)),
                           MANIFEST.environments[1])}, 'environments.default.python: added "3.11"'),
        ({"indexes": MANIFEST.indexes[::-1]}, "indexes: the order changed to other, internal"),
        ({"indexes": (replace(MANIFEST.indexes[0], explicit=True), MANIFEST.indexes[1])},
         "indexes.internal.explicit: changed false to true"),
    ],
)  # fmt: skip
def test_each_change_is_one_line(change: dict[str, object], line: str) -> None:
    new = replace(MANIFEST, **change)  # type: ignore[arg-type]

    assert digest(new) != digest(MANIFEST)
    assert described(new) == (line,)
    assert changes(inputs_document(MANIFEST), inputs_document(new)) == (line.partition(" (")[0],)


def test_requirements_that_differ_by_marker_are_not_paired() -> None:
    old = replace(MANIFEST, dependencies=needs("a==1 ; os_name == 'nt'", "a==2"))
    new = replace(MANIFEST, dependencies=needs("a==3 ; os_name == 'nt'", "a==4"))

    assert [line.split()[1] for line in described(new, old)] == [
        "added", "added", "removed", "removed"
    ]  # fmt: skip


def test_the_document_survives_a_lock() -> None:
    for manifest in (MANIFEST, replace(MANIFEST, python=None, requires_python=None)):
        document = inputs_document(manifest)
        facts = Provenance(inputs=document, environments=(), targets=())
        text = pylock.write(replace(locks.lock(), provenance=facts))

        found = pylock.read_provenance(text, "x")

        assert found is not None
        assert found.inputs == document
        assert not found.edited


def test_the_document_in_a_lock_has_one_entry_a_line() -> None:
    facts = Provenance(inputs=inputs_document(MANIFEST), environments=(), targets=())
    text = pylock.write(replace(locks.lock(), provenance=facts))

    assert 'dependencies = [\n    "rich>=13",\n    "torch==2.*",\n]\n' in text
    assert '[tool.mooring.inputs.groups]\ndev = [\n    "pytest",\n]\n' in text
    assert tomllib.loads(text)["tool"]["mooring"]["inputs"]["schema"] == 1


def test_another_schema_is_said() -> None:
    old = inputs_document(MANIFEST) | {"schema": 0}

    (line,) = changes(old, inputs_document(MANIFEST))

    assert "schema 0" in line


@pytest.mark.parametrize(
    "old",
    [
        {"schema": 1},
        {"schema": 1, "dependencies": "rich", "extras": [], "indexes": {"a": 1}, "platforms": 3},
        {"schema": 1, "dependencies": [1, ["x"]], "extras": {"gpu": 1}, "environments": [1, {}]},
        {"schema": 1, "python": ["x"], "unknown": 1},
    ],
)
def test_a_document_of_any_shape_is_described(old: dict[str, object]) -> None:
    assert described(MANIFEST) == ()
    assert changes(old, inputs_document(MANIFEST)) != ()


def test_a_difference_nobody_can_name_is_still_one() -> None:
    document = inputs_document(MANIFEST)

    assert changes(document | {"unknown": 1}, document) == ("the declared inputs changed",)
