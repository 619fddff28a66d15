"""What goes to standard output for machines."""

from __future__ import annotations

import json

import pytest

from mooring.cli.options import print_json


@pytest.mark.parametrize(
    "name",
    ["plain", "\u00fcn\u00ef \U0001f600", "\x1b[31m", "\x9b31m", "\u202e", "\udcff", 'a"\\b\n'],
)
def test_any_name_is_printed_as_json_without_control_characters(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_json({"name": name})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"name": name}
    assert printed.replace("\n", "").isprintable()
    assert printed.encode("utf-8")
