"""A real base image, wherever it lies: in the engine, a registry, a layout, an archive."""

from __future__ import annotations

import gzip
import hashlib
import json
import secrets
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.engines import DockerCli, absent
from tests.fakes import RecordingReporter

from mooring.build.embedded.bases.base import find_interpreter, open_base
from mooring.build.embedded.bases.links import resolve
from mooring.build.embedded.interface import BaseContent
from mooring.lock.formats.mooring_lock import BaseImageLock
from mooring.oci.blob_store import BlobStore
from mooring.oci.registry import RegistryClient
from mooring.platforms import Platform, PythonVersion
from mooring.render.interface import BaseImage
from mooring.resolve.base_image import resolve_base

pytestmark = [pytest.mark.engine, pytest.mark.registry]

AMD64 = "linux/amd64"
PLATFORM = Platform.parse("linux-64")


def skopeo(*words: str) -> str:
    try:
        done = subprocess.run(["skopeo", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        absent("there is no skopeo")
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class Forms:
    """The same image in its forms."""

    folder: Path
    engine: str
    registry: str
    facts: dict[str, str]


@pytest.fixture(scope="module")
def forms(
    base_image: str,
    docker_cli: DockerCli,
    registry: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Forms:
    folder = tmp_path_factory.mktemp("forms")
    docker_cli.run("save", "--output", str(folder / "base.tar"), base_image)
    saved = f"docker-archive:{folder}/base.tar"
    skopeo("copy", saved, f"oci:{folder}/layout:1")
    skopeo("copy", saved, f"docker-archive:{folder}/skopeo.tar:team/base:1")
    skopeo("copy", "--dest-tls-verify=false", saved, f"docker://{registry}/base:docker")
    skopeo(
        "copy", "--dest-tls-verify=false", f"oci:{folder}/layout:1", f"docker://{registry}/base:oci"
    )
    script = (
        "import json, os, platform, sys;"
        "print(json.dumps({'python': platform.python_version(),"
        "'libc': os.confstr('CS_GNU_LIBC_VERSION'), 'passwd': open('/etc/passwd').read(),"
        "'exe': os.path.realpath(sys.executable)}))"
    )
    shown = docker_cli.run("run", "--rm", "--network=none", base_image, "python3", "-c", script)
    return Forms(folder=folder, engine=base_image, registry=registry, facts=json.loads(shown))


def locked(reference: str, root: Path, engine: object = None) -> BaseImage:
    (entry,) = resolve_base(reference, [PLATFORM], root=root, engine=engine)  # type: ignore[arg-type]
    assert isinstance(entry, BaseImageLock)
    return BaseImage(reference=reference, digest=entry.digest, image_id=entry.image_id)


def opened(base: BaseImage, root: Path, cache: Path) -> tuple[BaseContent, RecordingReporter]:
    reporter = RecordingReporter()
    store = BlobStore(cache / "blobs")
    with (
        RegistryClient() as registry,
        open_base(
            base, AMD64, store=store, registry=registry, reporter=reporter, root=root
        ) as found,
    ):
        for blob in found.layers:
            with blob.open() as stream:
                packed, size = hashlib.sha256(), 0
                while data := stream.read(1 << 20):
                    packed.update(data)
                    size += len(data)
            assert f"sha256:{packed.hexdigest()}" == blob.descriptor.digest
            assert size == blob.descriptor.size
        return found, reporter


def check(found: BaseContent, forms: Forms) -> None:
    """Compare a scan with what the running image says of itself."""
    interpreter = find_interpreter(found.scan, PythonVersion(minor=11), found.reference)
    assert str(interpreter.version) == forms.facts["python"]
    assert interpreter.path == forms.facts["exe"]
    assert found.scan.libc is not None
    kind, version = found.scan.libc
    assert forms.facts["libc"] == f"{kind} {version[0]}.{version[1]}"
    assert found.scan.passwd == forms.facts["passwd"]
    assert resolve(found.scan, "/lib/x") == "/usr/lib/x"
    assert found.scan.directories["/tmp"] == 0o1777


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOORING_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("tag", ["docker", "oci"])
def test_a_registry(forms: Forms, cache: Path, tag: str) -> None:
    base = locked(f"{forms.registry}/base:{tag}", forms.folder)
    found, reporter = opened(base, forms.folder, cache)
    check(found, forms)
    assert len(reporter.steps) == 1
    assert all(blob.origin is not None for blob in found.layers)
    again, reporter = opened(base, forms.folder, cache)
    assert again == found
    assert reporter.steps == []


def test_a_scanned_base_is_not_downloaded(forms: Forms, cache: Path) -> None:
    base = locked(f"{forms.registry}/base:oci", forms.folder)
    opened(base, forms.folder, cache)
    store = BlobStore(cache / "blobs")
    with (
        RegistryClient() as registry,
        open_base(
            base, AMD64, store=store, registry=registry, reporter=RecordingReporter(), root=cache
        ) as found,
    ):
        for blob in found.layers:
            store.discard(blob.descriptor.digest)
    with open_base(
        base, AMD64, store=store, registry=None, reporter=RecordingReporter(), root=cache
    ) as found:
        check(found, forms)
    assert all(store.path(blob.descriptor.digest) is None for blob in found.layers)


def test_a_layout(forms: Forms, cache: Path) -> None:
    base = locked("oci:layout:1", forms.folder)
    assert (
        base.digest
        == json.loads((forms.folder / "layout/index.json").read_text())["manifests"][0]["digest"]
    )
    found, _ = opened(base, forms.folder, cache)
    check(found, forms)


def test_archives_and_the_engine_give_the_same_blobs(
    forms: Forms, docker_cli: DockerCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = docker_cli.run("image", "inspect", "--format", "{{.Id}}", forms.engine)
    results = []
    for number, name in enumerate(["base.tar", "docker-archive:skopeo.tar:team/base:1", ""]):
        cache = tmp_path / str(number)
        monkeypatch.setenv("MOORING_CACHE_DIR", str(cache))
        base = (
            locked(name, forms.folder)
            if name
            else BaseImage(reference=forms.engine, image_id=image_id)
        )
        found, _ = opened(base, forms.folder, cache)
        check(found, forms)
        results.append([blob.descriptor for blob in found.layers])
        assert found.digest == base.image_id
    assert results[0] == results[1] == results[2]
    # What was compressed here is what the engine has.
    with gzip.open(tmp_path / "2/blobs/sha256" / results[2][0].digest[7:]) as stream:
        plain = hashlib.file_digest(stream, "sha256").hexdigest()
    config = json.loads(skopeo("inspect", "--config", f"docker-archive:{forms.folder}/base.tar"))
    assert config["rootfs"]["diff_ids"][0] == f"sha256:{plain}"


def test_the_scan_agrees_with_the_exported_file_system(
    forms: Forms, docker_cli: DockerCli, cache: Path, tmp_path: Path
) -> None:
    """Layers with whiteouts, replaced folders and links, folded by the engine and by us."""
    steps = [
        "mkdir -p /a/b /a/c /r; ln -s b /a/l; touch /a/b/f; ln -s /a /r/l; chmod 2750 /a/c",
        "rm -rf /a/b; ln -s c /a/b; rm /r/l; mkdir /r/l; rm -rf /usr/share/doc",
        "rm -rf /a/c; mkdir -p /a/c/new; rm /a/l; touch /a/l; chmod 1777 /r",
    ]
    made, containers = [forms.engine], []
    try:
        for step in steps:
            name = f"mooring-test-{secrets.token_hex(6)}"
            containers.append(name)
            docker_cli.run("run", "--network=none", "--name", name, made[-1], "sh", "-c", step)
            made.append(docker_cli.run("commit", name))
        found, _ = opened(BaseImage(reference="folded:1", image_id=made[-1]), tmp_path, cache)
        docker_cli.run("export", "--output", str(tmp_path / "whole.tar"), containers[-1])
    finally:
        for name in containers:
            docker_cli.run("rm", "--force", name, check=False)
        for image in reversed(made[1:]):
            docker_cli.run("rmi", image, check=False)
    assert len(found.layers) == 4
    links, folders = {}, {}
    with tarfile.open(tmp_path / "whole.tar") as whole:
        for member in whole:
            path = "/" + member.name.strip("./")
            if member.issym():
                links[path] = member.linkname
            elif member.isdir() and path != "/":
                folders[path] = member.mode & 0o7777
    scan = found.scan
    # The engine adds to every container what it needs to run one.
    own = {"/dev", "/dev/console", "/dev/pts", "/dev/shm", "/etc/mtab", "/proc", "/sys"}
    for theirs, ours in ((links, dict(scan.links)), (folders, dict(scan.directories))):
        for path in own:
            theirs.pop(path, None)
            ours.pop(path, None)
        assert ours == theirs
    assert scan.links["/a/b"] == "c"
    assert set(scan.directories) >= {"/a/c/new", "/r/l"}
