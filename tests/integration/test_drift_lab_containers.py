"""The drift lab in containers and images: found by reading, nothing is started or written."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.drift_lab import rules_of, run, write_project
from tests.engines import DockerCli, absent
from tests.functional.command import Mooring, Outcome, in_process
from tests.wheels import wheel

pytestmark = [pytest.mark.index, pytest.mark.engine]

SITE = "/opt/env/lib/python3.11/site-packages"
LOCAL = "/usr/local/lib/python3.11/dist-packages"
SYSTEM = "/usr/lib/python3/dist-packages"
SAME_MINOR = sys.version_info[:2] == (3, 11)
"""Whether this Python compiles as that of the container."""

DEBIAN_PACKAGES = ("python3-yaml", "python3-requests", "python3-six")
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
for python in /opt/env/bin/python /usr/bin/python3; do
  /opt/env/bin/pip --python $python install --quiet --no-index --find-links /wheels \
    --require-hashes --no-deps --break-system-packages -r /wheels/requirements.txt
done
rm -r /wheels
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Docks:
    """A locked project, and an image in which pip installed it beside packages of Debian."""

    folder: Path
    image: str
    docker: DockerCli


def make_shelf(shelf: Path, wheels: Path) -> None:
    """Write the wheels and sources that drifts are planted from."""
    (shelf / "same").mkdir(parents=True)
    (shelf / "foreign").mkdir()
    [idna] = (path.name.split("-")[1] for path in wheels.glob("idna-*"))
    [markupsafe] = (path.name.split("-")[1] for path in wheels.glob("[Mm]arkup*"))
    for built, folder in (
        (wheel("jetsam", "1.0"), shelf),
        (wheel("idna", "0.1"), shelf),
        (wheel("idna", idna), shelf / "same"),
        (
            wheel("markupsafe", markupsafe, tag="cp311-cp311-manylinux2014_ppc64le"),
            shelf / "foreign",
        ),
    ):
        (folder / built.filename).write_bytes(built.data)
    write_project(shelf / "source", wheel("idna", idna))


def debian_packages(folder: Path, docker: DockerCli, image: str) -> Path | None:
    """Fetch packages of Debian as files, None where the image has them already."""
    asked = docker.run("run", "--rm", image, "dpkg", "--status", *DEBIAN_PACKAGES, check=False)
    if asked.count("Status: install ok installed") == len(DEBIAN_PACKAGES):
        return None
    folder.mkdir()
    release = docker.run("run", "--rm", image, "cat", "/etc/debian_version").partition(".")[0]
    here = Path("/etc/debian_version")
    if not here.is_file() or here.read_text().partition(".")[0] != release:
        absent("the base image lacks Debian packages, and this machine cannot fetch them")
    run("apt-get", "download", "--quiet", *DEBIAN_PACKAGES, cwd=folder)
    return folder


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
        '[tool.mooring.image]\nenv = { PYTHONHASHSEED = "0" }\n'
    )
    mooring = Path(sys.executable).parent / "mooring"
    run(mooring, "lock", "--quiet", "--record-ids", cwd=folder)
    wheels = folder / "wheels"
    wheels.mkdir()
    pinned = run(mooring, "export", "--format", "requirements", cwd=folder)
    (wheels / "requirements.txt").write_text(pinned)
    download = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary")
    target = (":all:", "--python-version", "3.11", "--platform", "manylinux_2_28_x86_64")
    more = ("--platform", "manylinux_2_17_x86_64", "--dest", wheels)
    run(*download, *target, *more, "-r", wheels / "requirements.txt")
    make_shelf(folder / "shelf", wheels)
    packages = debian_packages(folder / "debs", docker_cli, base_image)
    words = ("--detach", "--env", "VIRTUAL_ENV=/opt/env", base_image, "sleep", "infinity")
    container = docker_cli.run("run", *words)
    try:
        docker_cli.run("cp", str(wheels), f"{container}:/wheels")
        docker_cli.run("cp", str(folder / "shelf"), f"{container}:/opt/shelf")
        if packages is not None:
            docker_cli.run("cp", str(packages), f"{container}:/debs")
            install = "dpkg --force-depends --install /debs/*.deb >/dev/null && rm -r /debs"
            docker_cli.run("exec", container, "sh", "-c", install)
        docker_cli.run("exec", container, "sh", "-c", _DEBIAN)
        docker_cli.run("exec", container, "sh", "-c", _INSTALL)
        declared = ("--change", "ENV PYTHONHASHSEED=0")
        image = docker_cli.run("commit", *declared, container).removeprefix("sha256:")
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


def test_clean_to_the_byte_code(docks: Docks, mooring: Mooring, container: str) -> None:
    for target in (("--container", container), ("--image", docks.image)):
        outcome = mooring("verify", *target, "--deep", "--format", "json")
        if SAME_MINOR:
            assert told(outcome) == set(), target
            assert outcome.code == 0
        else:  # headers are compared, and that no more could be is told
            assert rules_of(f for f in outcome.document["findings"] if f["failing"]) == {
                ("MOR112", None)
            }
    assert docks.docker.run("diff", container) == ""


def pip(words: str) -> str:
    return f"/opt/env/bin/pip install -q --no-index --no-deps {words}"


def python(text: str) -> str:
    return f"/opt/env/bin/python -c {shlex.quote(text)}"


_EDITED = f"echo '# changed' >> {SITE}/flask/app.py"
_NEW_ROW = """
import base64, hashlib, pathlib, re, sys
site = pathlib.Path("SITE")
data = (site / "flask/app.py").read_bytes()
digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
[record] = site.glob("flask-*.dist-info/RECORD")
row = f"flask/app.py,sha256={digest},{len(data)}"
record.write_text(re.sub("(?m)^flask/app.py,.*$", row, record.read_text()))
"""
_FORGE = """
import importlib.util, marshal, pathlib
source = pathlib.Path("SITE/flask/app.py")
cached = pathlib.Path(importlib.util.cache_from_source(source))
forged = compile("raise SystemExit", str(source), "exec")
cached.write_bytes(cached.read_bytes()[:16] + marshal.dumps(forged))
"""

PLANTED: dict[str, tuple[str, set[tuple[str, str | None]]]] = {
    "D01-missing": ("/opt/env/bin/pip uninstall -q -y idna", {("MOR101", "idna")}),
    "D02-extra": (pip("/opt/shelf/jetsam-1.0-py3-none-any.whl"), {("MOR102", "jetsam")}),
    "D02-leftover": (f"mkdir {SITE}/~dna-1.0.dist-info", {("MOR102", None)}),
    "D03-version": (pip("--find-links /opt/shelf idna==0.1"), {("MOR103", "idna")}),
    "D04-content": (
        "/opt/env/bin/pip uninstall -q -y idna && "
        + pip("--no-cache-dir --find-links /opt/shelf/same idna"),
        {("MOR104", "idna")},
    ),
    "D05-source": (
        pip("--force-reinstall /opt/shelf/same/idna-*.whl"),
        {("MOR104", "idna"), ("MOR105", "idna")},
    ),
    "D06-module": (_EDITED, {("MOR106", "flask")}),
    "D06-library": (
        f"printf x | dd of=$(echo {SITE}/markupsafe/*.so) bs=1 seek=9999 conv=notrunc status=none",
        {("MOR106", "markupsafe")},
    ),
    "D06-script": ("echo '#!/bin/sh' > /opt/env/bin/flask", {("MOR106", "flask")}),
    "D06-certificates": (
        f"echo '# our own' >> {SITE}/certifi/cacert.pem",
        {("MOR106", "certifi")},
    ),
    "D06-link": (
        f"mv {SITE}/flask/app.py /srv/app.py && ln -s /srv/app.py {SITE}/flask/app.py",
        {("MOR106", "flask")},
    ),
    "D07-removed": (f"rm {SITE}/flask/views.py", {("MOR107", "flask")}),
    "D08-module": (f"touch {SITE}/stowaway.py", {("MOR108", None)}),
    "D08-in-package": (f"touch {SITE}/flask/stowaway.py", {("MOR108", None)}),
    "D08-library": (f"touch {SITE}/stowaway.so", {("MOR108", None)}),
    "D08-pth": (f"echo 'import sys' > {SITE}/stowaway.pth", {("MOR108", None)}),
    "D08-startup": (f"touch {SITE}/sitecustomize.py", {("MOR108", None)}),
    "D08-program": ("touch /opt/env/bin/stowaway", {("MOR108", None)}),
    "D09-no-record": (f"rm {SITE}/idna-*.dist-info/RECORD", {("MOR109", "idna")}),
    "D10-no-digest": (
        f"sed -i 's/core.py,.*/core.py,,/' {SITE}/idna-*.dist-info/RECORD",
        {("MOR110", "idna"), ("MOR111", "idna")},
    ),
    "D11-record": (
        f"{_EDITED}; {python(_NEW_ROW.replace('SITE', SITE))}",
        {("MOR104", "flask")},
    ),
    "D13-editable": (
        pip("--no-build-isolation --editable /opt/shelf/source"),
        {("MOR105", "idna"), ("MOR113", "idna")},
    ),
    "D15-python": (
        "sed -i 's/^version = .*/version = 3.12.1/' /opt/env/pyvenv.cfg",
        {("MOR115", None), ("MOR117", "markupsafe")},
    ),
    "D16-implementation": (
        "echo 'implementation = PyPy' >> /opt/env/pyvenv.cfg",
        {("MOR116", None)},
    ),
    "D17-platform": (
        "/opt/env/bin/pip uninstall -q -y markupsafe && "
        + python(
            "import glob, zipfile; zipfile.ZipFile(glob.glob('/opt/shelf/foreign/*')[0])"
            f".extractall('{SITE}')"
        ),
        {("MOR104", "markupsafe"), ("MOR117", "markupsafe")},
    ),
    "D21-open": (
        "sed -i 's/packages = false/packages = true/' /opt/env/pyvenv.cfg",
        {("MOR121", None)},
    ),
    "D25-duplicate": (
        (
            f"cp -r {SITE}/idna-*.dist-info {SITE}/idna-0.1.dist-info; "
            f"sed -i 's/^Version:.*/Version: 0.1/' {SITE}/idna-0.1.dist-info/METADATA"
        ),
        {("MOR125", "idna")},
    ),
}


@contextmanager
def committed(docks: Docks, container: str, *changes: str) -> Iterator[str]:
    options = [word for change in changes for word in ("--change", change)]
    image = docks.docker.run("commit", *options, container).removeprefix("sha256:")
    try:
        yield image
    finally:
        docks.docker.run("rmi", "--force", image)


def told(outcome: Outcome) -> set[tuple[object, object]]:
    return rules_of(f for f in outcome.document["findings"] if f["severity"] != "info")


@pytest.mark.parametrize("drift", PLANTED)
def test_planted(docks: Docks, mooring: Mooring, container: str, drift: str) -> None:
    script, rules = PLANTED[drift]
    docks.docker.run("exec", container, "sh", "-c", script)
    with committed(docks, container) as image:
        for target in (("--container", container), ("--image", image)):
            outcome = mooring("verify", *target, "--format", "json")
            assert told(outcome) == rules, target
            failing = [f["unverifiable"] for f in outcome.document["findings"] if f["failing"]]
            assert outcome.code == (0 if not failing else 3 if all(failing) else 1)


def test_d12_forged(docks: Docks, mooring: Mooring, container: str) -> None:
    docks.docker.run("exec", container, "sh", "-c", python(_FORGE.replace("SITE", SITE)))
    with committed(docks, container) as image:
        for target in (("--container", container), ("--image", image)):
            outcome = mooring("verify", *target, "--deep", "--format", "json")
            assert ("MOR112", "flask" if SAME_MINOR else None) in rules_of(
                outcome.document["findings"]
            )
            assert outcome.code != 0


def test_d11_deep_without_record_ids(docks: Docks, mooring: Mooring, container: str) -> None:
    """The index has the last word: the file is named, although RECORD was edited to fit."""
    docks.docker.run("exec", container, "sh", "-c", PLANTED["D11-record"][0])
    lock = docks.folder / "bare" / "pylock.toml"
    lock.parent.mkdir(exist_ok=True)
    text = (docks.folder / "pylock.toml").read_text()
    lock.write_text(re.sub(r"(?m)^\[packages\.tool\.mooring[^\[]*", "", text))
    words = ("--container", container, "--lock", lock, "--frozen", "--format", "json")
    assert told(mooring("verify", *words)) == set()
    assert ("MOR106", "flask") in told(mooring("verify", *words, "--deep"))


@pytest.mark.parametrize(
    ("variable", "rule"),
    [
        ("PYTHONHASHSEED=1", "MOR119"),  # D19, D32: the manifest declares 0
        ("PYTHONPATH=/srv/more", "MOR120"),  # D20
    ],
)
def test_variables(docks: Docks, mooring: Mooring, variable: str, rule: str) -> None:
    docker = docks.docker
    name = docker.run("run", "--detach", "--env", variable, docks.image, "sleep", "infinity")
    try:
        docker.run("exec", name, "sh", "-c", "mkdir -p /srv/more && touch /srv/more/idna.py")
        with committed(docks, name, f"ENV {variable}") as image:
            for target in (("--container", name), ("--image", image)):
                outcome = mooring("verify", *target, "--format", "json")
                assert told(outcome) == {(rule, None)}, target
        docker.run("stop", "--time", "0", name)
        assert told(mooring("verify", "--container", name, "--format", "json")) == {(rule, None)}
    finally:
        docker.run("rm", "--force", name)


def test_d26_moved(docks: Docks, mooring: Mooring, container: str) -> None:
    docks.docker.run("exec", container, "mv", "/opt/env", "/opt/moved")
    outcome = mooring(
        "verify", "--container", container, "--root", "/opt/moved", "--format", "json"
    )
    assert told(outcome) == {("MOR126", None)}


# Debian's own Python as the target: its packages belong to dpkg, those of pip are locked.


def everywhere(docks: Docks, container: str, folder: Path) -> Iterator[tuple[str, ...]]:
    """Yield a container and what was made of it: an image, a saved one, an exported tar."""
    yield ("--container", container)
    with committed(docks, container) as image:
        yield ("--image", image)
        docks.docker.run("save", "--output", str(folder / "image.tar"), image)
        yield ("--image", str(folder / "image.tar"))
    docks.docker.run("export", "--output", str(folder / "root.tar"), container)
    yield ("--tar", str(folder / "root.tar"))


def test_a_clean_debian(docks: Docks, mooring: Mooring, container: str, tmp_path: Path) -> None:
    for target in everywhere(docks, container, tmp_path):
        outcome = mooring("verify", *target, "--root", "/usr", "--format", "json")
        assert outcome.document["findings"] == [], target
        assert outcome.document["counts"]["checked"] > 5
        assert outcome.code == 0
    saved = mooring("inventory", "--container", container, "--root", "/usr").document
    assert {each["name"] for each in saved["system"]} >= {"python3-yaml", "python3-requests"}
    assert docks.docker.run("diff", container) == ""


def test_a_changed_debian(docks: Docks, mooring: Mooring, container: str, tmp_path: Path) -> None:
    script = (
        f"echo '# changed' >> {SYSTEM}/yaml/__init__.py; rm {SYSTEM}/requests/api.py; "
        f"touch {SYSTEM}/stowaway.pth; echo '# changed' >> {LOCAL}/flask/app.py"
    )
    docks.docker.run("exec", container, "sh", "-c", script)
    for target in everywhere(docks, container, tmp_path):
        outcome = mooring("verify", *target, "--root", "/usr", "--format", "json")
        assert told(outcome) == {
            ("MOR106", "python3-yaml"),
            ("MOR107", "python3-requests"),
            ("MOR108", None),
            ("MOR106", "flask"),
        }, target
        assert outcome.code == 1


def test_d21_user_site(docks: Docks, mooring: Mooring, container: str) -> None:
    """A whole Python looks into its user's folder, where a virtual environment does not."""
    user = "/root/.local/lib/python3.11/site-packages"
    docks.docker.run("exec", container, "sh", "-c", f"mkdir -p {user} && touch {user}/idna.py")
    pid = docks.docker.run("inspect", "--format", "{{.State.Pid}}", container)
    for target in (("--container", container), ("--pid", pid)):
        outcome = mooring("verify", *target, "--root", "/usr", "--format", "json")
        assert told(outcome) == {("MOR121", None)}, target
        assert told(mooring("verify", *target, "--root", "/opt/env", "--format", "json")) == set()
