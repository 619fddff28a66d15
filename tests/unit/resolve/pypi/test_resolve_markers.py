"""Worlds, reachability and marker text, proved against `packaging` and a walk that is too simple.

The property: for every platform, every Python and every choice of extras and groups, the markers
select exactly the packages that a plain walk along the edges would install.
"""

from __future__ import annotations

import random
from itertools import product

import pytest
from packaging.markers import Marker

from mooring.errors import InputError
from mooring.platforms import Platform, PythonVersion
from mooring.resolve.interface import ResolveError
from mooring.resolve.pypi.marker_text import MarkerText
from mooring.resolve.pypi.reachability import Reached, reach
from mooring.resolve.pypi.uv_lock import Edge, Solution, SolvedPackage, Source
from mooring.resolve.pypi.worlds import Worlds, python_samples

REGISTRY = Source(kind="registry", value="https://index.example/simple")
FOUR = [Platform.parse(name) for name in ("linux-64", "linux-aarch64", "osx-arm64", "win-64")]
MARKERS = [
    "sys_platform == 'win32'",
    "sys_platform != 'win32'",
    "sys_platform == 'linux' and platform_machine == 'x86_64'",
    "platform_machine == 'arm64' or platform_machine == 'AMD64'",
    "os_name == 'nt'",
    "platform_system == 'Darwin'",
    "python_full_version < '3.12'",
    "python_full_version >= '3.11.4'",
    "python_version == '3.12'",
    "python_full_version != '3.12.3' and sys_platform == 'darwin'",
    "python_full_version < '3.11.4' or sys_platform == 'win32'",
    "'3.13' <= python_version",
    "python_version in '3.11, 3.13'",
    "implementation_name == 'pypy'",
]


def edge(
    name: str, marker: str | None = None, extras: tuple[str, ...] = (), version: str | None = None
) -> Edge:
    return Edge(name=name, version=version, source=None, marker=marker, extras=extras)


def solved(
    name: str,
    *edges: Edge,
    extras: dict[str, tuple[Edge, ...]] | None = None,
    groups: dict[str, tuple[Edge, ...]] | None = None,
    version: str = "1",
    source: Source = REGISTRY,
) -> SolvedPackage:
    return SolvedPackage(
        name=name,
        version=version,
        source=source,
        dependencies=edges,
        extras=extras or {},
        groups=groups or {},
        wheels=(),
        sdist=None,
    )


def project(
    *edges: Edge,
    extras: dict[str, tuple[Edge, ...]] | None = None,
    groups: dict[str, tuple[Edge, ...]] | None = None,
) -> SolvedPackage:
    virtual = Source(kind="virtual", value=".")
    return solved("root", *edges, extras=extras, groups=groups, version="0", source=virtual)


def solution(own: SolvedPackage, *packages: SolvedPackage) -> Solution:
    return Solution(packages=(*packages, own), project=own)


def worlds_of(found: Solution, python: str = ">=3.11,<3.14") -> Worlds:
    return Worlds(FOUR, python, found.markers())


def markers_of(found: Solution, python: str = ">=3.11,<3.14") -> dict[str, str | None]:
    worlds = worlds_of(found, python)
    text = MarkerText(worlds)
    nodes = reach(found, worlds, tuple(found.project.extras), tuple(found.project.groups))
    return {f"{n.package.name} {n.package.version}": text.of_package(n) for n in nodes}


def installed(
    found: Solution, environment: dict[str, str], extras: set[str], groups: set[str]
) -> set[str]:
    """Walk along the edges that hold in one environment."""
    own = found.project
    pending = list(own.dependencies)
    for chosen in sorted(extras):
        pending += own.extras[chosen]
    for chosen in sorted(groups):
        pending += own.groups[chosen]
    seen: set[tuple[int, str | None]] = set()
    while pending:
        each = pending.pop()
        if each.marker and not Marker(each.marker).evaluate(environment):
            continue
        for i, package in enumerate(found.packages):
            if package.name != each.name or each.version not in (None, package.version):
                continue
            for extra in (None, *each.extras):
                if (i, extra) not in seen:
                    seen.add((i, extra))
                    pending += (
                        package.dependencies if extra is None else package.extras.get(extra, ())
                    )
    return {
        f"{found.packages[i].name} {found.packages[i].version}"
        for i, _ in seen
        if found.packages[i] is not own
    }


def random_solution(seed: int) -> Solution:
    choose = random.Random(seed)
    names = [f"p{i}" for i in range(choose.randint(2, 9))]

    def some(most: int) -> tuple[Edge, ...]:
        return tuple(
            edge(
                choose.choice([*names, "root"]),
                choose.choice([None, None, *MARKERS]),
                choose.choice([(), (), ("x",), ("x", "y")]),
            )
            for _ in range(choose.randint(0, most))
        )

    packages = [solved(name, *some(3), extras={"x": some(2), "y": some(1)}) for name in names]
    own = project(
        *some(2), extras={"x": some(2), "y": some(2)}, groups={"g": some(2), "h": some(1)}
    )
    return solution(own, *packages)


@pytest.mark.parametrize("seed", range(25))
def test_markers_select_what_a_walk_would_install(seed: int) -> None:
    found = random_solution(seed)
    markers = {name: Marker(text) if text else None for name, text in markers_of(found).items()}
    pythons = [PythonVersion(minor=m, patch=p) for m in (11, 12, 13) for p in (0, 3, 4, 5, 99)]
    choices = [(set(), set()), ({"x"}, set()), (set(), {"g"}), ({"x", "y"}, {"g", "h"})]
    for platform, python, (extras, groups) in product(FOUR, pythons, choices):
        environment = platform.marker_environment(python)
        selected = {
            name
            for name, marker in markers.items()
            if marker is None
            or marker.evaluate(
                {**environment, "extras": extras, "dependency_groups": groups}, "lock_file"
            )
        }
        assert selected == installed(found, environment, extras, groups), (platform, python)


def test_the_same_solution_in_another_order_has_the_same_markers() -> None:
    found = random_solution(7)
    backwards = Solution(packages=found.packages[::-1], project=found.project)
    assert markers_of(backwards) == markers_of(found)


class TestText:
    @pytest.mark.parametrize(
        ("marker", "written"),
        [
            ("os_name == 'nt'", "sys_platform == 'win32'"),
            ("os_name != 'nt'", "sys_platform != 'win32'"),
            ("platform_system == 'Linux'", "sys_platform == 'linux'"),
            ("platform_machine == 'x86_64'", "platform_machine == 'x86_64'"),
            ("python_version < '3.12'", "python_full_version < '3.12'"),
            (
                "python_version == '3.12'",
                "python_full_version >= '3.12' and python_full_version < '3.13'",
            ),
            ("python_full_version >= '3.9'", None),
            ("python_full_version > '3.12.3'", "python_full_version >= '3.12.4'"),
            (
                "sys_platform == 'win32' or platform_machine == 'x86_64'",
                "sys_platform == 'win32' or platform_machine == 'x86_64'",
            ),
            (
                "python_version < '3.12' and sys_platform == 'win32'",
                "python_full_version < '3.12' and sys_platform == 'win32'",
            ),
            (
                "python_version < '3.12' or sys_platform == 'win32'",
                "python_full_version < '3.12' or sys_platform == 'win32'",
            ),
        ],
    )
    def test_the_shortest_text_is_written(self, marker: str, written: str | None) -> None:
        found = solution(project(edge("a", marker)), solved("a"))
        assert markers_of(found) == {"a 1": written}

    def test_what_holds_nowhere_is_left_out(self) -> None:
        never = "implementation_name == 'pypy'"
        found = solution(project(edge("a", never), edge("b")), solved("a"), solved("b"))
        assert markers_of(found) == {"b 1": None}

    def test_an_extra_counts_only_where_the_base_does_not(self) -> None:
        windows = "sys_platform == 'win32'"
        found = solution(
            project(
                edge("a", windows),
                extras={"x": (edge("a"),), "y": (edge("a", windows),)},
                groups={"g": (edge("b", windows),)},
            ),
            solved("a"),
            solved("b"),
        )
        assert markers_of(found) == {
            "a 1": "sys_platform == 'win32' or 'x' in extras",
            "b 1": "'g' in dependency_groups and sys_platform == 'win32'",
        }

    def test_an_extra_of_a_dependency_adds_what_it_needs(self) -> None:
        found = solution(
            project(edge("a"), extras={"x": (edge("a", None, ("fast",)),)}),
            solved("a", extras={"fast": (edge("c"),)}),
            solved("c"),
        )
        assert markers_of(found) == {"a 1": None, "c 1": "'x' in extras"}


class TestReach:
    def test_dependencies_are_those_of_worlds_in_which_a_package_is_installed(self) -> None:
        found = solution(
            project(edge("a", "sys_platform == 'linux'")),
            solved("a", edge("b", "sys_platform == 'win32'"), edge("c"), edge("root")),
            solved("b"),
            solved("c"),
        )
        (a, c) = reach(found, worlds_of(found), (), ())
        assert isinstance(a, Reached)
        assert [package.name for package in a.dependencies] == ["c"]
        assert c.package.name == "c"

    def test_an_edge_with_a_version_leads_to_that_fork_only(self) -> None:
        found = solution(
            project(
                edge("a", "sys_platform == 'win32'", version="1"),
                edge("a", "sys_platform != 'win32'", version="2"),
            ),
            solved("a", version="1"),
            solved("a", version="2"),
        )
        assert markers_of(found) == {
            "a 1": "sys_platform == 'win32'",
            "a 2": "sys_platform != 'win32'",
        }


class TestSamples:
    def test_they_lie_around_each_version_that_is_named(self) -> None:
        samples = python_samples("==3.12.*", ["python_full_version < '3.12.4'"])
        assert [str(sample) for sample in samples] == [
            "3.12.0",
            "3.12.1",
            "3.12.3",
            "3.12.4",
            "3.12.5",
            "3.12.99",
        ]

    def test_an_open_span_ends_one_minor_after_the_last_that_is_named(self) -> None:
        samples = python_samples(">=3.11.2", ["python_version >= '3.13'"])
        assert str(samples[0]) == "3.11.2"
        assert {sample.minor for sample in samples} == {11, 12, 13, 14}

    def test_holes_of_a_span_are_left_out(self) -> None:
        samples = python_samples(">=3.10,!=3.11.*,<3.13", ())
        assert {sample.minor for sample in samples} == {10, 12}

    @pytest.mark.parametrize("span", ["<3", ">=4", "3.12", ">=3.13,<3.12"])
    def test_a_span_without_any_python_is_refused(self, span: str) -> None:
        with pytest.raises(InputError, match="requires-python"):
            python_samples(span, ())

    def test_platforms_with_equal_markers_are_one(self) -> None:
        platforms = [Platform.parse(name) for name in ("linux-64", "linux-64-musl1.2")]
        worlds = Worlds(platforms, "==3.12.*", ())
        assert len(worlds.platforms) == 1
        assert worlds.full == 1

    def test_a_broken_marker_is_reported(self) -> None:
        with pytest.raises(ResolveError, match="cannot be read"):
            Worlds(FOUR, "==3.12.*", ["sys_platform =="])

    def test_a_release_of_a_system_cannot_be_known(self) -> None:
        marker = "platform_release >= '20.0' and sys_platform == 'darwin'"
        worlds = Worlds(FOUR, "==3.12.*", [marker])
        assert worlds.mask(marker) in (0b0100, 0)
