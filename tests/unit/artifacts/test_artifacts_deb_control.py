from __future__ import annotations

from mooring.artifacts.deb_control import parse_stanzas, write_stanza

TEXT = """\
Package: a
Depends: b (>= 1),
 c
Description: short
 long
 .
 more

Package: d
Package: e
no field
 goes on
Conffiles:
 /etc/x 12
"""


def test_paragraphs() -> None:
    first, second = parse_stanzas(TEXT)
    assert first == {
        "Package": "a",
        "Depends": "b (>= 1),\n c",
        "Description": "short\n long\n .\n more",
    }
    assert second == {"Package": "d", "Conffiles": "\n /etc/x 12"}


def test_what_is_written_is_read_again() -> None:
    paragraphs = list(parse_stanzas(TEXT))
    text = "\n".join(map(write_stanza, paragraphs))
    assert list(parse_stanzas(text)) == paragraphs
    assert "Conffiles:\n /etc/x" in text


def test_nothing_is_no_paragraph() -> None:
    assert list(parse_stanzas("\n \n\n")) == []
    assert list(parse_stanzas(" goes on\n")) == []
