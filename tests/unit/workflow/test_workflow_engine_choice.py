"""Which builder is chosen, and what is said when the wanted one cannot do it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mooring.errors import InputError
from mooring.lock.model import Artifact, ArtifactKind, Package, Selected, Selection
from mooring.manifest.model import ImageSpec
from mooring.platforms import Platform, PythonVersion
from mooring.workflow.engine_choice import ChoiceInput, choose_engine


def selection(kind: ArtifactKind = "wheel", name: str = "one-1.0-py3-none-any.whl") -> Selection:
    artifact = Artifact(kind=kind, name=name, url="https://packages.example.org/one")
    selected = Selected(package=Package(name="one", version="1.0"), artifact=artifact)
    return Selection(
        platform=Platform.parse("linux-64"),
        python=PythonVersion(minor=12),
        extras=(),
        groups=(),
        packages=(selected,),
    )


PLAIN = ChoiceInput(
    spec=ImageSpec(base="python:3.12-slim"),
    template="slim",
    selections=(selection(),),
    base="python:3.12-slim",
)


def test_wheels_on_a_base_need_no_engine() -> None:
    assert choose_engine("auto", PLAIN).name == "oci"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (replace(PLAIN, template="image/own.Dockerfile.j2"), "may run commands"),
        (replace(PLAIN, selections=(selection("sdist", "one-1.0.tar.gz"),)), "one must be built"),
        (replace(PLAIN, selections=(selection("archive", "one.zip"),)), "one must be built"),
        (replace(PLAIN, engine_options=("--ca",)), "--ca is for the steps"),
    ],
)
def test_what_runs_commands_needs_an_engine(asked: ChoiceInput, reason: str) -> None:
    choice = choose_engine("auto", asked)
    assert choice.name == "docker"
    assert reason in choice.reason
    with pytest.raises(InputError, match="embedded builder cannot") as caught:
        choose_engine("oci", asked)
    assert reason in caught.value.message
    assert "--engine docker" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (replace(PLAIN, base="oci:folder"), "lies in files"),
        (replace(PLAIN, base="bases/python.tar"), "lies in files"),
        (replace(PLAIN, embedded_options=("--output",)), "--output is an option"),
    ],
)
def test_what_no_engine_can_do_is_refused_there(asked: ChoiceInput, reason: str) -> None:
    assert choose_engine("auto", asked).name == "oci"
    with pytest.raises(InputError, match="an engine cannot") as caught:
        choose_engine("docker", asked)
    assert reason in caught.value.message


def test_a_wheel_by_address_needs_no_engine() -> None:
    asked = replace(PLAIN, selections=(selection("archive"),))
    assert choose_engine("auto", asked).name == "oci"


def test_what_nobody_can_do_names_both_reasons() -> None:
    asked = replace(PLAIN, template="own.j2", selections=(selection(), selection()))
    with pytest.raises(InputError, match="no builder can") as caught:
        choose_engine("auto", asked)
    assert "own.j2" in caught.value.message
    several = "several platforms in one run are for the embedded builder"
    assert several in caught.value.message


@pytest.mark.parametrize("wanted", ["oci", "docker"])
def test_a_wanted_builder_is_taken(wanted: str) -> None:
    assert choose_engine(wanted, PLAIN).name == wanted  # type: ignore[arg-type]
