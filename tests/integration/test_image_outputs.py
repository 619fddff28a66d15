"""Layouts and archives, judged by skopeo, umoci and the Docker engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contents import image, index, packed
from tests.engines import DockerCli, absent

from mooring.build.daemon import Daemon, EngineError
from mooring.digests import digest_file
from mooring.oci.archive_writer import archive_pieces, write_archive
from mooring.oci.content import ImageContent
from mooring.oci.layout_writer import write_layout

ONE = image([packed("etc/a", b"one\n"), packed("etc/b", bytes(range(256)) * 20_000)])
ARM = image([packed("etc/a", b"arm\n")], "linux/arm64/v8")


def tool(name: str, *words: str) -> str:
    program = shutil.which(name)
    if program is None:
        absent(f"there is no {name} command")
    done = subprocess.run(
        [program, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def digest_in(layout: Path) -> str:
    return str(json.loads((layout / "index.json").read_text())["manifests"][0]["digest"])


@pytest.mark.process
def test_skopeo_copies_a_layout_without_another_digest(tmp_path: Path) -> None:
    content = index([ONE, ARM])
    write_layout(tmp_path / "ours", content, ["1.0", "latest"])
    for tag in ("1.0", "latest"):
        tool(
            "skopeo", "copy", "--all", "--preserve-digests",
            f"oci:{tmp_path / 'ours'}:{tag}", f"oci:{tmp_path / tag}:x",
        )  # fmt: skip
        assert digest_in(tmp_path / tag) == content.index.digest
    shown = tool("skopeo", "inspect", "--override-arch=arm64", f"oci:{tmp_path / 'ours'}:1.0")
    assert json.loads(shown)["Architecture"] == "arm64"


@pytest.mark.process
def test_skopeo_reads_an_archive_both_ways(tmp_path: Path) -> None:
    name = "registry.example.com/team/app:1"
    write_archive(tmp_path / "app.tar", ONE, [name])
    for form, tag in (("oci-archive", "1"), ("docker-archive", name)):
        raw = tool("skopeo", "inspect", "--config", "--raw", f"{form}:{tmp_path / 'app.tar'}:{tag}")
        assert raw.encode() == ONE.config
    tool(
        "skopeo", "copy", "--preserve-digests",
        f"oci-archive:{tmp_path / 'app.tar'}:1", f"oci:{tmp_path / 'layout'}:x",
    )  # fmt: skip
    assert digest_in(tmp_path / "layout") == ONE.manifest.digest


@pytest.mark.process
def test_umoci_unpacks_and_adds_to_our_layout(tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    write_layout(layout, ONE, ["one"])
    write_layout(layout, ARM, ["arm"])
    tool("umoci", "unpack", "--rootless", "--image", f"{layout}:one", str(tmp_path / "one"))
    assert (tmp_path / "one" / "rootfs" / "etc" / "a").read_text() == "one\n"
    assert "arm" in tool("umoci", "ls", "--layout", str(layout)).split()
    tool("umoci", "tag", "--image", f"{layout}:one", "theirs")
    write_layout(layout, ARM, ["one"])
    assert set(tool("umoci", "ls", "--layout", str(layout)).split()) == {"one", "arm", "theirs"}
    tool("umoci", "unpack", "--rootless", "--image", f"{layout}:one", str(tmp_path / "moved"))
    assert (tmp_path / "moved" / "rootfs" / "etc" / "a").read_text() == "arm\n"


@pytest.mark.process
def test_we_add_to_a_layout_of_skopeo(tmp_path: Path) -> None:
    write_layout(tmp_path / "ours", ONE, ["1"])
    tool("skopeo", "copy", f"oci:{tmp_path / 'ours'}:1", f"oci:{tmp_path / 'theirs'}:theirs")
    write_layout(tmp_path / "theirs", ARM, ["ours"])
    for tag in ("ours", "theirs"):
        words = ["--override-arch=arm64"] if tag == "ours" else []
        tool("skopeo", "inspect", *words, f"oci:{tmp_path / 'theirs'}:{tag}")


_KILLED = """
import os, sys, threading
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.contents import blob, image
from mooring.oci.archive_writer import write_archive
from mooring.oci.layout_writer import write_layout
threading.Timer(float(sys.argv[3]), os._exit, [9]).start()
content = image([blob(bytes([n]) * (4 << 20)) for n in range(8)])
while True:
    write_layout(Path(sys.argv[2]) / "layout", content, ["new"])
    write_archive(Path(sys.argv[2]) / "app.tar", content, ["app:new"])
"""


@pytest.mark.process
def test_killed_writers_leave_what_was_there(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    write_layout(tmp_path / "layout", ONE, ["one"])
    write_archive(tmp_path / "app.tar", ONE, ["app:one"])
    for step in range(6):
        subprocess.run(
            [sys.executable, "-c", _KILLED, str(root), str(tmp_path), str(0.02 + 0.08 * step)],
            timeout=60,
            check=False,
            cwd=root,
        )
        for path in (tmp_path / "layout" / "blobs" / "sha256").iterdir():
            if not path.name.startswith("."):
                assert digest_file(path) == f"sha256:{path.name}"
        tool("skopeo", "inspect", f"oci:{tmp_path / 'layout'}:one")
        tool("tar", "-tf", str(tmp_path / "app.tar"))
    write_layout(tmp_path / "layout", ARM, ["arm"])


@pytest.fixture
def name(docker_cli: DockerCli) -> Iterator[str]:
    """A name for an image that is taken away afterwards."""
    given = f"mooring-test/outputs:{uuid.uuid4().hex[:12]}"
    yield given
    docker_cli.run("rmi", "--no-prune", given, check=False)


def fresh() -> ImageContent:
    return image([packed("etc/a", os.urandom(20)), packed("etc/b", os.urandom(3_000_000))])


@pytest.mark.engine
def test_docker_loads_an_archive(docker_cli: DockerCli, name: str, tmp_path: Path) -> None:
    content = fresh()
    write_archive(tmp_path / "app.tar", content, [name])
    assert name in docker_cli.run("load", "--input", str(tmp_path / "app.tar"))
    shown = json.loads(docker_cli.run("image", "inspect", name))[0]
    assert shown["Id"] == content.manifest.config().digest
    assert shown["Config"]["Labels"] == {"test": "yes"}


@pytest.mark.engine
def test_an_image_goes_into_the_engine_without_a_file(docker_cli: DockerCli, name: str) -> None:
    content = fresh()
    with Daemon() as daemon:
        assert daemon.load(archive_pieces(content, [name])) == (name,)
        found = daemon.inspect(name)
    assert found is not None
    assert found.image_id == content.manifest.config().digest


@pytest.mark.engine
def test_an_engine_refuses_what_is_no_image(docker_cli: DockerCli, name: str) -> None:
    def breaking() -> Iterator[bytes]:
        yield from list(archive_pieces(fresh(), [name]))[:-6]
        raise EngineError("the layer cannot be read")

    with Daemon() as daemon:
        with pytest.raises(EngineError):
            daemon.load([b"x" * 10_240])
        with pytest.raises(EngineError, match="the layer cannot be read"):
            daemon.load(breaking())
        assert daemon.inspect(name) is None
