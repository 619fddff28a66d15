"""Folders outside of the environment that its Python looks into: PYTHONPATH and the user site."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from tests.environments import install, locked, make_venv, selection
from tests.images import layer

from mooring.manifest.model import VerifyPolicy
from mooring.verify.collectors.image import LayersCollector, folder_in_layers
from mooring.verify.collectors.process import ProcessCollector
from mooring.verify.collectors.surroundings import Surroundings
from mooring.verify.compare import compare
from mooring.verify.inventory import Inventory

Environ = dict[str, str]
Collect = Callable[[Path, str, Environ], Inventory]


def in_layers(root: Path, env: str, environ: Environ) -> Inventory:
    data = layer(folder=root, at=".")

    def opened() -> nullcontext[BytesIO]:
        return nullcontext(BytesIO(data))

    elsewhere = partial(folder_in_layers, [opened], "image")
    surroundings = Surroundings(environ=environ, elsewhere=elsewhere)
    return LayersCollector([opened], "image", "image", env, surroundings=surroundings).collect()


def in_process(root: Path, env: str, environ: Environ) -> Inventory:
    folder = root.parent / "proc" / "12"
    folder.mkdir(parents=True)
    (folder / "root").symlink_to(root)
    text = "\0".join(f"{name}={value}" for name, value in environ.items())
    (folder / "environ").write_text(text)
    return ProcessCollector(12, env, proc=str(root.parent / "proc")).collect()


EVERYWHERE = pytest.mark.parametrize("collect", [in_layers, in_process])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root file system with an environment and a folder of other modules."""
    root = tmp_path / "root"
    install(make_venv(root / "opt/env"), "pkg")
    more = root / "srv/more"
    (more / "pkg").mkdir(parents=True)
    (more / "unrelated.py").write_text("")
    return root


def told(inventory: Inventory) -> list[tuple[str, str, str | None]]:
    found = compare(selection(locked("pkg")), inventory, VerifyPolicy()).findings
    return [(f.rule.id, f.rule.severity, f.actual) for f in found]


@EVERYWHERE
def test_pythonpath_shadows_a_package(root: Path, collect: Collect) -> None:
    (root / "srv/more/pkg/__init__.py").write_text("")
    found = collect(root, "/opt/env", {"PYTHONPATH": "/srv/more"})
    assert told(found) == [("MOR120", "error", "pkg in /srv/more")]


@EVERYWHERE
def test_pythonpath_through_a_link_and_a_single_module(root: Path, collect: Collect) -> None:
    (root / "srv/more/pkg.py").write_text("")
    (root / "srv/current").symlink_to("/srv/more")
    found = collect(root, "/opt/env", {"PYTHONPATH": "/srv/current"})
    assert told(found) == [("MOR120", "error", "pkg in /srv/current")]


@EVERYWHERE
def test_a_folder_without_code_shadows_nothing(root: Path, collect: Collect) -> None:
    """A package of the environment wins over a folder without `__init__.py` of the same name."""
    assert told(collect(root, "/opt/env", {"PYTHONPATH": "/srv/more:/nowhere:"})) == []


@EVERYWHERE
@pytest.mark.parametrize("listed", ["relative", "/srv/\x07"])
def test_what_cannot_be_looked_at_is_noted(root: Path, collect: Collect, listed: str) -> None:
    found = collect(root, "/opt/env", {"PYTHONPATH": listed})
    assert [(rule, severity) for rule, severity, _ in told(found)] == [("MOR120", "info")]


@EVERYWHERE
def test_the_user_site_of_a_whole_prefix(root: Path, collect: Collect) -> None:
    site = root / "usr/local/lib/python3.11/site-packages"
    site.mkdir(parents=True)
    install(site, "pkg")
    user = root / "root/.local/lib/python3.11/site-packages"
    user.mkdir(parents=True)
    environ = {"HOME": "/root"}
    (user / "unrelated.py").write_text("")
    empty = collect(root, "/usr/local", environ)
    assert told(empty) == []
    (user / "pkg.py").write_text("")
    again = root.parent / "again"
    again.mkdir()
    root = root.rename(again / "root")
    assert [
        (rule, severity) for rule, severity, _ in told(collect(root, "/usr/local", environ))
    ] == [("MOR121", "warning")]
    # A virtual environment does not look there.
    once_more = root.parent / "more"
    once_more.mkdir()
    root = root.rename(once_more / "root")
    assert told(collect(root, "/opt/env", environ)) == []
