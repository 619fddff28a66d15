from __future__ import annotations

import random
import re
import tomllib
from dataclasses import replace

import pytest
from packaging.pylock import Pylock, PylockSelectError
from tests.unit.lock import locks

from mooring.errors import InputError
from mooring.lock.formats import pylock
from mooring.lock.model import Artifact, Lock, Package, Selection, Target
from mooring.lock.select import SelectError, coverage, select
from mooring.platforms import Platform, PythonVersion

LINUX, ARM, MAC, WINDOWS = locks.PLATFORMS
MUSL = Platform.parse("linux-64-musl1.2")
OLD = Platform.parse("linux-64-glibc2.17")
NATIVE = (
    "cp312-cp312-manylinux_2_28_x86_64",
    "cp312-cp312-manylinux_2_17_x86_64",
    "cp312-cp312-musllinux_1_2_x86_64",
    "cp312-cp312-macosx_11_0_arm64",
    "cp312-cp312-win_amd64",
    "py3-none-any",
)


def chosen(lock: Lock, platform: Platform, **options: tuple[str, ...]) -> list[str]:
    selection = select(lock, platform=platform, python=locks.PYTHON, **options)
    return [selected.artifact.name for selected in selection.packages]


def failure(lock: Lock, platform: Platform = LINUX, python: PythonVersion = locks.PYTHON) -> str:
    with pytest.raises(SelectError) as caught:
        select(lock, platform=platform, python=python)
    assert caught.value.hint is not None
    return caught.value.message


@pytest.mark.parametrize(
    ("platform", "tag"),
    [
        (LINUX, NATIVE[0]),
        (OLD, NATIVE[1]),
        (MUSL, NATIVE[2]),
        (MAC, NATIVE[3]),
        (WINDOWS, NATIVE[4]),
        (ARM, NATIVE[5]),
    ],
)
def test_the_best_wheel_for_each_platform(platform: Platform, tag: str) -> None:
    assert chosen(locks.lock(locks.package("a", *NATIVE)), platform) == [f"a-1.0-{tag}.whl"]


def test_the_selection_holds_our_own_values_sorted_by_name() -> None:
    b, a = locks.package("b"), locks.package("a")

    selection = select(locks.lock(b, a), platform=LINUX, python=locks.PYTHON)

    assert isinstance(selection, Selection)
    assert [s.package for s in selection.packages] == [a, b]
    assert selection.packages[0].artifact is a.wheels[0]
    assert (selection.platform, selection.python) == (LINUX, locks.PYTHON)


@pytest.mark.parametrize(
    "direct", [locks.vcs(), locks.archive(), Artifact(kind="directory", path="lib")]
)
def test_direct_sources(direct: Artifact) -> None:
    lock = locks.lock(Package(name="a", direct=direct))

    assert select(lock, platform=LINUX, python=locks.PYTHON).packages[0].artifact is direct


def test_an_sdist_is_the_fallback() -> None:
    package = replace(locks.package("a", "cp312-cp312-win_amd64"), sdist=locks.sdist("a"))

    assert chosen(locks.lock(package), LINUX) == ["a-1.0.tar.gz"]
    assert chosen(locks.lock(package), WINDOWS) == ["a-1.0-cp312-cp312-win_amd64.whl"]


def test_a_fork_is_decided_by_markers() -> None:
    lock = locks.lock(
        locks.package("a", version="1.0", marker="sys_platform == 'win32'"),
        locks.package("a", version="2.0", marker="sys_platform != 'win32'"),
    )

    assert chosen(lock, WINDOWS) == ["a-1.0-py3-none-any.whl"]
    assert chosen(lock, LINUX) == ["a-2.0-py3-none-any.whl"]


def test_an_undeclared_patch_counts_as_the_latest() -> None:
    lock = locks.lock(locks.package("a", marker="python_full_version >= '3.12.8'"))

    assert chosen(lock, LINUX) == ["a-1.0-py3-none-any.whl"]
    old = select(lock, platform=LINUX, python=PythonVersion(minor=12, patch=1))
    assert old.packages == ()


def test_extras_and_groups() -> None:
    lock = locks.lock(
        locks.package("a"),
        locks.package("b", marker="'gpu-fast' in extras"),
        locks.package("c", marker="'dev' in dependency_groups"),
        extras=["gpu-fast"],
        groups=["dev"],
    )

    assert len(chosen(lock, LINUX)) == 1
    assert len(chosen(lock, LINUX, extras=("GPU_fast",))) == 2
    assert len(chosen(lock, LINUX, extras=("gpu-fast",), groups=("Dev",))) == 3
    selection = select(lock, platform=LINUX, python=locks.PYTHON, extras=["GPU_fast"])
    assert selection.extras == ("gpu-fast",)


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ({"extras": ("tpu",)}, "no extra 'tpu'", "it knows cpu, gpu"),
        ({"groups": ("test",)}, "no dependency group 'test'", "it knows no dependency group"),
    ],
)
def test_an_unknown_name_is_refused(
    asked: dict[str, tuple[str, ...]], message: str, hint: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        chosen(locks.lock(extras=["gpu", "cpu"]), LINUX, **asked)
    assert hint in (caught.value.hint or "")


def test_a_package_with_nothing_usable_is_named_with_its_wheels() -> None:
    lock = locks.lock(
        locks.package("a", "cp312-cp312-win_amd64", "cp312-cp312-macosx_11_0_arm64"),
        locks.package("fine"),
        locks.package("b", "cp313-cp313-manylinux_2_17_x86_64"),
        locks.package("c", "cp312-cp312t-manylinux_2_17_x86_64"),
        locks.package("skipped", "cp312-cp312-win_amd64", marker="sys_platform == 'win32'"),
    )

    assert failure(lock) == (
        "nothing usable for linux-64 (glibc 2.28) with Python 3.12: "
        "a 1.0 has no fitting wheel and no sdist; its wheels are for "
        "cp312-cp312-macosx_11_0_arm64, cp312-cp312-win_amd64; "
        "b 1.0 has no fitting wheel and no sdist; its wheels are for "
        "cp313-cp313-manylinux_2_17_x86_64; "
        "c 1.0 has no fitting wheel and no sdist; its wheels are for "
        "cp312-cp312t-manylinux_2_17_x86_64"
    )


def test_a_long_list_of_wheels_is_cut() -> None:
    tags = [f"cp312-cp312-macosx_{n}_0_arm64" for n in range(11, 31)]
    lock = locks.lock(*(locks.package(f"a{n}", *tags) for n in range(9)))

    message = failure(lock)

    assert "and 14 more" in message
    assert message.endswith("; and 4 more")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"requires_python": ">=3.13"}, "the lock requires Python >=3.13, not 3.12"),
        ({"environments": (WINDOWS.marker,)}, "the lock is not for linux-64 .*AMD64"),
        ({"packages": (replace(locks.package("a"), requires_python=">=3.13"),)},
         "a 1.0 requires Python >=3.13"),
        ({"packages": (locks.package("a"), locks.package("a", version="2.0"))},
         r"a is locked more than once \(1.0, 2.0\)"),
        ({"packages": (locks.package("b"), locks.package("a", marker="extra == 'x'"))},
         "the marker of a 1.0 cannot be evaluated: extra == 'x'"),
        ({"packages": (locks.package("a", marker="extras in 'x'"),)},
         "the marker of a 1.0 cannot be evaluated"),
        # The first fault stops the selection before the marker is reached.
        ({"packages": (replace(locks.package("a"), requires_python=">=4"),
                       locks.package("b", marker="extras in 'x'"))}, "requirement '>=4'"),
    ],
)  # fmt: skip
def test_why_a_lock_cannot_be_used(change: dict[str, object], message: str) -> None:
    lock = replace(locks.lock(), **change)  # type: ignore[arg-type]

    assert re.search(message, failure(lock))


def test_coverage_tells_all_targets_apart() -> None:
    lock = replace(
        locks.lock(
            replace(locks.package("a", "cp312-cp312-win_amd64"), sdist=locks.sdist("a")),
            locks.package("b"),
            Package(name="c", direct=locks.vcs()),
            locks.package("d", "cp312-cp312-win_amd64", marker="'dev' in dependency_groups"),
            extras=["gpu"],
            groups=["dev"],
        ),
        provenance=locks.provenance(),
    )
    targets = [
        Target(environment=name, platform=platform, python=locks.PYTHON)
        for name in ("default", "dev", "absent")
        for platform in (LINUX, WINDOWS)
    ]

    found = coverage(lock, targets)

    assert [c.target for c in found] == targets
    assert [(c.wheels, c.sdists) for c in found] == [
        (1, ("a", "c")), (2, ("c",)), (0, ()), (3, ("c",)), (0, ()), (0, ())
    ]  # fmt: skip
    assert [c.problem is None for c in found] == [True, True, False, True, False, False]
    assert "d 1.0 has no fitting wheel" in (found[2].problem or "")
    assert "absent" in (found[4].problem or "")


def test_coverage_of_a_foreign_lock_takes_its_default_groups() -> None:
    lock = replace(
        locks.lock(locks.package("a", marker="'base' in dependency_groups"), groups=["base"]),
        default_groups=("base",),
    )

    (found,) = coverage(lock, [Target(environment="default", platform=LINUX, python=locks.PYTHON)])

    assert (found.wheels, found.problem) == (1, None)


def unfiltered(text: str, platform: Platform, groups: tuple[str, ...]) -> list[str] | None:
    """Select with packaging alone from the file."""
    selected = Pylock.from_dict(tomllib.loads(text)).select(
        environment=platform.marker_environment(locks.PYTHON),  # type: ignore[arg-type]
        tags=platform.tags(locks.PYTHON),
        dependency_groups=groups,
    )
    try:
        return sorted(f"{p.name} {getattr(a, 'filename', '')}" for p, a in selected)
    except PylockSelectError:
        return None


def filtered(lock: Lock, platform: Platform, groups: tuple[str, ...]) -> list[str] | None:
    try:
        selection = select(lock, platform=platform, python=locks.PYTHON, groups=groups)
    except SelectError:
        return None
    return sorted(
        f"{s.package.name} {s.artifact.name if s.artifact.kind in ('wheel', 'sdist') else ''}"
        for s in selection.packages
    )


@pytest.mark.parametrize("seed", range(60))
def test_leaving_wheels_out_first_never_changes_what_is_chosen(seed: int) -> None:
    lock = locks.random_lock(seed)
    text = pylock.write(lock)
    groups = random.Random(seed).choice([(), ("dev",)])

    for platform in (*locks.PLATFORMS, MUSL, OLD, Platform.parse("osx-64-macos10.15")):
        assert filtered(lock, platform, groups) == unfiltered(text, platform, groups)


def test_tags_in_any_spelling_count() -> None:
    tagged = locks.package("a", "CP312-CP312-Manylinux_2_17_X86_64.manylinux2014_aarch64")
    # With an sdist to fall back on, leaving the wheel out would be noticed.
    lock = locks.lock(replace(tagged, sdist=locks.sdist("a")))

    assert chosen(lock, LINUX) == [tagged.wheels[0].name]
