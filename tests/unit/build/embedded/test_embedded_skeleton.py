"""The empty environment without a run of Python."""

from __future__ import annotations

import venv
from pathlib import Path

from tests.unit.build.embedded.environments_made import PLACE, SITE, text

from mooring.build.embedded.plan.skeleton import skeleton_entries


def test_it_has_what_an_environment_needs() -> None:
    entries = {entry.path: entry for entry in skeleton_entries(PLACE, "3.11.2")}
    assert list(entries) == sorted(entries)
    assert {path: e.target for path, e in entries.items() if e.kind == "symlink"} == {
        "/opt/env/bin/python": "/usr/bin/python3.11",
        "/opt/env/bin/python3": "python",
        "/opt/env/bin/python3.11": "python",
        "/opt/env/lib64": "lib",
    }
    assert entries[SITE].kind == "directory"
    assert text(entries["/opt/env/pyvenv.cfg"]) == (
        "home = /usr/bin\n"
        "implementation = CPython\n"
        "version_info = 3.11.2\n"
        "include-system-site-packages = false\n"
    )
    assert {(e.uid, e.gid) for e in entries.values()} == {(0, 0)}


def test_an_unknown_patch_release_is_left_out() -> None:
    entries = {entry.path: entry for entry in skeleton_entries(PLACE, None)}
    assert "version_info" not in text(entries["/opt/env/pyvenv.cfg"])


def test_it_is_what_the_standard_library_makes(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    made = {
        path.relative_to(tmp_path / "env").as_posix()
        for path in (tmp_path / "env").rglob("*")
        if not path.is_dir() or path.is_symlink()
    }
    scripts = {name for name in made if "activate" in name.lower()}
    minor = next(
        name.removeprefix("bin/python3.") for name in made if name.startswith("bin/python3.")
    )
    ours = {
        entry.path.removeprefix("/opt/env/").replace("3.11", f"3.{minor}")
        for entry in skeleton_entries(PLACE, None)
        if entry.kind != "directory"
    }
    assert made - scripts == ours
