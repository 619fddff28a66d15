"""A wheel is opened, or refused with one clear error."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.embedded_wheels import (
    DATA,
    INFO,
    METADATA,
    WHEEL,
    Row,
    demo_wheel,
    named,
    opened,
    record_hash,
)

from mooring.build.embedded.interface import EmbeddedBuildError
from mooring.build.embedded.wheels.refused import WheelRefused
from mooring.build.embedded.wheels.wheel import open_wheel


def test_a_wheel_says_what_it_is_and_holds(tmp_path: Path) -> None:
    text = b"""\
Metadata-Version: 2.4
Name: Demo
Version: 1.0
Summary: A demo
License-Expression: MIT OR Apache-2.0
Classifier: Programming Language :: Python
Requires-Dist: numpy>=2 ; python_version < "3.13"
Requires-Dist: click

A long description
"""
    files = {
        "demo/__init__.py": b"answer = 42\n",
        f"{INFO}/METADATA": text,
        f"{INFO}/INSTALLER": b"other\n",
        f"{INFO}/licenses/LICENSE": b"MIT",
    }
    tool = named("demo/tool", mode=stat.S_IFREG | 0o755)
    with opened(demo_wheel(tmp_path, files, infos=[(tool, b"x")]), name="DEMO") as wheel:
        assert (wheel.name, wheel.version, wheel.info_dir) == ("demo", "1.0", INFO)
        assert wheel.metadata.license_expression == "MIT OR Apache-2.0"
        assert wheel.metadata.license is None
        assert wheel.metadata.summary == "A demo"
        assert wheel.metadata.classifiers == ("Programming Language :: Python",)
        assert wheel.metadata.requires_dist == ('numpy>=2 ; python_version < "3.13"', "click")
        assert [(file.path, file.executable) for file in wheel.members] == [
            (f"{INFO}/METADATA", False),
            (f"{INFO}/WHEEL", False),
            (f"{INFO}/licenses/LICENSE", False),
            ("demo/__init__.py", False),
            ("demo/tool", True),
        ]
        assert wheel.members[3].hash == record_hash(b"answer = 42\n")
        with wheel.open("demo/__init__.py") as source:
            assert source.read() == b"answer = 42\n"
        assert wheel.info("licenses/LICENSE") == b"MIT"
        assert wheel.info("entry_points.txt") is None
        with pytest.raises(WheelRefused, match="larger than 2"):
            wheel.read("demo/__init__.py", limit=2)


def test_a_file_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    path = demo_wheel(tmp_path)
    with (
        pytest.raises(WheelRefused, match=f"the locked one {'0' * 64}"),
        open_wheel(path, name="demo", version="1.0", sha256="0" * 64),
    ):
        pass


@pytest.mark.parametrize("kind", ["absent", "folder", "pipe"])
def test_what_is_no_file_is_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "demo.whl"
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    with (
        pytest.raises(EmbeddedBuildError),
        open_wheel(path, name="demo", version="1.0", sha256="0" * 64),
    ):
        pass


def refused(path: Path, message: str, *, name: str = "demo", version: str = "1.0") -> None:
    with (
        pytest.raises(WheelRefused, match=message) as caught,
        opened(path, name=name, version=version),
    ):
        pass
    assert caught.value.where == f"{name} {version}"
    assert caught.value.hint


def test_versions_are_compared_as_versions(tmp_path: Path) -> None:
    with opened(demo_wheel(tmp_path), version="1.0.0"):
        pass
    refused(demo_wheel(tmp_path), "version '1.0', not 1.1", version="1.1")
    refused(demo_wheel(tmp_path), "version '1.0', not what", version="what")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({f"{INFO}/METADATA": b""}, "no demo-1.0.dist-info/METADATA"),
        ({f"{INFO}/METADATA": b"Name: demo\n\ntext"}, "not one Name and one Version"),
        ({f"{INFO}/METADATA": b"Version: 1.0\n"}, "not one Name and one Version"),
        ({f"{INFO}/METADATA": b"\xff\xfe\0\0"}, "not one Name and one Version"),
        ({f"{INFO}/METADATA": METADATA.replace(b"demo", b"other")}, "'other', not demo"),
        ({f"{INFO}/WHEEL": b""}, "no demo-1.0.dist-info/WHEEL"),
        ({f"{INFO}/WHEEL": b"Root-Is-Purelib: true\n"}, "the format none at all"),
        ({f"{INFO}/WHEEL": WHEEL.replace(b"1.0", b"2.0", 1)}, "the format '2.0'"),
        ({f"{INFO}/WHEEL": WHEEL + b"wheel-version: 1.9\n"}, "the format '1.0, 1.9'"),
        ({"other-1.0.dist-info/METADATA": METADATA}, "2 folders"),
        ({f"{DATA}/other/x": b"x"}, "has no place"),
        ({f"{DATA}/x": b"x"}, "has no place"),
        ({DATA: b"x"}, "has no place"),
        ({f"{DATA}/scripts": b"x"}, "has no place"),
        ({"other-1.0.data/scripts/x": b"x"}, "is in the data of another one"),
        ({"../x": b"x"}, "leaves the wheel"),
        ({"/x": b"x"}, "absolute"),
        ({"a\\x": b"x"}, "backslash"),
        ({".wh.x": b"x"}, "delete files"),
        ({"a": b"x", "a/b": b"x"}, "both a file and a folder"),
    ],
)
def test_a_wheel_that_is_wrong_is_refused(
    tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    refused(demo_wheel(tmp_path, {"demo.py": b"x", **files}), message)


def test_the_wheel_of_another_project_is_refused(tmp_path: Path) -> None:
    refused(demo_wheel(tmp_path), f"'{INFO}' instead of other", name="other")


def test_a_wheel_without_dist_info_is_refused(tmp_path: Path) -> None:
    path = demo_wheel(tmp_path)
    path.write_bytes(path.read_bytes().replace(b".dist-info", b".dist_info"))
    refused(path, "no folder")


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    link = named("demo/link", mode=stat.S_IFLNK | 0o777)
    refused(demo_wheel(tmp_path, infos=[(link, b"/etc/passwd")]), "a symbolic link")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    twice = [(named("demo/a.py"), b"good"), (named("demo/a.py"), b"evil")]
    refused(demo_wheel(tmp_path, infos=twice, record=lambda rows: rows[1:]), "twice")


def without(path: str) -> Callable[[list[Row]], list[Row]]:
    return lambda rows: [row for row in rows if row[0] != path]


def changed(path: str, value: str, size: str) -> Callable[[list[Row]], list[Row]]:
    return lambda rows: [*without(path)(rows), (path, value, size)]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (without("demo/__init__.py"), "does not list 'demo/__init__.py'"),
        (without(f"{INFO}/METADATA"), "does not list"),
        (lambda rows: [*rows, ("demo/b.py", record_hash(b""), "0")], "which is not in it"),
        (changed("demo/__init__.py", "", ""), "no hash"),
        (changed("demo/__init__.py", record_hash(b"x"), "99"), "says 99"),
        (changed("demo/__init__.py", "md5=AAAA", "12"), "cannot be read"),
        (changed(f"{INFO}/METADATA", record_hash(b"x"), ""), "not what its RECORD says"),
    ],
)
def test_a_record_that_lies_is_refused(
    tmp_path: Path, record: Callable[[list[Row]], list[Row]], message: str
) -> None:
    refused(demo_wheel(tmp_path, record=record), message)


def test_content_that_record_does_not_promise_is_refused_when_it_is_read(tmp_path: Path) -> None:
    lie = changed("demo/__init__.py", record_hash(b"answer = 41\n"), "12")
    path = demo_wheel(tmp_path, record=lie)
    with opened(path) as wheel, wheel.open("demo/__init__.py") as source:
        assert source.read(12) == b"answer = 42\n"
        with pytest.raises(WheelRefused, match="not what its RECORD says"):
            source.read(1)


def test_a_wheel_without_record_is_refused(tmp_path: Path) -> None:
    path = demo_wheel(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"info/RECORD", b"info/RECORE"))
    refused(path, "no demo-1.0.dist-info/RECORD")


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    with (
        pytest.raises(WheelRefused) as caught,
        open_wheel(path, name="demo", version="1.0", sha256=sha256),
    ):
        pass
    assert caught.value.where == "demo 1.0"


def test_a_wheel_that_is_cut_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = demo_wheel(tmp_path, {"demo/large.bin": os.urandom(1 << 20)})
    with opened(path) as wheel:
        os.truncate(path, 4096)
        with (
            pytest.raises(WheelRefused, match="breaks off"),
            wheel.open("demo/large.bin") as source,
        ):
            source.read()
