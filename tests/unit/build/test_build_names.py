"""Names of images: one repository, the content tag, and tags that belong to it."""

from __future__ import annotations

import pytest

from mooring.build.names import image_names
from mooring.errors import InputError


def test_bare_and_whole_tags_are_the_same() -> None:
    reference, tags = image_names("example.com/a", "moor-1", ["latest", "example.com/a:latest"])
    assert str(reference) == "example.com/a:moor-1"
    assert tags == ("latest",)


@pytest.mark.parametrize("repository", ["example.com/a:1", "example.com/a@sha256:" + "a" * 64])
def test_a_repository_has_no_tag(repository: str) -> None:
    with pytest.raises(InputError, match="names a tag or digest"):
        image_names(repository, "moor-1", [])


@pytest.mark.parametrize("tag", ["example.com/b:latest", "not a tag", "example.com/a"])
def test_a_tag_is_one_of_this_repository(tag: str) -> None:
    with pytest.raises(InputError):
        image_names("example.com/a", "moor-1", [tag])


@pytest.mark.parametrize(
    "tag", ["moor-0123456789abcdef", "moor-0123456789abcdef-new", "sha256-" + "a" * 64]
)
def test_a_tag_that_stands_for_other_content_is_refused(tag: str) -> None:
    for text in (tag, f"example.com/a:{tag}"):
        with pytest.raises(InputError, match="stands for the content"):
            image_names("example.com/a", "moor-1111111111111111", [text])


def test_its_own_content_tag_and_names_that_are_only_alike_are_fine() -> None:
    own = "moor-1111111111111111"
    assert image_names("a", own, [own, "moor-ing", "sha256-1"])[1] == (own, "moor-ing", "sha256-1")
