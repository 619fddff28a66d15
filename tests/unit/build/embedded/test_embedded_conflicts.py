"""Two artifacts that want one path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.build.embedded.environments_made import PLACE, selected, written
from tests.wheels import BuiltWheel, wheel

from mooring.artifacts.cache import FactCache
from mooring.build.embedded.interface import EmbeddedBuildError
from mooring.build.embedded.wheels.conflicts import check, is_checked
from mooring.lock.model import Selected


def made(**files: Mapping[str, bytes]) -> dict[str, BuiltWheel]:
    return {name: wheel(name, "1.0", files=body) for name, body in files.items()}


def packages(built: Mapping[str, BuiltWheel]) -> list[Selected]:
    return [selected(name, each) for name, each in built.items()]


def judge(folder: Path, built: Mapping[str, BuiltWheel]) -> None:
    check(packages(built), written(folder, built), PLACE)


def test_equal_bytes_may_pass(tmp_path: Path) -> None:
    judge(tmp_path, made(a={"tests/x.py": b"same"}, b={"tests/x.py": b"same"}))


def test_different_bytes_name_both(tmp_path: Path) -> None:
    built = made(a={"m.py": b"1"}, b={"m.py": b"2"}, c={"c.py": b""})
    with pytest.raises(EmbeddedBuildError, match=r"site-packages/m\.py: a 1\.0 and b 1\.0 differ"):
        judge(tmp_path, built)


def test_commands_of_one_name_are_a_conflict(tmp_path: Path) -> None:
    built = {
        name: wheel(name, "1.0", entry_points={"serve": f"{name}:main"}) for name in ("a", "b")
    }
    with pytest.raises(EmbeddedBuildError, match=r"bin/serve: a 1\.0 and b 1\.0 differ"):
        judge(tmp_path, built)


def test_a_file_where_another_has_a_folder_is_a_conflict(tmp_path: Path) -> None:
    built = made(a={"m": b"1"}, b={"m/x.py": b"2"})
    with pytest.raises(EmbeddedBuildError, match=r"a file of a 1\.0, a folder of b 1\.0"):
        judge(tmp_path, built)
    for folder in ("bin", "share", "share/mooring"):  # the last two are those of the lock
        built = made(a={f"a-1.0.data/data/{folder}": b"1"})
        with pytest.raises(EmbeddedBuildError, match="a folder of the environment itself"):
            judge(tmp_path, built)


def test_many_conflicts_are_counted(tmp_path: Path) -> None:
    one = {f"m{number}.py": b"1" for number in range(9)}
    two = dict.fromkeys(one, b"2")
    with pytest.raises(EmbeddedBuildError, match="and 4 more"):
        judge(tmp_path, made(a=one, b=two))


def test_a_set_that_was_found_good_is_not_opened_again(tmp_path: Path) -> None:
    built = made(a={"a.py": b"1"}, b={"b.py": b"2"})
    cache = FactCache("conflicts", root=tmp_path)
    assert not is_checked(packages(built), PLACE, cache)
    check(packages(built), written(tmp_path, built), PLACE, cache=cache)
    assert is_checked(packages(built), PLACE, cache)
    check(packages(built), {}, PLACE, cache=cache)
    elsewhere = replace(PLACE, root="/srv/env")
    assert not is_checked(packages(built), elsewhere, cache)
    with pytest.raises(KeyError):
        check(packages(built), {}, elsewhere, cache=cache)


def test_a_bad_set_is_not_remembered_as_good(tmp_path: Path) -> None:
    built = made(a={"m.py": b"1"}, b={"m.py": b"2"})
    cache = FactCache("conflicts", root=tmp_path)
    for _ in range(2):
        with pytest.raises(EmbeddedBuildError):
            check(packages(built), written(tmp_path, built), PLACE, cache=cache)
