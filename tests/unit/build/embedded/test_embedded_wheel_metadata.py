"""What a wheel says of itself."""

from __future__ import annotations

import pytest
from packaging.metadata import parse_email

from mooring.build.embedded.wheels.metadata import WheelMetadata, check_format, read_metadata
from mooring.build.embedded.wheels.refused import WheelRefused

TEXT = """\
Metadata-Version: 2.1\r
name:Demo\r
VERSION:  1.0\r
Summary: Ein schönes Ding
License: One
        Two
 \t
\tThree
Classifier: A :: B
Classifier: C :: D
Requires-Dist: numpy>=2 ; python_version < "3.13"
Requires-Dist: click
Home-page:

Name: not a header any more
"""


def test_the_headers_are_read_and_the_description_is_not() -> None:
    assert read_metadata(TEXT.encode(), "demo.whl") == WheelMetadata(
        name="Demo",
        version="1.0",
        license="One\nTwo\n\nThree",
        classifiers=("A :: B", "C :: D"),
        requires_dist=('numpy>=2 ; python_version < "3.13"', "click"),
        summary="Ein schönes Ding",
    )


def test_it_agrees_with_the_parser_of_packaging() -> None:
    raw, _ = parse_email(TEXT.encode())
    ours = read_metadata(TEXT.encode(), "demo.whl")
    assert (ours.name, ours.version, ours.summary) == (raw["name"], raw["version"], raw["summary"])
    assert list(ours.classifiers) == raw["classifiers"]
    assert list(ours.requires_dist) == raw["requires_dist"]


def test_an_empty_field_is_none() -> None:
    text = b"Name: demo\nVersion: 1\nSummary:\nLicense-Expression: MIT\n"
    found = read_metadata(text, "demo.whl")
    assert (found.summary, found.license, found.license_expression) == (None, None, "MIT")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"Name: demo\n",
        b"Name: demo\nVersion:\n",
        b"Name: demo\nName: other\nVersion: 1\n",
        b"Name: demo\nVersion: 1\nVersion: 2\n",
        b"\nName: demo\nVersion: 1\n",
    ],
)
def test_it_must_name_one_project_and_one_version(text: bytes) -> None:
    with pytest.raises(WheelRefused, match="not one Name and one Version"):
        read_metadata(text, "demo.whl")


@pytest.mark.parametrize(
    "line", [b"X%d: 1\n", b" %d\n", b"%d", b"Summary: =?utf-8?q?%d?=\n", b":%d:\n", b"\xff%d\r\n"]
)
def test_endless_headers_are_refused(line: bytes) -> None:
    data = b"Name: demo\nVersion: 1\n" + b"".join(line % n for n in range(300_000))
    with pytest.raises(WheelRefused, match="too long"):
        read_metadata(data, "demo.whl")


def test_a_long_description_is_not_looked_at() -> None:
    data = b"Name: demo\nVersion: 1\n\n" + b"text\n" * 500_000
    assert read_metadata(data, "demo.whl").name == "demo"


@pytest.mark.parametrize("version", ["1.0", "1.9", "1.10"])
def test_the_known_format_passes(version: str) -> None:
    check_format(f"Wheel-Version: {version}\nTag: py3-none-any\n".encode(), "demo.whl")


@pytest.mark.parametrize("version", ["2.0", "1", "1.0.0", "0.1", "", "1.x"])
def test_other_formats_are_refused(version: str) -> None:
    with pytest.raises(WheelRefused, match=r"only 1\.x is known"):
        check_format(f"Wheel-Version: {version}\n".encode(), "demo.whl")
