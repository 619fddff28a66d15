"""The documentation names what exists: every verb, every option, every manifest key."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path

import click
import pytest

from mooring.cli.group import VERBS, cli
from mooring.manifest.model import ImageSpec
from mooring.verify import rules

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMAND_LINE = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")
MANIFEST = (DOCS / "reference" / "manifest.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_documented(verb: str) -> None:
    command = importlib.import_module(f"mooring.cli.{verb}").command
    assert f"`mooring {verb}" in COMMAND_LINE
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            longest = max(parameter.opts, key=len)
            assert f"`{longest}" in COMMAND_LINE, longest


def test_no_option_is_documented_that_does_not_exist() -> None:
    known = {
        name
        for verb in VERBS
        for parameter in importlib.import_module(f"mooring.cli.{verb}").command.params
        for name in parameter.opts
    }
    mentioned = set(re.findall(r"`(--[a-z-]+)", COMMAND_LINE))
    assert mentioned <= known


def test_every_verb_has_a_short_help() -> None:
    context = click.Context(cli)
    assert list(VERBS) == cli.list_commands(context)
    for verb, text in VERBS.items():
        command = cli.get_command(context, verb)
        assert command is not None
        assert command.help
        assert text.endswith(".")


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ImageSpec)])
def test_every_image_key_is_documented(field: str) -> None:
    assert f"`{field}`" in MANIFEST


def test_every_rule_has_a_description() -> None:
    page = (DOCS / "reference" / "rules.md").read_text(encoding="utf-8")
    found = {rule.id for rule in rules.RULES}
    assert found
    for rule in found:
        assert f"[{rule}](../rules/{rule}.md)" in page


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "rules").iterdir()}
    assert pages.keys() == {rule.id for rule in rules.RULES}
    for rule in rules.RULES:
        lines = pages[rule.id].splitlines()
        assert lines[0].startswith(f"# {rule.id}: ")
        assert f"`{rule.kind}`, {rule.severity}" in lines[2]
        assert ("unverifiable" in lines[2]) == rule.unverifiable
        headings = [line for line in lines if line.startswith("## ")]
        assert headings == ["## What it means", "## Why it matters", "## How it is put right"]
