"""From records to packages, and the categories that need them."""

from __future__ import annotations

import pytest
from tests.conda_solving import EXAMPLE, package, record

from mooring.lock.conda import CondaPackage
from mooring.resolve.conda.reachability import categories, dependency_name
from mooring.resolve.conda.records import package_of
from mooring.resolve.interface import ResolveError


def test_a_record_becomes_a_package() -> None:
    found = package_of(
        record(
            "tool",
            "2.0",
            build="py_1",
            depends=["python >=3"],
            subdir="noarch",
            build_number=1,
            constrains=["other <2"],
            license="MIT",
            noarch="python",
            size=12,
            purls=["pkg:pypi/tool@2.0"],
        )
    )
    assert found == CondaPackage(
        name="tool",
        version="2.0",
        build="py_1",
        subdir="noarch",
        channel=EXAMPLE,
        url=f"{EXAMPLE}/noarch/tool-2.0-py_1.conda",
        md5="cd" * 16,
        sha256="ab" * 32,
        size=12,
        build_number=1,
        depends=("python >=3",),
        constrains=("other <2",),
        license="MIT",
        noarch="python",
        timestamp=1_700_000_000_000,
        purls=("pkg:pypi/tool@2.0",),
    )


def test_secrets_do_not_get_in() -> None:
    found = package_of(record("tool", channel="https://user:pw@conda.example.org/t/TOKEN/main"))
    assert found.url == f"{EXAMPLE}/linux-64/tool-1.0-0.conda"
    assert found.channel == EXAMPLE


def test_what_has_no_sha256_is_not_locked() -> None:
    with pytest.raises(ResolveError, match=r"no sha256 for tool-1\.0-0\.conda"):
        package_of(record("tool", sha256=None))


def test_md5_may_be_missing() -> None:
    assert package_of(record("tool", md5=None)).md5 is None


@pytest.mark.parametrize("key", ["name", "version", "build", "url"])
@pytest.mark.parametrize("value", ["", "a\nb", "\x1b[31m", None, 3])
def test_what_no_lock_can_hold_is_refused(key: str, value: object) -> None:
    with pytest.raises(ResolveError) as raised:
        package_of({**record("tool"), key: value})
    assert raised.value.message.isprintable()


def test_a_dependency_with_a_line_break_is_refused() -> None:
    with pytest.raises(ResolveError, match="depends"):
        package_of(record("tool", depends=["a\n- evil"]))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("numpy >=2,<3", "numpy"),
        ("numpy>=2", "numpy"),
        ("Python", "python"),
        ("conda-forge::numpy 2.*", "numpy"),
        ("_openmp_mutex >=4.5", "_openmp_mutex"),
        ("ruamel.yaml[version='>=1']", "ruamel.yaml"),
        ("__glibc >=2.17", "__glibc"),
        (">=2", None),
    ],
)
def test_names_of_dependencies(text: str, name: str | None) -> None:
    assert dependency_name(text) == name


def test_categories_are_what_reaches_a_package() -> None:
    packages = {
        each.name: each
        for each in (
            package("app", depends=("base", "__glibc >=2")),
            package("base", depends=("app",)),
            package("lint", depends=("base", "shared")),
            package("docs", depends=("shared >=1",)),
            package("shared"),
            package("stray"),
        )
    }
    roots = {"main": ["app"], "dev": ["lint", "absent"], "docs": ["docs"]}
    assert categories(packages, roots) == {
        "app": ("main",),
        "base": ("main",),
        "lint": ("dev",),
        "docs": ("docs",),
        "shared": ("dev", "docs"),
        "stray": ("main",),
    }
