"""The drift lab in containers and images: found by reading, nothing is started or written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.drift_lab import rules_of, run
from tests.engines import DockerCli
from tests.functional.command import Mooring, in_process
from tests.wheels import wheel

pytestmark = [pytest.mark.index, pytest.mark.engine]

SITE = "/opt/env/lib/python3.11/site-packages"
REQUIREMENTS = ("flask", "markupsafe", "idna", "certifi")

# A package of Debian with a Python module, as dpkg installs it.
_DEBIAN = r"""
set -e
mkdir -p /tmp/deb/DEBIAN /tmp/deb/usr/lib/python3/dist-packages/flotsam-1.0.egg-info
cd /tmp/deb
printf 'Package: python3-flotsam\nVersion: 1.0\nArchitecture: all\n' > DEBIAN/control
printf 'Maintainer: a <a@example.org>\nDescription: flotsam\n' >> DEBIAN/control
echo 'x = 1' > usr/lib/python3/dist-packages/flotsam.py
printf 'Metadata-Version: 2.1\nName: flotsam\nVersion: 1.0\n' > info
mv info usr/lib/python3/dist-packages/flotsam-1.0.egg-info/PKG-INFO
dpkg-deb --root-owner-group --build . /tmp/flotsam.deb >/dev/null
dpkg --install /tmp/flotsam.deb >/dev/null
rm -r /tmp/deb /tmp/flotsam.deb
"""

_INSTALL = """
set -e
python3 -m venv /opt/env
/opt/env/bin/pip install --quiet --no-index --find-links /wheels --require-hashes --no-deps \
  -r /wheels/requirements.txt
rm -r /wheels
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Docks:
    """A locked project, and an image in which pip installed it beside packages of Debian."""

    folder: Path
    image: str
    docker: DockerCli


@pytest.fixture(scope="module")
def docks(
    tmp_path_factory: pytest.TempPathFactory, docker_cli: DockerCli, base_image: str
) -> Iterator[Docks]:
    folder = tmp_path_factory.mktemp("docks")
    listed = ", ".join(f'"{each}"' for each in REQUIREMENTS)
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "docks"\nversion = "0"\nrequires-python = "==3.11.*"\n'
        f"dependencies = [{listed}]\n"
        '[tool.mooring]\nplatforms = ["linux-64"]\npython = "3.11"\n'
    )
    mooring = Path(sys.executable).parent / "mooring"
    run(mooring, "lock", "--quiet", cwd=folder)
    wheels = folder / "wheels"
    wheels.mkdir()
    pinned = run(mooring, "export", "--format", "requirements", cwd=folder)
    (wheels / "requirements.txt").write_text(pinned)
    download = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary")
    target = (":all:", "--python-version", "3.11", "--platform", "manylinux_2_28_x86_64")
    more = ("--platform", "manylinux_2_17_x86_64", "--dest", wheels)
    run(*download, *target, *more, "-r", wheels / "requirements.txt")
    extra = wheel("jetsam", "1.0")
    (folder / extra.filename).write_bytes(extra.data)
    words = ("--detach", "--env", "VIRTUAL_ENV=/opt/env", base_image, "sleep", "infinity")
    container = docker_cli.run("run", *words)
    try:
        docker_cli.run("cp", str(wheels), f"{container}:/wheels")
        docker_cli.run("cp", str(folder / extra.filename), f"{container}:/opt/")
        docker_cli.run("exec", container, "sh", "-c", _DEBIAN)
        docker_cli.run("exec", container, "sh", "-c", _INSTALL)
        image = docker_cli.run("commit", container).removeprefix("sha256:")
    finally:
        docker_cli.run("rm", "--force", container)
    yield Docks(folder=folder, image=image, docker=docker_cli)
    docker_cli.run("rmi", "--force", image)


@pytest.fixture
def mooring(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, docks: Docks
) -> Mooring:
    monkeypatch.chdir(docks.folder)
    return in_process(capsys)


@pytest.fixture
def container(docks: Docks) -> Iterator[str]:
    name = docks.docker.run("run", "--detach", docks.image, "sleep", "infinity")
    yield name
    docks.docker.run("rm", "--force", name)


def test_clean_and_untouched(docks: Docks, mooring: Mooring, container: str) -> None:
    for target in (("--container", container), ("--image", docks.image)):
        outcome = mooring("verify", *target, "--format", "json")
        findings = outcome.document["findings"]
        assert [f for f in findings if f["severity"] != "info"] == []
        assert {f["package"] for f in findings} <= {"pip", "setuptools"}  # what venv brings
        assert outcome.document["counts"]["checked"] > 5
        assert outcome.code == 0
    assert docks.docker.run("diff", container) == ""


PLANTED = {
    "D01-missing": ("/opt/env/bin/pip uninstall -q -y idna", {("MOR101", "idna")}),
    "D02-extra": (
        "/opt/env/bin/pip install -q --no-index --no-deps /opt/jetsam-1.0-py3-none-any.whl",
        {("MOR102", "jetsam")},
    ),
    "D06-module": (f"echo '# changed' >> {SITE}/flask/app.py", {("MOR106", "flask")}),
    "D06-library": (
        f"printf x | dd of=$(echo {SITE}/markupsafe/*.so) bs=1 seek=9999 conv=notrunc status=none",
        {("MOR106", "markupsafe")},
    ),
    "D07-removed": (f"rm {SITE}/flask/views.py", {("MOR107", "flask")}),
    "D10-no-digest": (
        f"sed -i 's/core.py,.*/core.py,,/' {SITE}/idna-*.dist-info/RECORD",
        {("MOR110", "idna")},
    ),
    "D15-python": (
        "sed -i 's/^version = .*/version = 3.12.1/' /opt/env/pyvenv.cfg",
        {("MOR115", None), ("MOR117", "markupsafe")},
    ),
    "D25-duplicate": (
        (
            f"cp -r {SITE}/idna-*.dist-info {SITE}/idna-0.1.dist-info; "
            f"sed -i 's/^Version:.*/Version: 0.1/' {SITE}/idna-0.1.dist-info/METADATA"
        ),
        {("MOR125", "idna")},
    ),
}


@pytest.mark.parametrize("drift", PLANTED)
def test_planted(docks: Docks, mooring: Mooring, container: str, drift: str) -> None:
    script, rules = PLANTED[drift]
    docks.docker.run("exec", container, "sh", "-c", script)
    image = docks.docker.run("commit", container).removeprefix("sha256:")
    try:
        for target in (("--container", container), ("--image", image)):
            outcome = mooring("verify", *target, "--format", "json")
            findings = [f for f in outcome.document["findings"] if f["severity"] != "info"]
            assert rules_of(findings) == rules, target
            assert outcome.code == (3 if drift == "D10-no-digest" else 1)
    finally:
        docks.docker.run("rmi", "--force", image)
