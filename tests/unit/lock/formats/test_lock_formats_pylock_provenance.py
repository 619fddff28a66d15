from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from tests.unit.lock import locks

from mooring.errors import InputError
from mooring.lock.formats import pylock
from mooring.lock.inputs import inputs_digest
from mooring.lock.model import Lock


def mine() -> Lock:
    return replace(
        locks.lock(locks.package("a"), locks.package("b"), extras=["gpu"], groups=["dev"]),
        provenance=locks.provenance(
            python="3.12",
            dependencies=["rich>=13", "torch"],
            environments=[{"name": "default", "extras": [], "groups": []}],
            extras={"gpu": ["cuda"], "a.b": []},
        ),
    )


TAIL = """\
[tool.mooring]
schema = 1
inputs-digest = "INPUTS"
packages-digest = "PACKAGES"
environments = [
    { name = "default", extras = [], groups = [] },
    { name = "dev", extras = ["gpu"], groups = ["dev"] },
]
targets = [
    { environment = "default", platform = "linux-64", python = "3.12" },
"""
INPUTS = """\
[tool.mooring.inputs]
schema = 1
python = "3.12"
dependencies = [
    "rich>=13",
    "torch",
]
environments = [
    { name = "default", extras = [], groups = [] },
]

[tool.mooring.inputs.extras]
gpu = [
    "cuda",
]
"a.b" = []
"""


def test_the_shape_of_the_table() -> None:
    lock = mine()
    assert lock.provenance is not None
    text = pylock.write(lock)

    expected = TAIL.replace("INPUTS", inputs_digest(lock.provenance.inputs)).replace(
        "PACKAGES", pylock.packages_digest(lock)
    )
    assert expected in text
    assert text.endswith("]\n\n" + INPUTS)


def test_it_comes_back() -> None:
    lock = mine()
    assert lock.provenance is not None

    found = pylock.read_provenance(pylock.write(lock), "x")

    assert found == replace(lock.provenance, packages_digest=pylock.packages_digest(lock))
    assert found is not None
    assert not found.edited
    assert found == pylock.read(pylock.write(lock), "x").provenance


def test_a_foreign_lock_has_none() -> None:
    assert pylock.read_provenance(pylock.write(locks.lock(locks.package("a"))), "x") is None


def test_layout_is_no_edit() -> None:
    text = pylock.write(mine())
    loose = "# comment\n" + text.replace(" = ", "=").replace("\n\n", "\n\n\n")

    found = pylock.read_provenance(loose, "x")

    assert found is not None
    assert not found.edited


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (locks.wheel("a").sha256 or "", locks.sha("other")),
        ('\nversion = "1.0"', '\nversion = "1.0.0"'),
        ("size = 22", "size = 23"),
        ('extras = ["gpu"]', 'extras = ["gpu", "tpu"]'),
        ("09:30:00Z", "09:30:01Z"),
        ('"rich>=13"', '"rich>=14"'),
        ('inputs-digest = "sha256:', 'x = "sha256:'),
        ('packages-digest = "sha256:', 'x = "sha256:'),
    ],
)
def test_an_edit_is_noticed(old: str, new: str) -> None:
    text = pylock.write(mine())
    assert old in text

    found = pylock.read_provenance(text.replace(old, new, 1), "x")

    assert found is not None
    assert found.edited


def test_a_package_cut_out_is_noticed() -> None:
    before, _, rest = pylock.write(mine()).partition("[[packages]]")
    _, _, rest = rest.partition("[[packages]]")

    found = pylock.read_provenance(f"{before}[[packages]]{rest}", "x")

    assert found is not None
    assert found.edited


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('name = "a"\n', "name = 1\n", "packages[0].name"),
        ('name = "a"\n', "", "packages[0].name"),
        ("wheels = [", "wheels = [1,", "packages[0].wheels[0]"),
        ("hashes = {", "digests = {", "packages[0].wheels[0].hashes"),
        ('lock-version = "1.0"', 'lock-version = "2.0"', "lock-version"),
        ('created-by = "mooring"', "created-by = []", "created-by"),
        ('"linux-64"', '"linux-65"', "tool.mooring.targets[0].platform"),
        ('"3.12" },', '"four" },', "tool.mooring.targets[0].python"),
        ('environment = "default"', "environment = 1", "tool.mooring.targets[0].environment"),
        (
            'environments = [\n    { name = "default",',
            "environments = [\n    { name = 1,",
            "tool.mooring.environments[0].name",
        ),
        (
            'extras = [], groups = [] },\n    { name = "dev"',
            'extras = 1, groups = [] },\n    { name = "dev"',
            "tool.mooring.environments[0].extras",
        ),
        ("targets = [", "targets = 1\nx = [", "tool.mooring.targets"),
        ("targets = [", "targets = [1,", "tool.mooring.targets[0]"),
        ('"torch"', "1.5", "tool.mooring.inputs.dependencies[1]"),
        ('"torch"', '"a\\nb"', "tool.mooring.inputs.dependencies[1]"),
        ('"torch"', "[[[[[[1]]]]]]", "tool.mooring.inputs.dependencies[1][0][0][0][0][0]"),
        (
            'packages-digest = "sha256:',
            'packages-digest = "sha256-',
            "tool.mooring.packages-digest",
        ),
    ],
)
def test_a_broken_lock_is_refused_by_key_path(old: str, new: str, place: str) -> None:
    text = pylock.write(mine())
    assert old in text
    broken = text.replace(old, new, 1)

    for reading in (pylock.read, pylock.read_provenance):
        with pytest.raises(InputError) as caught:
            reading(broken, "pylock.toml")
        assert caught.value.where == f"pylock.toml: {place}"


@pytest.mark.parametrize("value", ["1", "[]", '"x"'])
def test_the_table_must_be_one(value: str) -> None:
    text = f"{pylock.write(locks.lock(locks.package('a')))}\n[tool]\nmooring = {value}\n"

    with pytest.raises(InputError, match="table"):
        pylock.read(text, "x")


def test_a_later_schema_counts_as_another_tool() -> None:
    text = pylock.write(mine()).replace("[tool.mooring]\nschema = 1", "[tool.mooring]\nschema = 2")

    assert pylock.read(text, "x").provenance is None


def test_another_tool_may_drop_parts() -> None:
    lock = replace(locks.lock(locks.package("a")), provenance=locks.provenance())
    data = tomllib.loads(pylock.write(lock))
    assert "targets" in data["tool"]["mooring"]
    head, _, _ = pylock.write(lock).partition("[tool.mooring]")

    found = pylock.read(f"{head}[tool.mooring]\nschema = 1\ninputs = {{ schema = 1 }}\n", "x")

    assert found.provenance is not None
    assert found.provenance.targets == ()
    assert found.provenance.packages_digest is None
