"""Which folders a conda prefix may be made or changed in."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.errors import InputError
from mooring.install.prefix_folder import begin, clear, finish, look_at


def test_absent_empty_and_unfinished_folders_hold_no_prefix(tmp_path: Path) -> None:
    assert not look_at(tmp_path / "absent")
    assert not look_at(tmp_path)
    begin(tmp_path)
    (tmp_path / "conda-meta").mkdir()
    assert not look_at(tmp_path)
    finish(tmp_path)
    assert look_at(tmp_path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["notes.txt"], "the folder exists and is no conda prefix"),
        (["pyvenv.cfg"], "a virtual environment and no conda prefix"),
        (["conda-meta/", "condabin/"], "an installation of conda itself"),
        (["conda-meta/", "envs/"], "an installation of conda itself"),
        (["conda-meta/", "conda-meta/frozen"], "must not be changed"),
    ],
)
def test_other_folders_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            (tmp_path / name).write_text("")
    with pytest.raises(InputError, match=message):
        look_at(tmp_path)


def test_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="this is no folder"):
        look_at(tmp_path / "file")
    (tmp_path / "nowhere").symlink_to(tmp_path / "absent")
    with pytest.raises(InputError, match="this is no folder"):
        look_at(tmp_path / "nowhere")


def test_clearing_follows_no_links(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("")
    prefix = tmp_path / "env"
    begin(prefix)
    (prefix / "link").symlink_to(tmp_path / "mine")
    clear(prefix)
    assert not list(prefix.iterdir())
    assert (tmp_path / "mine/file").exists()
