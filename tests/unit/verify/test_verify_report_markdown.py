"""Markdown: what a real parser makes of it, whatever the target says."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt
from tests.unit.verify.reports import HOSTILE, finding, hostile, report

from mooring.verify import rules
from mooring.verify.report.markdown import MOST_ROWS, code, markdown_text
from mooring.verify.shown import shown

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")


def html(text: str) -> str:
    return str(PARSER.render(text))


def plain(text: str) -> str:
    """Return what a reader sees of some HTML."""
    bare = re.sub(r"<[^>]*>", "", text)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        bare = bare.replace(entity, character)
    return bare


def test_clean() -> None:
    text = markdown_text(report())
    assert text.startswith("## ✅ mooring verify: `.venv`\n")
    assert "2 packages, 10 files compared: nothing fails." in text
    assert "Lock: `pylock.toml` for `linux-64`, Python `3.11`." in text
    assert "|" not in text


def test_a_table_of_findings_and_the_fixes_once() -> None:
    text = markdown_text(
        report(
            finding("beta", "b.py", rule=rules.EDITABLE),
            finding("alpha", "lib/python3.11/site-packages/a.py"),
            finding("alpha", "c.py", suppressed_by="patched on purpose"),
        )
    )
    assert text.count("mooring sync .venv") == 1
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert rows[0].startswith(
        "| fails | `alpha` | [MOR106](https://github.com/mooring-dev/mooring/blob/main/docs/rules/"
        "MOR106.md) | the content differs: `lib/python3.11/site-packages/a.py` | "
        "`sha256:555555555555` |"
    )
    assert rows[1].startswith("| warning | `beta` |")
    assert rows[2].startswith("| accepted | `alpha` |")
    assert "(accepted: patched on purpose)" in rows[2]
    assert html(text).count("<tr>") == 4


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_code_keeps_any_text_inside_of_its_cell(text: str) -> None:
    # A cell cannot hold a blank alone; everything else is read as it was written.
    table = f"| a | b |\n|-|-|\n| {code(text)} | last |\n"
    rendered = html(table)
    assert rendered.count("<td>") == 2
    [first, last] = re.findall(r"<td>(.*?)</td>", rendered, re.DOTALL)
    assert last == "last"
    expected = shown(text)[:160]
    assert plain(first).removesuffix("...").strip() == expected.removesuffix("...").strip()
    assert set(re.findall(r"</?[a-z]+", first)) <= {"<code", "</code"}


def test_hostile_texts_make_no_structure() -> None:
    text = markdown_text(hostile())
    text.encode("utf-8")
    rendered = html(text)
    assert rendered.count("<tr>") == 1 + 2 * len(HOSTILE)
    assert rendered.count("<h2>") == 1
    tags = set(re.findall(r"<([a-z0-9]+)", rendered))
    assert tags == {
        *("h2", "p", "code", "table", "thead", "tbody", "tr", "th", "td", "a", "ul", "li")
    }
    links = set(re.findall(r'href="([^"]*)"', rendered))
    assert all(link.startswith("https://github.com/mooring-dev/") for link in links)
    outside = re.sub(r"<code>.*?</code>", "", rendered)
    assert "@team" not in outside
    assert "evil.example" not in outside


def test_a_summary_stays_within_its_limit() -> None:
    text = markdown_text(report(*(finding("alpha", "x" * 500 + str(n)) for n in range(5000))))
    assert text.count("\n| ") == MOST_ROWS + 1
    assert "4,800 more findings not shown." in text
    assert len(text) < 1 << 20
