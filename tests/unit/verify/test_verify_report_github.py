"""Workflow commands: read back as GitHub's runner reads them."""

from __future__ import annotations

from typing import NamedTuple

from tests.unit.verify.reports import finding, hostile, report

from mooring.verify import rules
from mooring.verify.report.github import MOST, github_text
from mooring.verify.report.model import Report


class Command(NamedTuple):
    """One workflow command."""

    name: str
    properties: dict[str, str]
    message: str


def commands(document: Report) -> list[Command]:
    """Parse as the runner does: line by line, up to the second `::`, then undo the escapes."""
    found = []
    for line in github_text(document).splitlines():
        assert line.startswith("::")
        head, message = line[2:].split("::", 1)
        name, _, properties = head.partition(" ")
        pairs = (pair.split("=", 1) for pair in properties.split(","))
        read = {key: _unescape(value, "%3A:", "%2C,") for key, value in pairs}
        found.append(Command(name, read, _unescape(message)))
    return found


def _unescape(text: str, *more: str) -> str:
    for escape in ("%0D\r", "%0A\n", *more, "%25%"):
        text = text.replace(escape[:3], escape[3:])
    return text


def test_clean() -> None:
    assert github_text(report()) == ""


def test_an_annotation() -> None:
    document = report(
        finding("alpha", "a:b,c 100%.py"), lines={("alpha", None): 12}, path="a,b/pylock.toml"
    )
    text = github_text(document)
    assert text.startswith("::error file=a%2Cb/pylock.toml,line=12,title=MOR106::alpha: ")
    [command] = commands(document)
    assert command.properties == {"file": "a,b/pylock.toml", "line": "12", "title": "MOR106"}
    assert "(a:b,c 100%.py)" in command.message
    assert command.message.endswith("\nfix: mooring sync .venv")


def test_one_for_each_package_and_rule_the_failing_ones_first() -> None:
    document = report(
        finding("alpha", rule=rules.EDITABLE),
        finding("alpha", "a.py"),
        finding("alpha", "b.py"),
        finding("alpha", "c.py", suppressed_by="known"),
        finding("beta", rule=rules.EXTRA.at("info")),
        finding("beta", rule=rules.UNVERIFIABLE),
    )
    found = commands(document)
    assert [(c.name, c.properties["title"]) for c in found] == [
        ("error", "MOR106"),
        ("error", "MOR109"),
        ("warning", "MOR113"),
    ]
    assert "and 1 more finding like it" in found[0].message


def test_ten_and_one_that_counts_the_rest() -> None:
    names = tuple(f"package-{number:02}" for number in range(15))
    document = report(
        *(finding(name, f"{name}-{n}.py") for name in names for n in range(3)), names=names
    )
    found = commands(document)
    assert [c.name for c in found] == ["error"] * MOST + ["notice"]
    assert found[-1].message.startswith("15 more findings of 15 packages, 10 files compared: 45 ")
    exactly = report(*(finding(name) for name in names[:10]), names=names)
    assert len(commands(exactly)) == 10


def test_hostile_texts_are_one_line_each() -> None:
    document = hostile()
    text = github_text(document)
    text.encode("utf-8")
    assert len(text.splitlines()) == MOST + 1
    for command in commands(document):
        assert command.name in ("error", "warning", "notice")
        assert set(command.properties) == {"file", "line", "title"}
        assert command.properties["file"] == "a b/[lock], 100%:é.toml"
        assert all(c.isprintable() or c == "\n" for c in command.message)
    assert all(len(line) < 4000 for line in text.splitlines())
