from __future__ import annotations

from dataclasses import replace

from packaging.markers import Marker
from tests.unit.lock.conda_locks import LINUX, LOCK, MAC, PYTHON, PYTHON_MAC, pypi, row

from mooring.lock.conda import CondaFacts, CondaLock
from mooring.lock.formats import pylock
from mooring.lock.formats.pylock_part import pylock_part
from mooring.lock.select import select
from mooring.platforms import PythonVersion

PY312 = PythonVersion(minor=12)
CP = "cp312-cp312-manylinux_2_28_x86_64"
CP_MAC = "cp312-cp312-macosx_11_0_arm64"
LOCKED = CondaLock(
    channels=(),
    platforms=(LINUX, MAC),
    conda=(row(PYTHON), row(PYTHON_MAC, MAC)),
    pypi=(
        replace(pypi("rich"), dependencies=(("markdown-it-py", ">=2"), ("numpy", ">=1"))),
        replace(pypi("rich", platform=MAC), dependencies=(("Markdown_It.py", ">=2"),)),
        pypi("markdown-it-py"),
        pypi("markdown-it-py", "1.0", MAC),
        pypi("fast", tag=CP),
        pypi("fast", platform=MAC, tag=CP_MAC),
        pypi("pytest", categories=("dev", "web")),
        pypi("pytest", platform=MAC, categories=("dev",)),
        replace(
            pypi("tool"),
            url="git+https://code.example.org/tool.git@" + "a" * 40 + "#subdirectory=src",
            sha256=None,
        ),
    ),
    facts=CondaFacts(inputs={"schema": 1, "extras": {"web": []}, "groups": {"dev": []}}),
)


def test_it_is_a_lock_that_pylock_writes_and_reads() -> None:
    lock = pylock_part(LOCKED)
    read = pylock.read(pylock.write(lock), "pylock.toml")
    assert pylock.write(read) == pylock.write(lock)
    assert lock.requires_python == "==3.12.*"
    assert (lock.extras, lock.groups) == (("web",), ("dev",))
    assert lock.environments == (LINUX.marker, MAC.marker)


def test_each_platform_selects_its_own_files() -> None:
    lock = pylock_part(LOCKED)

    def chosen(platform: object, **kinds: tuple[str, ...]) -> dict[str, str | None]:
        assert platform in (LINUX, MAC)
        found = select(lock, platform=LINUX if platform == LINUX else MAC, python=PY312, **kinds)
        return {s.package.name: s.artifact.name or s.artifact.commit for s in found.packages}

    assert chosen(LINUX) == {
        "fast": f"fast-2.0-{CP}.whl",
        "markdown-it-py": "markdown_it_py-2.0-py3-none-any.whl",
        "rich": "rich-2.0-py3-none-any.whl",
        "tool": "a" * 40,
    }
    assert chosen(MAC) == {
        "fast": f"fast-2.0-{CP_MAC}.whl",
        "markdown-it-py": "markdown_it_py-1.0-py3-none-any.whl",
        "rich": "rich-2.0-py3-none-any.whl",
    }
    assert "pytest" in chosen(LINUX, extras=("web",))
    assert "pytest" not in chosen(MAC, extras=("web",))
    assert "pytest" in chosen(MAC, groups=("dev",))


def test_dependencies_name_the_version_where_there_are_several() -> None:
    rich = next(p for p in pylock_part(LOCKED).packages if p.name == "rich")
    found = [(d.name, d.version) for d in rich.dependencies]
    assert found == [("markdown-it-py", "1.0"), ("markdown-it-py", "2.0")]


def test_markers_are_markers_and_absent_where_nothing_decides() -> None:
    packages = {(p.name, p.version): p for p in pylock_part(LOCKED).packages}
    assert packages["rich", "2.0"].marker is None
    for package in packages.values():
        if package.marker is not None:
            Marker(package.marker)


def test_a_lock_without_pypi_packages_gives_an_empty_one() -> None:
    assert pylock_part(replace(LOCK, pypi=())).packages == ()
