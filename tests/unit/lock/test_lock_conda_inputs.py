"""The inputs document of a project with conda packages, and its differences in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mooring.lock.conda_inputs import conda_changes, conda_inputs_document
from mooring.lock.inputs import inputs_digest, inputs_document
from mooring.manifest.conda import CondaChannel, CondaInputs, CondaRequirement
from mooring.manifest.model import Manifest
from mooring.platforms import Platform


def wanted(
    text: str,
    *,
    platforms: tuple[str, ...] | None = None,
    category: str = "main",
    where: str = "environment.yml:7",
) -> CondaRequirement:
    return CondaRequirement(
        text=text,
        name=text.split(maxsplit=1)[0],
        where=where,
        platforms=platforms,
        category=category,
    )


DECLARED = CondaInputs(
    channels=(
        CondaChannel(name="team", url="https://me:pw@conda.example.org/t/TOKEN/team"),
        CondaChannel(name="conda-forge", url="conda-forge"),
    ),
    requirements=(
        wanted("python 3.12.*"),
        wanted("numpy >=2", platforms=("win-64", "linux-64")),
        wanted("git", category="dev"),
    ),
    virtual_packages=(("linux-64", "__cuda=12.0=0"),),
    variables=(("A", "1"),),
)
TEAM = "https://conda.example.org/team"
LIMITED = "numpy >=2  # linux-64, win-64"
GOLDEN = "sha256:0135d34b057aa7cc1c3753d57272f461cf51f1e2109d51b3a07d7304a5bd0161"


def manifest(conda: CondaInputs | None = DECLARED) -> Manifest:
    return Manifest(
        root=Path("/project"),
        path=None,
        inputs=(),
        name="demo",
        version=None,
        requires_python=None,
        python=None,
        platforms=(Platform.parse("linux-64"),),
        conda=conda,
    )


def changed(**fields: Any) -> tuple[str, ...]:
    after = manifest(replace(DECLARED, **fields))
    old, new = conda_inputs_document(manifest()), conda_inputs_document(after)
    return conda_changes(json.loads(json.dumps(old)), new, after)


def test_the_document_holds_meaning_and_no_secret() -> None:
    document = conda_inputs_document(manifest())
    assert document["conda"] == {
        "schema": 1,
        "channels": [
            {"name": "team", "url": "https://conda.example.org/team"},
            {"name": "conda-forge", "url": "conda-forge"},
        ],
        "channel-priority": "strict",
        "dependencies": ["numpy >=2  # linux-64, win-64", "python 3.12.*"],
        "groups": {"dev": ["git"]},
        "virtual-packages": {"linux-64": ["__cuda=12.0=0"]},
    }
    assert json.loads(json.dumps(document)) == document


def test_without_conda_it_is_the_document_of_others() -> None:
    plain = manifest(None)
    assert conda_inputs_document(plain) == inputs_document(plain)


def test_the_digest_does_not_move_by_itself() -> None:
    """Golden: another value is an entry in the changelog."""
    assert inputs_digest(conda_inputs_document(manifest())) == GOLDEN


def test_what_decides_nothing_is_no_change() -> None:
    requirements = tuple(
        replace(each, where="elsewhere:1") for each in reversed(DECLARED.requirements)
    )
    assert changed(requirements=requirements, variables=()) == ()
    mirrored = replace(
        DECLARED.channels[0],
        url="https://conda.example.org/team",
        mirrors=("https://mirror.example.org",),
    )
    assert changed(channels=(mirrored, DECLARED.channels[1])) == ()


CHANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a spec": (
        {"requirements": (*DECLARED.requirements, wanted("rich"))},
        ['conda.dependencies: added "rich" (environment.yml:7)'],
    ),
    "its version": (
        {"requirements": (wanted("python 3.13.*"), *DECLARED.requirements[1:])},
        ['conda.dependencies: changed "python 3.12.*" to "python 3.13.*" (environment.yml:7)'],
    ),
    "its platforms": (
        {
            "requirements": (
                DECLARED.requirements[0],
                wanted("numpy >=2"),
                DECLARED.requirements[2],
            )
        },
        [f'conda.dependencies: changed "{LIMITED}" to "numpy >=2" (environment.yml:7)'],
    ),
    "a group": (
        {"requirements": DECLARED.requirements[:2]},
        ['conda.groups: removed "dev"'],
    ),
    "the order of channels": (
        {"channels": DECLARED.channels[::-1]},
        ["conda.channels: the order changed to conda-forge, team"],
    ),
    "the address of a channel": (
        {
            "channels": (
                CondaChannel(name="team", url="https://other.example.org/team"),
                DECLARED.channels[1],
            )
        },
        [f'conda.channels.team.url: changed "{TEAM}" to "https://other.example.org/team"'],
    ),
    "the priority": (
        {"priority": "disabled"},
        ['conda.channel-priority: changed "strict" to "disabled"'],
    ),
    "a virtual package": (
        {"virtual_packages": ()},
        ['conda.virtual-packages: removed "linux-64"'],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_said_in_words(name: str) -> None:
    fields, lines = CHANGES[name]
    assert list(changed(**fields)) == lines


def test_conda_may_come_and_go() -> None:
    with_conda, without = manifest(), manifest(None)
    old, new = conda_inputs_document(with_conda), conda_inputs_document(without)
    assert conda_changes(old, new, without)
    assert conda_changes(new, old, with_conda)


def test_what_a_lock_records_is_not_trusted() -> None:
    new = conda_inputs_document(manifest())
    for recorded in ({}, {"schema": 1, "conda": []}, {**new, "conda": {"schema": 1}}, {"conda": 1}):
        assert conda_changes(recorded, new, manifest())
