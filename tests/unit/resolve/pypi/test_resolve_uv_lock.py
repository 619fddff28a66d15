"""Reading uv.lock."""

from __future__ import annotations

import pytest

from mooring.resolve.interface import ResolveError
from mooring.resolve.pypi.uv_lock import Edge, SolvedFile, Source, read_solution

TEXT = """
version = 1
revision = 5
requires-python = ">=3.11"

[[package]]
name = "a"
version = "1.0"
source = { registry = "https://index.example/simple" }
dependencies = [
    { name = "b", version = "2", source = { git = "https://g.ex/b#0" }, marker = "os_name=='nt'" },
    { name = "c", extra = ["fast", "slow"] },
]
sdist = { url = "https://f.example/a-1.0.tar.gz", hash = "sha256:aa", size = 9 }
wheels = [
    { url = "https://f.ex/a-1.0.whl", hash = "sha256:bb", upload-time = "2024-01-02T03:04:05Z" },
]

[package.optional-dependencies]
x = [{ name = "c" }]

[[package]]
name = "churn"
version = "0"
source = { virtual = "." }
dependencies = [{ name = "a" }]

[package.dev-dependencies]
dev = [{ name = "c", marker = "sys_platform == 'linux'" }]
"""


def edge(name: str, marker: str | None = None, extras: tuple[str, ...] = ()) -> Edge:
    return Edge(name=name, version=None, source=None, marker=marker, extras=extras)


def test_a_lock_becomes_a_graph() -> None:
    solution = read_solution(TEXT, "churn")
    a, project = solution.packages
    assert project is solution.project
    assert a.source == Source(kind="registry", value="https://index.example/simple")
    assert a.dependencies == (
        Edge(
            name="b",
            version="2",
            source=Source(kind="git", value="https://g.ex/b#0"),
            marker="os_name=='nt'",
            extras=(),
        ),
        edge("c", extras=("fast", "slow")),
    )
    assert a.extras == {"x": (edge("c"),)}
    assert a.wheels == (
        SolvedFile(
            url="https://f.ex/a-1.0.whl",
            path=None,
            hash="sha256:bb",
            size=None,
            upload_time="2024-01-02T03:04:05Z",
        ),
    )
    assert a.sdist is not None
    assert a.sdist.size == 9
    assert project.groups == {"dev": (edge("c", "sys_platform == 'linux'"),)}
    assert sorted(solution.markers()) == ["os_name=='nt'", "sys_platform == 'linux'"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "version = 2",
        "version = ",
        "version = 1",
        'version = 1\n[[package]]\nname = "churn"',
        'version = 1\n[[package]]\nname = 3\nsource = { virtual = "." }',
        'version = 1\n[[package]]\nname = "churn"\nsource = {}',
        'version = 1\n[[package]]\nname = "churn"\nsource = "x"',
        'version = 1\n[[package]]\nname = "churn"\nsource = { virtual = "." }\nwheels = 3',
        'version = 1\n[[package]]\nname = "churn"\nsource = { virtual = "." }\ndependencies = [3]',
        'version = 1\n[[package]]\nname = "other"\nsource = { virtual = "." }',
        'version = 1\npackage = "churn"',
    ],
)
def test_what_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(ResolveError, match="uv wrote a lock that Mooring does not know"):
        read_solution(text, "churn")
