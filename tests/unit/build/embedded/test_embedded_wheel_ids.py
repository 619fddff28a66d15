"""Record ids of the wheels in an image: found once, kept for ever, the same for every lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.wheels import BuiltWheel, wheel

from mooring.artifacts.cache import RECORD_IDS, FactCache
from mooring.artifacts.record import RECORD_HEADER, document_id
from mooring.artifacts.wheel_record import read_local
from mooring.build.embedded.interface import EmbeddedBuildError
from mooring.build.embedded.wheels.ids import record_ids_of
from mooring.digests import sha256_hex
from mooring.lock.model import Artifact, Package, Selected, Selection
from mooring.platforms import Platform, PythonVersion


def selected(built: BuiltWheel) -> Selected:
    artifact = Artifact(
        kind="wheel", name=built.filename, hashes=(("sha256", sha256_hex(built.data)),)
    )
    name = built.filename.partition("-")[0]
    return Selected(
        package=Package(name=name, version="1.0", wheels=(artifact,)), artifact=artifact
    )


def selection(*packages: Selected) -> Selection:
    return Selection(
        platform=Platform.parse("linux-64"),
        python=PythonVersion(minor=12),
        extras=(),
        groups=(),
        packages=packages,
    )


class Files:
    """Gives wheels, and remembers which were asked for."""

    def __init__(self, folder: Path, *wheels: BuiltWheel) -> None:
        self.asked: list[list[str]] = []
        self._paths = {}
        for each in wheels:
            path = folder / each.filename
            path.write_bytes(each.data)
            self._paths[each.filename.partition("-")[0]] = path

    def __call__(self, packages: Sequence[Selected]) -> Mapping[str, Path]:
        names = [each.package.name for each in packages]
        self.asked.append(names)
        return {name: self._paths[name] for name in names}


def test_each_wheel_is_read_once(tmp_path: Path) -> None:
    one, two = wheel("one", "1.0"), wheel("two", "1.0")
    files = Files(tmp_path, one, two)
    found = record_ids_of(selection(selected(one)), files)
    expected = document_id(RECORD_HEADER, read_local(tmp_path / one.filename).lines)
    assert found == {one.filename: expected}
    both = record_ids_of(selection(selected(one), selected(two)), files)
    assert sorted(both) == [one.filename, two.filename]
    assert record_ids_of(selection(selected(one), selected(two)), files) == both
    assert files.asked == [["one"], ["two"]]


def test_a_wheel_that_has_none(tmp_path: Path) -> None:
    odd = wheel("odd", "1.0")
    FactCache(RECORD_IDS).add({sha256_hex(odd.data): None})
    files = Files(tmp_path, odd)
    assert record_ids_of(selection(selected(odd)), files) == {}
    assert files.asked == []


def test_what_is_no_wheel_is_not_asked_for(tmp_path: Path) -> None:
    sdist = Artifact(kind="sdist", name="pkg-1.0.tar.gz", hashes=(("sha256", "a" * 64),))
    files = Files(tmp_path)
    chosen = Selected(package=Package(name="pkg", version="1.0", sdist=sdist), artifact=sdist)
    assert record_ids_of(selection(chosen), files) == {}
    assert files.asked == []


def test_a_damaged_wheel(tmp_path: Path) -> None:
    broken = wheel("broken", "1.0")
    files = Files(tmp_path, broken)
    (tmp_path / broken.filename).write_bytes(broken.data[: len(broken.data) // 2])
    with pytest.raises(EmbeddedBuildError, match="cannot be read") as caught:
        record_ids_of(selection(selected(broken)), files)
    assert caught.value.where == broken.filename
    assert FactCache(RECORD_IDS).read() == {}
