"""A base image opened: wherever it is, for the right platform, scanned once, fit to carry us."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes import RecordingReporter
from tests.images import config, digest, layer, write_archive, write_layout
from tests.unit.build.embedded.bases_made import (
    LOADED_BY_GLIBC,
    PYTHON_312,
    Member,
    file,
    link,
    program,
    scan,
    tar,
)
from tests.unit.build.embedded.test_embedded_base_repack import FakeEngine
from tests.unit.build.embedded.test_embedded_base_sources import FakeRegistry

from mooring.build.embedded.bases.base import check_libc, find_interpreter, open_base
from mooring.build.embedded.interface import EmbeddedBuildError
from mooring.errors import InputError, MooringError
from mooring.lock.model import Artifact, Package, Selected, Selection
from mooring.oci.archive import open_saved_image
from mooring.oci.blob_store import BlobStore
from mooring.platforms import Platform, PythonVersion
from mooring.render.interface import BaseImage
from mooring.reporting import SILENT

AMD64 = "linux/amd64"
LAYERS = [tar(*PYTHON_312), tar(link("opt/l", "/usr"))]
REFERENCE = "example.com/team/base:1"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORING_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "cache" / "blobs")


def test_a_base_of_a_registry(tmp_path: Path, store: BlobStore) -> None:
    registry, reporter = FakeRegistry(), RecordingReporter()
    base = BaseImage(reference=REFERENCE, digest=registry.image(LAYERS))
    with open_base(
        base, AMD64, store=store, registry=registry, reporter=reporter, root=tmp_path
    ) as found:
        assert (found.reference, found.digest, found.platform) == (REFERENCE, base.digest, AMD64)
        assert found.config["rootfs"]
        assert len(found.layers) == 2
        assert found.scan.links["/opt/l"] == "/usr"
        first = found
    assert len([each for each in registry.asked if each.startswith("blob")]) == 3
    # Scanned once: the layers are not downloaded any more.
    for blob in first.layers:
        store.discard(blob.descriptor.digest)
    registry.asked.clear()
    with open_base(
        base, AMD64, store=store, registry=registry, reporter=reporter, root=tmp_path
    ) as found:
        assert found.scan == first.scan
    assert registry.asked == []


def test_a_damaged_scan_is_made_again(tmp_path: Path, store: BlobStore) -> None:
    registry = FakeRegistry()
    base = BaseImage(reference=REFERENCE, digest=registry.image(LAYERS))
    scans = []
    for _ in range(2):
        with open_base(
            base, AMD64, store=store, registry=registry, reporter=SILENT, root=tmp_path
        ) as found:
            scans.append(found.scan)
        (kept,) = (tmp_path / "cache" / "bases").iterdir()
        kept.write_bytes(kept.read_bytes()[:-3])
    assert scans[0] == scans[1]


@pytest.mark.parametrize("name", ["oci:bases/layout:1", "oci:{}/bases/layout"])
def test_a_layout_in_the_project(tmp_path: Path, store: BlobStore, name: str) -> None:
    write_layout(tmp_path / "bases" / "layout", {"1": (LAYERS, config(LAYERS))})
    name = name.format(tmp_path)
    locked = open_saved_image(f"oci:{tmp_path}/bases/layout", [AMD64]).manifest_digest
    base = BaseImage(reference=name, digest=locked)
    with open_base(
        base, AMD64, store=store, registry=None, reporter=SILENT, root=tmp_path
    ) as found:
        assert (found.reference, found.digest) == (name, locked)
        assert find_interpreter(found.scan, PythonVersion(minor=12), name).version.patch == 8


@pytest.mark.parametrize("name", ["docker-archive:base.tar:team/base:1", "base.tar"])
def test_an_archive_in_the_project(tmp_path: Path, store: BlobStore, name: str) -> None:
    write_archive(tmp_path / "base.tar", LAYERS, config(LAYERS), "team/base:1")
    base = BaseImage(reference=name, image_id=digest(config(LAYERS)))
    with open_base(
        base, AMD64, store=store, registry=None, reporter=SILENT, root=tmp_path
    ) as found:
        assert found.digest == base.image_id
        assert found.scan.libc == ("glibc", (2, 36))


def test_an_image_of_the_engine(tmp_path: Path, store: BlobStore) -> None:
    engine = FakeEngine(
        write_archive(tmp_path / "x.tar", LAYERS, config(LAYERS), "base:1").read_bytes()
    )
    base = BaseImage(reference="base:1", image_id=digest(config(LAYERS)))
    with open_base(
        base, AMD64, store=store, registry=None, reporter=SILENT, root=tmp_path, engine=engine
    ) as found:
        assert found.digest == base.image_id
        assert found.scan.interpreters


@pytest.mark.parametrize(
    "base",
    [
        BaseImage(reference="oci:layout", digest="sha256:" + "00" * 32),
        BaseImage(reference="base.tar", image_id="sha256:" + "00" * 32),
        BaseImage(reference="base.tar", digest="sha256:" + "00" * 32),
    ],
)
def test_files_that_changed_since_they_were_locked(
    tmp_path: Path, store: BlobStore, base: BaseImage
) -> None:
    write_layout(tmp_path / "layout", {"1": (LAYERS, config(LAYERS))})
    write_archive(tmp_path / "base.tar", LAYERS, config(LAYERS), "team/base:1")
    with (
        pytest.raises(EmbeddedBuildError, match="not the one that is locked") as caught,
        open_base(base, AMD64, store=store, registry=None, reporter=SILENT, root=tmp_path),
    ):
        pass
    assert "upgrade-base" in str(caught.value.hint)


@pytest.mark.parametrize("reference", ["oci:layout", "python:3.12"])
def test_what_is_not_locked(tmp_path: Path, store: BlobStore, reference: str) -> None:
    write_layout(tmp_path / "layout", {"1": (LAYERS, config(LAYERS))})
    base = BaseImage(reference=reference)
    with (
        pytest.raises(InputError, match="not locked"),
        open_base(base, AMD64, store=store, registry=None, reporter=SILENT, root=tmp_path),
    ):
        pass


def opened_with(
    tmp_path: Path, store: BlobStore, layers: list[bytes], described: bytes
) -> MooringError:
    """Open a base that cannot be used, and return why."""
    registry = FakeRegistry()
    base = BaseImage(reference=REFERENCE, digest=registry.image(layers, described=described))
    with (
        pytest.raises(MooringError) as caught,
        open_base(base, AMD64, store=store, registry=registry, reporter=SILENT, root=tmp_path),
    ):
        pass
    assert caught.value.exit_code == 3
    assert "Traceback" not in str(caught.value)
    return caught.value


def test_another_platform(tmp_path: Path, store: BlobStore) -> None:
    error = opened_with(tmp_path, store, LAYERS, config(LAYERS, architecture="arm64"))
    assert "is for linux/arm64, not for linux/amd64" in str(error)
    assert error.hint


def test_too_many_layers(tmp_path: Path, store: BlobStore) -> None:
    layers = [tar()] * 121
    assert "121 layers" in str(opened_with(tmp_path, store, layers, config(layers)))


def test_a_layer_that_is_not_what_the_configuration_says(tmp_path: Path, store: BlobStore) -> None:
    error = opened_with(tmp_path, store, LAYERS, config([LAYERS[1], LAYERS[0]]))
    assert "not what its digest says" in str(error)
    assert not (tmp_path / "cache" / "bases").exists()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([tar(file("../x"))], "leads out"),
        ([b"no tar" * 200], "tar is damaged"),
        ([tar(file("x", b"x" * 5000))[:2048]], "breaks off"),
        ([layer([("a", b"")]), tar(link("a", ""))], "empty or too long"),
    ],
)
def test_hostile_layers(
    tmp_path: Path, store: BlobStore, layers: list[bytes], message: str
) -> None:
    error = opened_with(tmp_path, store, layers, config(layers))
    assert message in str(error)
    assert error.where


def test_a_layer_that_the_registry_lost(tmp_path: Path, store: BlobStore) -> None:
    registry = FakeRegistry()
    base = BaseImage(reference=REFERENCE, digest=registry.image(LAYERS))
    with open_base(
        base, AMD64, store=store, registry=registry, reporter=SILENT, root=tmp_path
    ) as found:
        lost = found.layers[1].descriptor.digest
    store.discard(lost)
    (tmp_path / "cache" / "bases").rename(tmp_path / "elsewhere")
    del registry.blobs[lost]
    with (
        pytest.raises(MooringError, match="no such blob"),
        open_base(base, AMD64, store=store, registry=registry, reporter=SILENT, root=tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (["PYTHON_VERSION=3.12.4"], "3.12.4"),
        (["PYTHON_VERSION=3.11.4"], "3.12"),
        (["PYTHON_VERSION=3.12.0rc1"], "3.12"),
        ([], "3.12"),
    ],
)
def test_what_the_configuration_declares(
    tmp_path: Path, store: BlobStore, variables: list[str], expected: str
) -> None:
    layers = [tar(program("usr/local/bin/python3.12"), program("usr/bin/python3.12"))]
    registry = FakeRegistry()
    manifest = registry.image(layers, described=config(layers, env=variables))
    base = BaseImage(reference=REFERENCE, digest=manifest)
    for _ in range(2):
        with open_base(
            base, AMD64, store=store, registry=registry, reporter=SILENT, root=tmp_path
        ) as found:
            versions = {each.path: str(each.version) for each in found.scan.interpreters}
        assert versions == {"/usr/local/bin/python3.12": expected, "/usr/bin/python3.12": "3.12"}


def python(path: str, version: str) -> Member:
    return program(path, LOADED_BY_GLIBC + b"\0" + version.encode() + b"\0")


SEVERAL = scan(
    [
        python("opt/a/bin/python3.12", "3.12.1"),
        python("usr/bin/python3.12", "3.12.2"),
        python("usr/local/bin/python3.12", "3.12.3"),
        python("usr/bin/python3.11", "3.11.2"),
        program("opt/a/bin/python3.10"),
    ]
)


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("3.12", "/usr/local/bin/python3.12"),
        ("3.12.2", "/usr/bin/python3.12"),
        ("3.12.1", "/opt/a/bin/python3.12"),
        ("3.11", "/usr/bin/python3.11"),
        ("3.10", "/opt/a/bin/python3.10"),
    ],
)
def test_the_interpreter_that_is_taken(wanted: str, path: str) -> None:
    assert find_interpreter(SEVERAL, PythonVersion.parse(wanted, ""), "base").path == path


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("3.13", 'set python = "3.10"'),
        ("3.12.9", 'set python = "3.12"'),
        ("3.10.4", "does not tell its patch release"),
    ],
)
def test_the_error_names_what_there_is(wanted: str, hint: str) -> None:
    with pytest.raises(EmbeddedBuildError, match=f"no Python {wanted}; it has") as caught:
        find_interpreter(SEVERAL, PythonVersion.parse(wanted, ""), "team/base:1")
    assert "3.11.2 (/usr/bin/python3.11)" in caught.value.message
    assert caught.value.where == "team/base:1"
    assert hint in str(caught.value.hint)


def test_a_base_without_python() -> None:
    with pytest.raises(EmbeddedBuildError, match="nor any other") as caught:
        find_interpreter(scan([file("bin/sh")]), PythonVersion(minor=12), "base")
    assert "choose a base with Python" in str(caught.value.hint)


def selection(*names: str) -> Selection:
    packages = tuple(
        Selected(
            package=Package(name=name.partition("-")[0], version="1"),
            artifact=Artifact(kind="wheel" if name.endswith("whl") else "sdist", name=name),
        )
        for name in names
    )
    return Selection(
        environment="default",
        platform=Platform.parse("linux-64"),
        python=PythonVersion(minor=12),
        extras=(),
        groups=(),
        packages=packages,
    )


GLIBC_217 = [file("lib64/libc-2.17.so")]
GLIBC_236 = [file("lib64/libc-2.36.so")]
MUSL = [program("lib/ld-musl-x86_64.so.1", b"\x001.2.5\0")]
OLD = "a-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
NEW = "b-1-cp312-cp312-manylinux_2_28_x86_64.whl"
FOR_MUSL = "c-1-cp312-cp312-musllinux_1_2_x86_64.whl"
BOTH = "d-1-cp312-cp312-manylinux_2_28_x86_64.musllinux_1_1_x86_64.whl"
PURE = "e-1-py3-none-any.whl"


@pytest.mark.parametrize(
    ("members", "names", "unfit"),
    [
        (GLIBC_236, (OLD, NEW, BOTH, PURE), []),
        (GLIBC_217, (OLD, PURE), []),
        (GLIBC_217, (OLD, NEW, PURE), [f"{NEW} needs glibc 2.28"]),
        (GLIBC_217, (BOTH,), [f"{BOTH} needs glibc 2.28 or musl 1.1"]),
        (GLIBC_236, (FOR_MUSL,), [f"{FOR_MUSL} needs musl 1.2"]),
        (MUSL, (FOR_MUSL, BOTH, PURE), []),
        (MUSL, (OLD, NEW), [f"{OLD} needs glibc 2.17", f"{NEW} needs glibc 2.28"]),
        ([], (NEW, FOR_MUSL), []),
        (GLIBC_236, ("f-1.tar.gz", "g-1-cp312-cp312-linux_x86_64.whl"), []),
    ],
)
def test_libc_and_wheels(members: list[Member], names: tuple[str, ...], unfit: list[str]) -> None:
    found, platform = scan(members), Platform.parse("linux-64")
    if not unfit:
        check_libc(found, platform, selection(*names))
        return
    with pytest.raises(EmbeddedBuildError) as caught:
        check_libc(found, platform, selection(*names))
    assert all(line in caught.value.message for line in unfit)
    assert caught.value.message.count("needs") == len(unfit)
    assert 'the platform "linux-64-' in str(caught.value.hint)
