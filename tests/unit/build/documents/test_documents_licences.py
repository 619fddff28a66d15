"""What a package says of its licence, in any of the ways it may say it."""

from __future__ import annotations

import pytest

from mooring.build.documents.licences import (
    LONGEST_NAME,
    Licence,
    declared_licence,
    spdx_expression,
)

OSI = "License :: OSI Approved :: "
MIT = OSI + "MIT License"
APACHE = OSI + "Apache Software License"
BSD = OSI + "BSD License"


@pytest.mark.parametrize(
    ("expression", "classifiers", "text", "expected"),
    [
        ("mit or apache-2.0", (BSD,), "BSD", "MIT OR Apache-2.0"),
        (None, (MIT,), "anything", "MIT"),
        (None, ("License :: OSI Approved", MIT), None, "MIT"),
        (None, (BSD,), "BSD-3-Clause", "BSD-3-Clause"),
        (None, (MIT, APACHE), "MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        (None, (), "PSF-2.0", "PSF-2.0"),
        ("no expression at all", (MIT,), None, "MIT"),
        (None, (OSI + "GNU General Public License v2 (GPLv2)",), None, "GPL-2.0-only"),
        ("LicenseRef-Own", (), None, "LicenseRef-Own"),
    ],
)
def test_an_expression(
    expression: str | None, classifiers: tuple[str, ...], text: str | None, expected: str
) -> None:
    found = declared_licence(expression, classifiers, text)
    assert found == Licence(expression=expected)


@pytest.mark.parametrize(
    ("classifiers", "text", "expected"),
    [
        # Several do not say whether all hold or one may be chosen: nothing is invented.
        ((MIT, APACHE), None, "Apache Software License; MIT License"),
        ((BSD,), "BSD", "BSD License"),
        ((OSI + "GNU General Public License (GPL)",), "GPL", "GNU General Public License (GPL)"),
        ((), "\n\n Copyright (c) 2020 Ann\nAll rights reserved", "Copyright (c) 2020 Ann"),
        ((), "Mine \x1b[31mred\x00", "Mine  [31mred"),
        ((), "UNKNOWN", None),
        ((), "", None),
        (("Topic :: Software",), None, None),
    ],
)
def test_a_name(classifiers: tuple[str, ...], text: str | None, expected: str | None) -> None:
    found = declared_licence(None, classifiers, text)
    assert found.expression is None
    assert (found.name.strip() if found.name else None) == expected


def test_a_whole_text_is_shortened() -> None:
    found = declared_licence(None, (), "word " * 10_000)
    assert found.name is not None
    assert len(found.name) <= LONGEST_NAME


@pytest.mark.parametrize("text", ["", "MIT AND", "MIT\nBSD", "(" * 400, "MIT OR " * 200, "MITT"])
def test_no_expression(text: str) -> None:
    assert spdx_expression(text) is None


def test_every_classifier_means_a_licence_of_the_list() -> None:
    from mooring.build.documents import licences

    for name, identifier in licences._IDS.items():
        assert spdx_expression(identifier) == identifier, name
