"""Locks of other tools: they are described, and no empty lock replaces them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.errors import InputError
from mooring.lock.formats import pylock
from mooring.manifest.reader import load
from mooring.workflow.foreign import describe_lock, foreign_writer, require_declared

FOREIGN = """lock-version = "1.0"
created-by = "uv"

[[packages]]
name = "alpha"
version = "1.0"

[[packages.wheels]]
url = "https://files.example.com/alpha-1.0-py3-none-any.whl"
hashes = { sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
"""


def written(folder: Path, text: str = FOREIGN) -> Path:
    """Write a pylock.toml."""
    path = folder / "pylock.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_folder_without_a_lock_has_nothing_to_describe(tmp_path: Path) -> None:
    assert describe_lock(tmp_path) is None
    assert foreign_writer(tmp_path / "pylock.toml", None) is None


def test_a_foreign_lock_is_described_with_its_writer_and_its_use(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert describe_lock(tmp_path) == (
        "pylock.toml: a lock of 1 package, written by uv; "
        "`mooring verify` and `mooring sync` use it with `--lock pylock.toml`"
    )
    assert foreign_writer(path, pylock.read(FOREIGN, "pylock.toml")) == "uv"


def test_a_lock_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    path = written(tmp_path, "broken [")
    assert "pylock.toml: a lock that cannot be read: " in (describe_lock(tmp_path) or "")
    assert "cannot be read" in (foreign_writer(path, None) or "")


@pytest.mark.parametrize("more", ["", "[dependency-groups]\ndev = []\n"])
def test_nothing_declared_never_replaces_a_foreign_lock(tmp_path: Path, more: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "x"\n{more}', encoding="utf-8")
    manifest, path = load(tmp_path), written(tmp_path)
    require_declared(manifest, path, None)
    with pytest.raises(InputError, match=r"pylock.toml was written by uv: an empty lock") as caught:
        require_declared(manifest, path, "uv")
    assert "--lock pylock.toml" in (caught.value.hint or "")


@pytest.mark.parametrize("declared", ['dependencies = ["a"]', '[dependency-groups]\ndev = ["a"]'])
def test_what_is_declared_may_replace_it(tmp_path: Path, declared: str) -> None:
    text = f'[project]\nname = "x"\n{declared}\n'
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    require_declared(load(tmp_path), written(tmp_path), "uv")
