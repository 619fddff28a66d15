"""Files of a conda prefix that belong to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.verify.collectors.conda_strays import SEVERAL, find_conda_strays
from mooring.verify.collectors.folder import Folder
from mooring.verify.inventory import Stray

SITE = "lib/python3.12/site-packages"
OWNED = frozenset({"bin/python", f"{SITE}/mine/__init__.py", "lib/python3.12/os.py", "etc/a"})


def strays(root: Path, *paths: str, claimed: tuple[str, ...] = ()) -> tuple[Stray, ...]:
    for path in (*OWNED, *paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x = 1\n")
    return find_conda_strays(Folder(str(root)), [SITE], OWNED, claimed)


@pytest.mark.parametrize(
    ("path", "kind", "shown"),
    [
        (f"{SITE}/evil.py", "module", None),
        (f"{SITE}/evil.pyc", "module", None),
        (f"{SITE}/mine/evil.so", "module", None),
        (f"{SITE}/mine/data.txt", "data", None),
        (f"{SITE}/evil.pth", "pth", None),
        (f"{SITE}/usercustomize.py", "startup", None),
        (f"{SITE}/sitecustomize/__init__.py", "startup", f"{SITE}/sitecustomize"),
        (f"{SITE}/x-1.dist-info/entry_points.txt", "plugin", f"{SITE}/x-1.dist-info"),
        ("lib/python3.12/evil.py", "module", None),
        ("lib/libevil.so", "data", None),
        ("bin/evil", "program", None),
        ("etc/conda/activate.d/evil.sh", "startup", "etc/conda"),
        ("top.txt", "data", None),
        ("opt/a/b/c", "data", "opt"),
    ],
)
def test_kinds(tmp_path: Path, path: str, kind: str, shown: str | None) -> None:
    (stray,) = strays(tmp_path, path)
    assert (stray.path, stray.kind) == (shown or path, kind)


def test_what_tools_write_is_none(tmp_path: Path) -> None:
    assert not strays(
        tmp_path,
        f"{SITE}/mine/__pycache__/x.cpython-312.pyc",
        "conda-meta/history",
        "CACHEDIR.TAG",
        ".mooring-sync.json",
    )


def test_claimed_folders_are_told_elsewhere(tmp_path: Path) -> None:
    assert not strays(tmp_path, f"{SITE}/~ine/x.py", claimed=(f"{SITE}/~ine",))


def test_many_are_counted(tmp_path: Path) -> None:
    found = strays(tmp_path, *(f"bin/evil{number:03}" for number in range(SEVERAL + 20)))
    assert len(found) == SEVERAL + 1
    assert next(each.count for each in found if each.path == "bin/*") == 20
    (folder,) = strays(tmp_path / "two", *(f"opt/{number}" for number in range(300)))
    assert (folder.path, folder.count) == ("opt", 300)


def test_the_worst_of_a_folder_counts(tmp_path: Path) -> None:
    (stray,) = strays(tmp_path, f"{SITE}/evil/a.txt", f"{SITE}/evil/b.py", f"{SITE}/evil/c.txt")
    assert (stray.path, stray.kind, stray.count) == (f"{SITE}/evil", "module", 3)


def test_code_at_start_is_told(tmp_path: Path) -> None:
    assert strays(tmp_path, f"{SITE}/plain.pth")[0].executes is False
    (tmp_path / SITE / "plain.pth").write_text("import os\n")
    (stray,) = strays_again(tmp_path)
    assert stray.executes
    assert (stray.digest or "").startswith("sha256:")


def strays_again(root: Path) -> tuple[Stray, ...]:
    return find_conda_strays(Folder(str(root)), [SITE], OWNED, ())


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_text("")
    root = tmp_path / "env"
    strays(root)
    (root / "share").symlink_to(tmp_path / "out")
    assert [each.path for each in strays_again(root)] == ["share"]
