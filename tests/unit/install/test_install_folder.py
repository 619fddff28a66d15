"""Which folders are environments, and that nothing else is ever removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.errors import InputError
from mooring.install.folder import CONFIG_NAME, MARK_NAME, Venv, begin, finish, look_at, python_of


def venv(path: Path, config: str = "version_info = 3.11.7\n", *, python: bool = True) -> Path:
    for name in ("bin", "lib/python3.11/site-packages"):
        (path / name).mkdir(parents=True)
    (path / CONFIG_NAME).write_text(config)
    if python:
        python_of(path).parent.mkdir(exist_ok=True)
        python_of(path).write_text("")
    return path


def test_a_venv(tmp_path: Path) -> None:
    assert look_at(venv(tmp_path / "a")) == Venv(version="3.11.7", usable=True)
    by_venv = venv(tmp_path / "b", "VERSION = 3.12.1.final.0\n")
    assert look_at(by_venv) == Venv(version="3.12.1", usable=True)


def test_broken_ones(tmp_path: Path) -> None:
    found = look_at(venv(tmp_path / "a", python=False))
    assert found == Venv(version="3.11.7", usable=False)
    dangling = venv(tmp_path / "b", python=False)
    python_of(dangling).symlink_to("/nowhere/python")
    assert look_at(dangling) == Venv(version="3.11.7", usable=False)
    assert look_at(venv(tmp_path / "c", "nothing\n")) == Venv(version=None, usable=True)
    binary = venv(tmp_path / "d")
    (binary / CONFIG_NAME).write_bytes(b"\xff\xfe")
    assert look_at(binary) == Venv(version=None, usable=True)


def test_nothing_there(tmp_path: Path) -> None:
    assert look_at(tmp_path / "absent") is None
    (tmp_path / "empty").mkdir()
    assert look_at(tmp_path / "empty") is None


def test_other_things_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder" / "src").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("folder", "file", "dangling"):
        with pytest.raises(InputError) as caught:
            look_at(tmp_path / name)
        assert caught.value.where == str(tmp_path / name)
        assert caught.value.hint


def test_made_anew(tmp_path: Path) -> None:
    path = venv(tmp_path / "env")
    (path / "lib64").symlink_to("lib")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    (path / "share").symlink_to(outside)
    begin(path)
    assert [p.name for p in path.iterdir()] == [MARK_NAME]
    assert (outside / "kept").exists()
    # As after a kill in the middle: it is still ours.
    assert look_at(path) == Venv(version=None, usable=False)
    begin(path)
    finish(path)
    assert look_at(path) is None


def test_a_venv_with_other_things_in_it_is_kept(tmp_path: Path) -> None:
    path = venv(tmp_path / "project")
    (path / "pyproject.toml").write_text("[project]\n")
    with pytest.raises(InputError, match=r"pyproject\.toml"):
        begin(path)
    assert (path / "lib").is_dir()
    assert not (path / MARK_NAME).exists()


def test_a_folder_is_made(tmp_path: Path) -> None:
    begin(tmp_path / "deep" / "env")
    assert look_at(tmp_path / "deep" / "env") == Venv(version=None, usable=False)
