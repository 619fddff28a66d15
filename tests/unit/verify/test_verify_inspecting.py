"""From what a user names to an inventory: images in files, and tars."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from tests.environments import install, make_venv
from tests.images import LINK, config, layer, write_archive, write_layout

from mooring.errors import MooringError
from mooring.oci.store import SavedImageError
from mooring.verify.collectors.path import NoEnvironmentError, PathCollector
from mooring.verify.collectors.tar_stream import TarError
from mooring.verify.inventory import Inventory
from mooring.workflow.inspecting import Inspected, inspect_target
from mooring.workflow.target import Target, TargetForm

SITE = "opt/env/lib/python3.11/site-packages"


def looked_at(form: TargetForm, name: object, root: str | None = None) -> Inspected:
    return inspect_target(Target(form=form, name=str(name), root=root), wanted=["linux/amd64"])


@pytest.fixture
def env(tmp_path: Path) -> Path:
    install(make_venv(tmp_path / "env"), "pkg", files={"pkg/a.py": b"a", "pkg/b.py": b"b"})
    return tmp_path / "env"


@pytest.fixture
def layers(env: Path) -> list[bytes]:
    """Return a layer with the environment, and one that changes and removes files of it."""
    top = layer([(f"{SITE}/pkg/a.py", b"changed"), (f"{SITE}/pkg/.wh.b.py", b"")])
    return [layer(folder=env, at="opt/env"), top]


def expected(env: Path) -> Inventory:
    package = env / "lib/python3.11/site-packages/pkg"
    (package / "a.py").write_bytes(b"changed")
    (package / "b.py").unlink()
    return PathCollector(env).collect()


@pytest.mark.parametrize("form", ["layout", "archive"])
def test_an_image_in_files(tmp_path: Path, env: Path, layers: list[bytes], form: str) -> None:
    labels = {"dev.mooring.environment": "dev", "dev.mooring.environment-root": "/opt/env"}
    described = config(layers, labels=labels, env=["PYTHONPATH=/app", "TOKEN=secret"])
    name = f"oci:{tmp_path}/image:v1"
    if form == "layout":
        write_layout(tmp_path / "image", {"v1": (layers, described)})
    else:
        name = str(write_archive(tmp_path / "image.tar", layers, described, "web:1"))
    found = looked_at("image", name)
    assert found.inventory.distributions == expected(env).distributions
    assert (found.oci, found.environment, found.inventory.root) == (
        "linux/amd64",
        "dev",
        "/opt/env",
    )
    assert found.inventory.facts is not None
    assert found.inventory.facts.variables == (("PYTHONPATH", "/app"),)


@pytest.mark.parametrize(
    ("variables", "root", "at"),
    [
        ([], None, "opt/env"),
        (["VIRTUAL_ENV=/srv/env"], None, "srv/env"),
        (["VIRTUAL_ENV=/srv/env"], "/app/.venv", "app/.venv"),
    ],
)
def test_where_the_environment_is(
    tmp_path: Path, env: Path, variables: list[str], root: str | None, at: str
) -> None:
    one = layer(folder=env, at=at)
    write_layout(tmp_path / "image", {"v1": ([one], config([one], env=variables))})
    assert looked_at("image", f"oci:{tmp_path}/image", root).inventory.root == "/" + at


def test_a_root_that_is_a_link_in_a_higher_layer(tmp_path: Path, env: Path) -> None:
    both = [layer(folder=env, at="srv/env"), layer([("opt/env", LINK, "/srv/env")])]
    write_layout(tmp_path / "image", {"v1": (both, config(both))})
    found = looked_at("image", f"oci:{tmp_path}/image").inventory
    assert found.root == "/srv/env"
    assert len(found.distributions) == 1


def test_a_root_that_links_lead_away_from(tmp_path: Path) -> None:
    one = layer([("opt/env", LINK, "/opt/env")])
    write_layout(tmp_path / "image", {"v1": ([one], config([one]))})
    with pytest.raises(NoEnvironmentError, match="lead nowhere"):
        looked_at("image", f"oci:{tmp_path}/image")


def test_a_changed_blob_is_never_an_inventory(
    tmp_path: Path, env: Path, layers: list[bytes]
) -> None:
    write_archive(tmp_path / "image.tar", [layers[0], layers[0]], config(layers), "web:1")
    with pytest.raises(SavedImageError, match="not what its digest says"):
        looked_at("image", tmp_path / "image.tar")


@pytest.mark.parametrize("at", [".", "env", "./env"])
def test_the_tar_of_a_folder(tmp_path: Path, env: Path, at: str) -> None:
    data = layer(folder=env, at=at)
    (tmp_path / "env.tar").write_bytes(data)
    target = Target(form="tar", name="-", stream=io.BytesIO(data))
    for found in (looked_at("tar", tmp_path / "env.tar"), inspect_target(target)):
        assert found.inventory.distributions == PathCollector(env).collect().distributions
        assert found.inventory.kind == "tar"


def test_the_tar_of_a_folder_tells_no_place_of_it(tmp_path: Path, env: Path) -> None:
    (env / "bin" / "tool").write_text("#!/srv/app/.venv/bin/python\n")
    (tmp_path / "env.tar").write_bytes(layer(folder=env, at=".venv"))
    facts = looked_at("tar", tmp_path / "env.tar").inventory.facts
    assert facts is not None
    assert facts.venv
    assert (facts.foreign_scripts, facts.foreign_python) == ((), None)
    # With a root the place is known, and another one is told.
    (tmp_path / "root.tar").write_bytes(layer(folder=env, at="opt/env"))
    facts = looked_at("tar", tmp_path / "root.tar", "/opt/env").inventory.facts
    assert facts is not None
    assert facts.foreign_scripts == ("tool",)


def test_a_system_python_without_packages(tmp_path: Path) -> None:
    system = layer([("usr/bin/python3.11", b"x"), ("usr/lib/python3.11/os.py", b"")])
    (tmp_path / "root.tar").write_bytes(system)
    with pytest.raises(NoEnvironmentError, match="no package folder") as caught:
        looked_at("tar", tmp_path / "root.tar", "/usr")
    assert "lib/python3.11 holds neither" in str(caught.value.hint)
    with pytest.raises(NoEnvironmentError, match="there is no Python environment at /srv"):
        looked_at("tar", tmp_path / "root.tar", "/srv")


def test_the_tar_of_a_root_file_system(tmp_path: Path, env: Path) -> None:
    data = layer([(".dockerenv", b"")], folder=env, at="opt/env")
    (tmp_path / "root.tar").write_bytes(data)
    for stream in (None, io.BytesIO(data)):
        target = Target(form="tar", name=f"{tmp_path}/root.tar", root="/opt/env", stream=stream)
        found = inspect_target(target).inventory
        assert found.distributions == PathCollector(env).collect().distributions
    with pytest.raises(NoEnvironmentError, match="more than the folder") as caught:
        looked_at("tar", tmp_path / "root.tar")
    assert "--root" in str(caught.value.hint)


def test_a_tar_that_breaks_off(tmp_path: Path, env: Path) -> None:
    (tmp_path / "env.tar").write_bytes(layer(folder=env, at="env")[:-12000])
    for root in (None, "/env"):
        with pytest.raises(TarError, match="breaks off"):
            looked_at("tar", tmp_path / "env.tar", root)


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("path", "none"),
        ("python", "none/bin/python"),
        ("image", "oci:none"),
        ("image", "none.tar"),
        ("tar", "none.tar"),
        ("pid", "4194305"),
    ],
)
def test_a_target_that_is_absent(tmp_path: Path, form: TargetForm, name: str) -> None:
    with pytest.raises(MooringError) as caught:
        looked_at(form, name)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("form", "name"), [("pid", "0"), ("pid", "self"), ("pid", "../1"), ("host", "there")]
)
def test_what_names_no_target(form: TargetForm, name: str) -> None:
    with pytest.raises(MooringError) as caught:
        looked_at(form, name)
    assert caught.value.exit_code == 2
