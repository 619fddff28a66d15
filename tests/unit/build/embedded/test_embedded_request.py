"""What the embedded builder is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.build.embedded.request import EmbeddedRequest, Output, PlatformImage
from mooring.errors import InputError
from mooring.lock.model import Selection
from mooring.manifest.model import ImageSpec
from mooring.platforms import Platform, PythonVersion
from mooring.render.interface import BaseImage

SELECTION = Selection(
    platform=Platform.parse("linux-64"),
    python=PythonVersion(minor=12),
    extras=(),
    groups=(),
    packages=(),
)


def request(bytecode: bool | None) -> EmbeddedRequest:
    base = BaseImage(reference="python:3.12-slim", digest="sha256:" + "a" * 64)
    return EmbeddedRequest(
        images=(PlatformImage(selection=SELECTION, base=base),),
        spec=ImageSpec(bytecode=bytecode),
        repository="one",
        root=Path(),
    )


def test_outputs_are_a_layout_and_a_tar() -> None:
    assert Output.parse("oci:out/image") == Output(kind="oci", path=Path("out/image"))
    assert Output.parse("docker:a.tar") == Output(kind="docker", path=Path("a.tar"))


@pytest.mark.parametrize("text", ["", "oci:", "oci", "tar:x", "a.tar", ":x"])
def test_other_outputs_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="not an output"):
        Output.parse(text)


@pytest.mark.parametrize(
    ("declared", "variants"), [(None, [True, False]), (True, [True]), (False, [False])]
)
def test_byte_code_is_looked_for_first_where_nobody_decided(
    declared: bool | None, variants: list[bool]
) -> None:
    assert [variant.bytecode for variant in request(declared).variants] == variants


def test_variants_have_tags_of_their_own() -> None:
    one, other = request(None).variants
    assert one.content_tag != other.content_tag


def test_the_tag_of_one_platform_is_that_of_its_recipe() -> None:
    [variant] = request(True).variants
    assert variant.content_tag == variant.recipes[0].content_tag
