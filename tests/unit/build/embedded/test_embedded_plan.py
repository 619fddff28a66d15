"""Which layers there are, in which order, what decides each, and how few a change moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import RecordingReporter
from tests.unit.build.embedded.environments_made import (
    PLACE,
    PYTHON,
    SITE,
    scan,
    selected,
    selection,
    with_artifact,
    written,
)
from tests.wheels import wheel

from mooring.build.embedded.bytecode.compilers import Compiler
from mooring.build.embedded.interface import BaseScan, EmbeddedBuildError, LayerPlan
from mooring.build.embedded.plan.artifact_layers import direct_url
from mooring.build.embedded.plan.plan import LayerBudget, PlanRequest, plan_layers
from mooring.build.interface import ContextFile
from mooring.digests import canonical_json
from mooring.errors import InputError
from mooring.lock.model import Selected
from mooring.platforms import PythonVersion

COMPILER = Compiler(path=Path("python3.11"), version=PYTHON)
FILES = (ContextFile(path="app.py", source=b"1"), ContextFile(path="b/run", source=b"2"))
DIGESTS = {"app.py": f"sha256:{'1' * 64}", "b/run": f"sha256:{'2' * 64}"}


def package(name: str, version: str = "1.0", *, mb: float = 0.1) -> Selected:
    return selected(name, wheel(name, version), size=int(mb * (1 << 20)))


PACKAGES = (
    package("big-b", mb=5),
    package("big-a", mb=900),
    package("edge", mb=4),
    package("small-a"),
    package("small-b"),
)


def never(_: Sequence[Selected]) -> Mapping[str, Path]:
    raise AssertionError("a plan fetches nothing")


def request(packages: Sequence[Selected] = PACKAGES, **changes: Any) -> PlanRequest:
    made = PlanRequest(
        selection=selection(packages),
        place=PLACE,
        version="3.11.2",
        scan=scan(),
        base_layers=4,
        user="65532:65532",
        workdir="/app",
        files=FILES,
        digests=DIGESTS,
        fetch=never,
        compiler=COMPILER,
    )
    return replace(made, **changes)


def titles(made: PlanRequest) -> list[str]:
    return [plan.title for plan in plan_layers(made)]


def keys(made: PlanRequest) -> dict[str, bytes]:
    return {plan.title: canonical_json(plan.key) for plan in plan_layers(made)}


def test_what_changes_least_comes_first_and_nothing_is_fetched() -> None:
    further = LayerPlan(title="the lock", key={"schema": 1}, entries=lambda: never(()))  # type: ignore[arg-type, return-value]
    assert titles(request(further=(further,))) == [
        "the account 65532:65532",
        "an empty environment for Python 3.11.2",
        "big-a 1.0",
        "big-b 1.0",
        "byte code of big-a 1.0",
        "byte code of big-b 1.0",
        "edge 1.0 and 2 more",
        "byte code of edge 1.0 and 2 more",
        "the lock",
        "the project's files",
    ]


def test_without_byte_code_files_account_and_packages_there_is_less() -> None:
    bare = request((), compiler=None, files=(), digests={}, user="root", workdir="/opt")
    assert titles(bare) == ["an empty environment for Python 3.11.2"]
    assert titles(replace(bare, workdir="/srv")) == [
        "an empty environment for Python 3.11.2",
        "the folder /srv",
    ]
    assert "byte code" not in " ".join(titles(request(compiler=None)))


def test_the_order_of_the_selection_does_not_matter() -> None:
    assert keys(request()) == keys(request(tuple(reversed(PACKAGES))))


def test_one_package_changes_its_own_layers() -> None:
    before = keys(request())
    after = keys(request((*PACKAGES[:3], package("small-a"), package("small-b", "2.0"))))
    assert {title for title in before if before[title] != after.get(title)} == {
        "edge 1.0 and 2 more",
        "byte code of edge 1.0 and 2 more",
    }
    after = keys(request((package("big-b", "2.0", mb=5), *PACKAGES[1:])))
    assert before.keys() - after.keys() == {"big-b 1.0", "byte code of big-b 1.0"}
    assert all(before[title] == after[title] for title in before.keys() & after.keys())


def test_a_patch_release_of_python_changes_the_skeleton_and_the_byte_code() -> None:
    newer = PythonVersion(minor=11, patch=9)
    moved = replace(
        request(),
        version="3.11.9",
        place=replace(PLACE, python=newer),
        compiler=Compiler(path=Path("python3.11"), version=newer),
    )
    before, after = list(keys(request()).values()), list(keys(moved).values())
    changed = [number for number, (one, two) in enumerate(zip(before, after)) if one != two]
    assert changed == [1, 4, 5, 7]


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        (scan(directories=["/usr", "/etc", "/home"]), {"artifacts", "bytecode", "skeleton"}),
        (scan(directories=["/usr", "/opt", "/etc"]), {"account"}),
        (scan(links={"/opt": "usr/opt"}), {"artifacts", "bytecode", "skeleton"}),
        (scan(links={"/app": "srv"}), {"project"}),
        (scan(passwd="root:x:0:0::/:/bin/sh\n"), {"account"}),
        (scan(links={"/unrelated": "usr"}), set()),
        (scan(directories=["/usr", "/opt", "/etc", "/home", "/games"]), set()),
    ],
)
def test_a_base_decides_only_the_layers_whose_bytes_it_changes(
    base: BaseScan, changes: set[str]
) -> None:
    def by_kind(made: PlanRequest) -> list[tuple[object, bytes]]:
        return [(plan.key["kind"], canonical_json(plan.key)) for plan in plan_layers(made)]

    pairs = zip(by_kind(request()), by_kind(request(scan=base)))
    assert {kind for (kind, before), (_, after) in pairs if before != after} == changes


def test_the_project_is_decided_by_its_files() -> None:
    executable = (replace(FILES[0], executable=True), FILES[1])
    edited = {**DIGESTS, "app.py": f"sha256:{'3' * 64}"}
    project = "the project's files"
    found = {
        keys(made)[project]
        for made in (request(), request(files=executable), request(digests=edited))
    }
    assert len(found) == 3
    with pytest.raises(EmbeddedBuildError, match="no digest"):
        plan_layers(request(digests={}))


def test_big_artifacts_share_a_layer_when_the_budget_is_spent() -> None:
    many = tuple(package(f"p{number}", mb=5 + number) for number in range(12))
    found = titles(request(many, compiler=None, budget=LayerBudget(shares=1)))
    assert found[2:-1] == [*sorted(f"p{n} 1.0" for n in range(2, 12)), "p0 1.0 and 1 more"]
    own = LayerBudget(artifacts=1, big=1 << 20, shares=1)
    assert titles(request(many, compiler=None, budget=own))[2:-1] == [
        "p11 1.0",
        "p0 1.0 and 10 more",
    ]


@pytest.mark.parametrize(
    ("base_layers", "bigs"), [(118, 2), (119, 1), (120, 1), (121, 0), (122, 0)]
)
def test_a_base_with_many_layers_leaves_less_room(
    base_layers: int, bigs: int, reporter: RecordingReporter
) -> None:
    # Account, skeleton, rest, its byte code and the project: five layers at least.
    plans = plan_layers(request(base_layers=base_layers), reporter)
    assert sum(plan.title.startswith("big-") and "more" not in plan.title for plan in plans) == bigs
    assert len(plans) + base_layers <= 127
    assert bool(reporter.notes) == (bigs < 2)


def test_a_base_with_too_many_layers_is_refused() -> None:
    with pytest.raises(EmbeddedBuildError, match="the base has 123 layers"):
        plan_layers(request(base_layers=123))


@pytest.mark.parametrize(
    ("base", "message"),
    [
        (scan(directories=["/opt", "/opt/env", "/opt/env/lib"]), "an environment at /opt/env"),
        (scan(links={"/opt/env/bin/python": "/x"}), "an environment at /opt/env"),
        (scan(links={"/opt": "srv"}, directories=["/srv/env/x"]), "an environment at /opt/env"),
    ],
)
def test_a_base_with_an_environment_there_is_refused(base: BaseScan, message: str) -> None:
    with pytest.raises(EmbeddedBuildError, match=message):
        plan_layers(request(scan=base))


def test_an_empty_folder_there_is_fine_and_decides_the_layers() -> None:
    empty = scan(directories=["/etc", "/home", "/opt", "/opt/env", "/opt/environment/x", "/usr"])
    kinds = [plan.key["kind"] for plan in plan_layers(request(scan=empty))]
    assert kinds[1] == "skeleton"
    assert keys(request(scan=empty))["big-a 1.0"] != keys(request())["big-a 1.0"]


def test_what_does_not_fit_the_base_is_refused_before_anything_is_fetched() -> None:
    with pytest.raises(InputError, match="no user 'nobody'"):
        plan_layers(request(user="nobody"))
    with pytest.raises(InputError, match="the environment is there"):
        plan_layers(request(workdir="/", files=(ContextFile(path="opt", source=b""),)))


def test_entries_are_those_of_all_wheels_and_equal_files_are_there_once(tmp_path: Path) -> None:
    stray = {"tests/__init__.py": b"", "x.py": b"1"}
    built = {
        "a": wheel("a", "1.0", files={"a.py": b"A", "tests/__init__.py": b""}),
        "x": wheel("x", "1.0", files=stray, entry_points={"x": "x:main"}),
    }
    files = written(tmp_path, built)
    asked: list[list[str]] = []

    def fetch(group: Sequence[Selected]) -> Mapping[str, Path]:
        asked.append([each.package.name for each in group])
        return files

    packages = tuple(selected(name, each) for name, each in built.items())
    plans = plan_layers(request(packages, fetch=fetch, compiler=None))
    [rest] = [plan for plan in plans if plan.key["kind"] == "artifacts"]
    with rest.entries() as entries:
        paths = [entry.path for entry in entries]
    assert asked == [["a", "x"]]
    assert paths == sorted(set(paths))
    assert {f"{SITE}/a.py", f"{SITE}/x.py", f"{SITE}/tests/__init__.py", "/opt/env/bin/x"} <= set(
        paths
    )
    assert f"{SITE}/x-1.0.dist-info/INSTALLER" in paths


def test_an_artifact_without_index_says_where_it_came_from() -> None:
    each = with_artifact(package("a"), kind="archive")
    sha256 = each.artifact.sha256
    assert direct_url(package("a")) is None
    assert direct_url(each) == canonical_json(
        {"archive_info": {"hashes": {"sha256": sha256}}, "url": each.artifact.url}
    )
    local = with_artifact(each, url=None, path="vendor/a.whl")
    assert b'"url":"file:///vendor/a.whl"' in (direct_url(local) or b"")
    titled = "a 1.0"
    assert len({keys(request((one,)))[titled] for one in (package("a"), each, local)}) == 3
