"""`inventory/1`: back from its text unchanged, no secrets in it, hostile files refused."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.environments import install, make_venv
from tests.inventory_schema import PUBLISHED, schema, text

from mooring.errors import InputError
from mooring.verify.collectors.path import PathCollector
from mooring.verify.inventory import Distribution, Interpreter, Inventory, SeenFile
from mooring.verify.inventory_json import SCHEMA, document, fields_of, read, read_file, write

SMALL = Inventory(
    kind="path",
    target=".venv",
    root="/srv/app/.venv",
    interpreter=Interpreter(version="3.11.7"),
    distributions=(),
)
HEAD: dict[str, Any] = {
    "schema": "inventory/1",
    "kind": "path",
    "target": "t",
    "root": "/r",
    "interpreter": {},
    "distributions": [],
}


def real(root: Path) -> Inventory:
    site = make_venv(root)
    install(site, "zeta", files={"zeta/b.py": b"b", "zeta/a.py": b"a"})
    install(site, "Alpha", rows=["../../../bin/alpha,,", "gone.py,,3"])
    (site / "zeta" / "a.py").write_bytes(b"c")
    return PathCollector(root).collect()


def test_a_real_one_comes_back(tmp_path: Path) -> None:
    inventory = real(tmp_path / "venv")
    back = read(write(inventory), "x.json")
    assert write(back) == write(inventory)
    assert {d.name: set(d.files) for d in back.distributions} == {
        d.name: set(d.files) for d in inventory.distributions
    }
    assert replace(back, distributions=()) == replace(inventory, distributions=())
    jsonschema.validate(document(inventory), schema())


def test_the_order_of_collecting_changes_nothing(tmp_path: Path) -> None:
    inventory = real(tmp_path / "venv")
    for seed in range(5):
        shuffle = random.Random(seed).sample
        mixed = replace(
            inventory,
            distributions=tuple(
                replace(each, files=tuple(shuffle(each.files, len(each.files))))
                for each in shuffle(inventory.distributions, len(inventory.distributions))
            ),
        )
        assert write(mixed) == write(inventory)


def test_the_text() -> None:
    assert json.loads(write(SMALL)) == {
        "schema": SCHEMA,
        "kind": "path",
        "target": ".venv",
        "root": "/srv/app/.venv",
        "interpreter": {"version": "3.11.7"},
        "distributions": [],
    }


def test_names_that_are_no_utf8_come_back() -> None:
    odd = Distribution(
        name="caf\xe9",
        version="1",
        site="lib",
        info="x.dist-info",
        files=(SeenFile(path="lib/\udce9\u2028.py", kind="file"),),
    )
    inventory = replace(SMALL, distributions=(odd,))
    written = write(inventory)
    assert written.isascii()
    assert read(written, "x") == inventory


def test_no_credentials_are_written() -> None:
    origin = '{"url": "https://user:hunter2@host/a.whl", "archive_info": {}}'
    secret = Distribution(name="a", version="1", site="s", info="a.dist-info", direct_url=origin)
    inventory = replace(SMALL, target="https://user:hunter2@host/", distributions=(secret,))
    assert "hunter2" not in write(inventory)


def test_the_caches_of_this_machine_are_not_written() -> None:
    file = SeenFile(path="a.py", kind="file", links=3, shared="/home/me/.cache/uv/a.py")
    one = Distribution(name="a", version="1", site="s", info="a.dist-info", files=(file,))
    text_of = write(replace(SMALL, distributions=(one,)))
    assert "/home/me" not in text_of
    assert '"links": 3' in text_of


def test_the_published_schema_is_that_of_the_types() -> None:
    """After a change of the types: `python -m tests.inventory_schema`."""
    assert PUBLISHED.read_text(encoding="utf-8") == text()
    jsonschema.Draft202012Validator.check_schema(schema())


def test_every_field_of_the_inventory_is_written() -> None:
    assert {field.name for field in fields_of(Inventory)} >= {"kind", "target", "distributions"}


def broken(**values: object) -> str:
    return json.dumps({**HEAD, **values})


FILE = {"path": "a", "kind": "file"}
DIST = {"name": "a", "version": "1", "site": "s", "info": "i"}


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("", "saved.json: not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "this is no inventory"),
        ("{}", "this is no inventory"),
        ('{"schema": 1}', "this is no inventory"),
        ('{"schema": "report/1"}', "another schema"),
        (broken(schema="inventory/2"), "another schema"),
        ('{"schema": "inventory/1", "schema": "inventory/1"}', "a key twice"),
        (broken(kind="moon"), "saved.json: kind: expected one of path, container"),
        (broken(kind=["path"]), "kind: expected one of"),
        (broken(root=1), "saved.json: root: expected a string"),
        (broken(root=None), "root: expected a string"),
        (broken(hashed=1), "hashed: expected true or false"),
        (broken(bytes_hashed=True), "bytes_hashed: expected a whole number"),
        (broken(bytes_hashed=1.0), "bytes_hashed: expected a whole number"),
        (broken(bytes_hashed=1 << 62), "bytes_hashed: the number is too large"),
        (broken().replace('"t"', "NaN"), "NaN is no number"),
        (broken().replace('"t"', "1" * 10_000), "not valid JSON"),
        (broken(target="x" * 100_000), "target: the text is too long"),
        (broken(more=1), "saved.json: unknown key 'more'"),
        (broken(**{"\x1b[31m": 1}), r"unknown key '\x1b[31m'"),
        (broken(distributions={}), "distributions: expected a list"),
        (broken(distributions=[[]]), "distributions[0]: expected an object"),
        (broken(distributions=[{}]), "distributions[0]: the key 'name' is missing"),
        (
            broken(distributions=[{**DIST, "files": [FILE, {**FILE, "size": "3"}]}]),
            "saved.json: distributions[0].files[1].size: expected a whole number",
        ),
        (broken(distributions=[{**DIST, "tags": [1]}]), "tags[0]: expected a string"),
    ],
)
def test_a_hostile_file_is_refused_with_the_place(content: str, wanted: str) -> None:
    with pytest.raises(InputError) as caught:
        read(content, "saved.json")
    assert wanted in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_what_is_refused_the_schema_refuses_too() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    assert validator.is_valid(HEAD)
    for wrong in ({"kind": "moon"}, {"root": None}, {"hashed": 1}, {"more": 1}):
        assert not validator.is_valid({**HEAD, **wrong})


def test_a_file_that_is_absent(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_file(tmp_path / "absent.json")
    (tmp_path / "saved.json").write_text(write(SMALL))
    assert read_file(tmp_path / "saved.json") == SMALL
