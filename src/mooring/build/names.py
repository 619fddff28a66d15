"""The names of an image: its repository, the content tag and the tags that were asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mooring.build.recipe import TAG_HEX_DIGITS, TAG_PREFIX
from mooring.errors import InputError
from mooring.oci.reference import ImageReference

# Content tags, the names of images on their way into an engine, and lists of referrers.
_MADE = re.compile(rf"{TAG_PREFIX}[0-9a-f]{{{TAG_HEX_DIGITS}}}(?:-new)?|sha256-[0-9a-f]{{64}}")


def image_names(
    repository: str, content_tag: str, tags: Sequence[str]
) -> tuple[ImageReference, tuple[str, ...]]:
    """Return the reference by content tag, and the other tags, all of the one repository.

    Args:
        repository: Without tag and digest.
        content_tag: `moor-` and 16 hex digits.
        tags: Bare tags, or whole references in the same repository.

    Raises:
        InputError: The repository or a tag is not a valid name.
    """
    parsed = ImageReference.parse(repository, "repository")
    if parsed.tag or parsed.digest:
        raise InputError(
            f"{repository!r} names a tag or digest",
            where="repository",
            hint="write the repository only; Mooring makes the tag",
        )
    found = []
    for text in tags:
        whole = text if {":", "/"}.intersection(text) else f"{parsed}:{text}"
        reference = ImageReference.parse(whole, "tag")
        if not reference.same_repository(parsed) or not reference.tag or reference.digest:
            raise InputError(f"{text!r} is not a tag of {parsed}", where="tag")
        if _MADE.fullmatch(reference.tag) and reference.tag != content_tag:
            # Whoever has the content of that name would be given this image instead.
            raise InputError(
                f"the tag {reference.tag} stands for the content or the documents of an image",
                where="tag",
                hint="choose another one",
            )
        found.append(reference.tag)
    return parsed.with_tag(content_tag), tuple(dict.fromkeys(found))
