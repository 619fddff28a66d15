"""The table of findings on narrow and wide terminals, and with hostile names in it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mooring.cli.verify_table import NARROW, print_rows
from mooring.verify.report.table import Row

DIGEST = "sha256:0123456789ab"
PATH = "lib/python3.11/site-packages/opentelemetry/instrumentation/sqlalchemy/package.py"
ROWS = [
    Row(package="", message="another Python", severity="error", rule="MOR115", failing=True),
    Row(
        package="opentelemetry-instrumentation-sqlalchemy",
        message="the content differs",
        severity="error",
        rule="MOR106",
        path=PATH,
        expected=DIGEST,
        actual=DIGEST,
        failing=True,
    ),
    Row(package="opentelemetry-instrumentation-sqlalchemy", message="and 23 more findings"),
]


def shown(rows: list[Row], width: int) -> list[str]:
    stream = io.StringIO()
    print_rows(Console(file=stream, width=width, highlight=False), rows)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("width", [40, 60, 80, NARROW, 160, 200])
def test_nothing_is_lost_and_nothing_is_too_wide(width: int) -> None:
    lines = shown(ROWS, width)
    assert max(map(len, lines)) <= width
    squeezed = "".join("".join(lines).split())
    for text in ("(environment)", "MOR115", "MOR106", "anotherPython", "23morefindings"):
        assert text in squeezed
    # A digest can be selected with a double click.
    assert sum(line.count(DIGEST) for line in lines) == 2


def test_narrow_terminals_get_a_block_for_each_package() -> None:
    assert shown(ROWS, 60) == [
        "(environment)",
        "  MOR115 another Python",
        "opentelemetry-instrumentation-sqlalchemy",
        "  MOR106 the content differs",
        "         lib/python3.11/site-packages/opentelemetry/",
        "         instrumentation/sqlalchemy/package.py",
        f"         expected {DIGEST}",
        f"         actual   {DIGEST}",
        "         and 23 more findings",
        "",
    ]


@pytest.mark.parametrize("width", [80, 100, NARROW, 140, 160, 200])
def test_no_word_is_broken_inside(width: int) -> None:
    message = "it was created with include-system-site-packages and is imported from elsewhere"
    setting = "include-system-site-packages = false"
    rows = [*ROWS, Row(package="a", message=message, rule="MOR116", severity="error", path=PATH)]
    rows.append(Row(package="b", message=message, rule="MOR119", expected=setting, actual=setting))
    told = {word for line in shown(rows, width) for word in line.split()}
    # A path may go on in the next line behind a folder, and nowhere else.
    parts = {part + "/" * (part != "package.py") for part in PATH.split("/")}
    known = {word for row in rows for text in (row.message, row.expected) for word in text.split()}
    known |= {"opentelemetry-instrumentation-sqlalchemy", "(environment)", f"{message}:"}
    known |= {"package", "rule", "what", "expected", "actual", DIGEST, "a", "b", "differs:"}
    known |= {"elsewhere:", *(row.rule for row in rows)}
    for word in told - known:
        assert set(word) == {"─"} or {each + "/" for each in word.split("/")[:-1]} <= parts, word
        assert set(word) == {"─"} or word.endswith(("/", "package.py")), word


def test_wide_terminals_get_a_line_for_each_finding() -> None:
    lines = [line for line in shown(ROWS, 200) if line.strip()]
    assert lines[0].split() == ["package", "rule", "what", "expected", "actual"]
    assert len(lines) == 5
    assert f"the content differs: {PATH}" in lines[3]


@pytest.mark.parametrize("width", [60, 200])
def test_foreign_names_command_nothing(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    hostile = "::add-mask::x\x1b[31m\u202e\nb##[group]"
    rows = [
        Row(package=hostile, message=hostile, severity="error", rule="MOR106", path=hostile),
        Row(package="a\x9b31m", message="[red]markup[/red]", expected="[bold]", actual=hostile),
    ]
    lines = shown(rows, width)
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in lines)
    text = "".join(lines)
    assert all(c.isprintable() or c == "\u200b" for c in text)
    assert "[red]markup[/red]" in text
    assert "[bold]" in text
