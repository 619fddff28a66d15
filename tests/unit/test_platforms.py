from __future__ import annotations

import sys

import packaging.tags
import pytest
from packaging.markers import Marker, default_environment

from mooring.errors import InputError
from mooring.platforms import SUBDIRS, Platform, PythonVersion

PYTHON = PythonVersion(minor=12)


class TestPythonVersion:
    @pytest.mark.parametrize(
        ("text", "short", "full", "tag"),
        [
            ("3.12", "3.12", "3.12.99", "cp312"),
            ("3.12.4", "3.12", "3.12.4", "cp312"),
            ("3.9.0", "3.9", "3.9.0", "cp39"),
        ],
    )
    def test_parse(self, text: str, short: str, full: str, tag: str) -> None:
        python = PythonVersion.parse(text, "here")
        assert (str(python), python.short, python.full, python.tag) == (text, short, full, tag)

    @pytest.mark.parametrize(
        "text", ["", "3", "2.7", "3.x", "3.12.", ">=3.12", "3.12rc1", "3.12\n"]
    )
    def test_refuses(self, text: str) -> None:
        with pytest.raises(InputError, match="is not a Python version") as caught:
            PythonVersion.parse(text, "mooring.toml:2")
        assert caught.value.where == "mooring.toml:2"

    def test_orders_by_number(self) -> None:
        assert PythonVersion(minor=9) < PythonVersion(minor=12)


class TestParse:
    @pytest.mark.parametrize("subdir", SUBDIRS)
    def test_every_subdir_round_trips(self, subdir: str) -> None:
        platform = Platform.parse(subdir)
        assert str(platform) == platform.subdir == subdir
        assert Platform.parse(str(platform)) == platform

    @pytest.mark.parametrize(
        ("text", "kind", "floor"),
        [
            ("linux-64", "glibc", (2, 28)),
            ("linux-64-glibc2.17", "glibc", (2, 17)),
            ("linux-aarch64-musl1.2", "musl", (1, 2)),
            ("osx-arm64", "macos", (13, 0)),
            ("osx-64-macos11.0", "macos", (11, 0)),
            ("win-64", None, None),
        ],
    )
    def test_floor(self, text: str, kind: str | None, floor: tuple[int, int] | None) -> None:
        platform = Platform.parse(text)
        assert (platform.floor_kind, platform.floor) == (kind, floor)
        assert str(platform) == text

    def test_the_default_floor_need_not_be_written(self) -> None:
        assert Platform.parse("linux-64-glibc2.28") == Platform.parse("linux-64")

    @pytest.mark.parametrize("text", ["", "linux", "linux-65", "Linux-64", "linux-64 ", "noarch"])
    def test_refuses_what_is_no_platform(self, text: str) -> None:
        with pytest.raises(InputError, match="is not a platform") as caught:
            Platform.parse(text, "pyproject.toml: tool.mooring.platforms[1]")
        assert caught.value.hint is not None
        assert "linux-aarch64" in caught.value.hint

    @pytest.mark.parametrize("text", ["linux-64-macos13.0", "osx-64-glibc2.28", "win-64-musl1.2"])
    def test_refuses_a_floor_of_another_system(self, text: str) -> None:
        with pytest.raises(InputError, match="version"):
            Platform.parse(text)


class TestOci:
    @pytest.mark.parametrize(
        ("name", "subdir"),
        [
            ("linux/amd64", "linux-64"),
            ("linux/arm64", "linux-aarch64"),
            ("linux/arm64/v8", "linux-aarch64"),
            ("linux-64", "linux-64"),
        ],
    )
    def test_from_oci(self, name: str, subdir: str) -> None:
        assert Platform.from_oci(name).subdir == subdir

    def test_refuses_what_no_image_is_built_for(self) -> None:
        with pytest.raises(InputError, match="is not an OCI platform"):
            Platform.from_oci("windows/amd64")

    def test_only_linux_has_images(self) -> None:
        assert {s for s in SUBDIRS if Platform.parse(s).oci} == {
            s for s in SUBDIRS if s.startswith("linux-")
        }


class TestMarkers:
    @pytest.mark.parametrize("subdir", SUBDIRS)
    def test_the_marker_is_true_exactly_here(self, subdir: str) -> None:
        marker = Marker(Platform.parse(subdir).marker)
        true = [
            other
            for other in SUBDIRS
            if marker.evaluate({**Platform.parse(other).marker_environment(PYTHON), "extra": ""})
        ]
        assert true == [subdir]

    @pytest.mark.parametrize("subdir", SUBDIRS)
    def test_no_variable_is_left_to_the_running_interpreter(self, subdir: str) -> None:
        environment = Platform.parse(subdir).marker_environment(PYTHON)
        assert environment.keys() == dict(default_environment()).keys()

    def test_an_undeclared_patch_is_the_latest(self) -> None:
        environment = Platform.parse("linux-64").marker_environment(PYTHON)
        assert Marker("python_full_version >= '3.12.9'").evaluate({**environment, "extra": ""})


class TestTags:
    @pytest.mark.parametrize(
        ("text", "accepted", "refused"),
        [
            ("linux-64", "manylinux_2_28_x86_64", "manylinux_2_29_x86_64"),
            ("linux-64", "manylinux2014_x86_64", "musllinux_1_1_x86_64"),
            ("linux-64-glibc2.17", "manylinux_2_17_x86_64", "manylinux_2_18_x86_64"),
            ("linux-64-musl1.1", "musllinux_1_1_x86_64", "musllinux_1_2_x86_64"),
            ("linux-aarch64", "manylinux2014_aarch64", "manylinux2010_aarch64"),
            ("osx-arm64", "macosx_11_0_arm64", "macosx_14_0_arm64"),
            ("osx-arm64", "macosx_10_9_universal2", "macosx_10_9_x86_64"),
            ("osx-64", "macosx_10_9_x86_64", "macosx_11_0_arm64"),
            ("win-64", "win_amd64", "win32"),
            ("win-arm64", "win_arm64", "win_amd64"),
        ],
    )
    def test_platform_tags(self, text: str, accepted: str, refused: str) -> None:
        tags = Platform.parse(text).platform_tags()
        assert accepted in tags
        assert refused not in tags

    def test_tags_prefer_the_exact_interpreter(self) -> None:
        tags = [str(tag) for tag in Platform.parse("win-64").tags(PYTHON)]
        assert tags[0] == "cp312-cp312-win_amd64"
        assert tags.index("cp312-abi3-win_amd64") < tags.index("py3-none-any")
        assert "cp313-cp313-win_amd64" not in tags
        assert "cp39-abi3-win_amd64" in tags

    def test_the_patch_does_not_matter(self) -> None:
        platform = Platform.parse("linux-64")
        assert platform.tags(PythonVersion(minor=12, patch=3)) == platform.tags(PYTHON)

    @pytest.mark.skipif(sys.platform == "darwin", reason="asks a subprocess there")
    def test_this_machine_gets_the_tags_that_packaging_gives_it(self) -> None:
        here = Platform.current()
        python = PythonVersion(minor=sys.version_info.minor)
        assert here.tags(python) == tuple(packaging.tags.sys_tags())
