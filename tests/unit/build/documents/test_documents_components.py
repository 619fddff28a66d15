"""Components out of locks: package URLs, digests, licences, and who needs whom."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from packageurl import PackageURL
from tests.unit.build.documents.made import SUBJECT, Facts, components, selected, selection

from mooring.build.documents.components import Component, of_conda, of_selection
from mooring.build.documents.graph import edges_of, tops_of
from mooring.build.documents.purls import oci_purl
from mooring.build.documents.subject import DocumentSubject
from mooring.errors import InputError
from mooring.lock.model import Artifact

WHEEL = "beta-2.0+cpu-py3-none-any.whl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Conda:
    """A locked conda package."""

    name: str
    version: str = "1.3"
    build: str = "h0_1"
    subdir: str = "linux-64"
    channel: str = "forge"
    file_name: str = "zlib-1.3-h0_1.conda"
    sha256: str | None = "f" * 64
    license: str | None = "Zlib"
    depends: tuple[str, ...] = ()


def named(name: str) -> Component:
    return next(component for component in components() if component.name == name)


def test_purls_are_canonical() -> None:
    found = [component.purl for component in components()] + [SUBJECT.purl, SUBJECT.base_purl or ""]
    for purl in found:
        assert PackageURL.from_string(purl).to_string() == purl
    assert named("beta").purl == "pkg:pypi/beta@2.0%2Bcpu"
    assert named("libgomp1").purl == (
        "pkg:deb/debian/libgomp1@1:12.2.0-14%2Bdeb12u1?arch=amd64&distro=bookworm"
    )
    assert SUBJECT.base_purl == (
        f"pkg:oci/python@sha256:{'b' * 64}?arch=amd64&repository_url=docker.io/library/python"
    )


def test_a_package_of_an_index() -> None:
    beta = named("beta")
    assert (beta.type, beta.version, beta.sha256) == ("pypi", "2.0+cpu", "c" * 64)
    assert (beta.file_name, beta.licence) == (WHEEL, "MIT OR Apache-2.0")
    assert beta.depends == ("gamma",)
    assert named("alpha").depends == ("beta",), "what is not selected is no edge"
    assert named("gamma").licence_name == "BSD License"
    assert "secret" not in repr(components())


def test_what_comes_from_elsewhere() -> None:
    commit = "1" * 40
    git = Artifact(kind="vcs", vcs="git", url="https://ann:secret@example.com/a.git", commit=commit)
    archive = Artifact(
        kind="archive",
        name="b-1.0-py3-none-any.whl",
        url="https://example.com/b-1.0-py3-none-any.whl",
        hashes=(("sha256", "d" * 64),),
    )
    one, other = of_selection(
        selection(selected("a", artifact=git), selected("b", artifact=archive))
    )
    assert one.purl == f"pkg:pypi/a@1.0?vcs_url=git%2Bhttps://example.com/a.git%40{commit}"
    assert (one.sha256, one.file_name) == (None, None)
    assert other.purl.endswith("?download_url=https://example.com/b-1.0-py3-none-any.whl")


@pytest.mark.parametrize(("platform", "expected"), [("linux-64", ("beta",)), ("win-64", ("win",))])
def test_requirements_of_the_wheel_stand_in_for_the_lock(
    platform: str, expected: tuple[str, ...]
) -> None:
    facts = Facts(
        requires_dist=(
            "Beta>=1; sys_platform == 'linux'",
            "win; sys_platform == 'win32'",
            "extra-one; extra == 'more'",
            "absent",
            "not a requirement!!",
        )
    )
    packages = [selected(name) for name in ("alpha", "beta", "extra-one", "win")]
    alpha = of_selection(selection(*packages, platform=platform), {"alpha": facts})[0]
    assert alpha.depends == expected


def test_conda() -> None:
    zlib, odd = of_conda(
        [
            Conda(name="zlib", depends=("odd >=1", "__glibc >=2.17", "zlib")),
            Conda(name="odd", license="Some\nterms", file_name="odd-1.3-h0_1.tar.bz2"),
        ]
    )[::-1]
    assert zlib.purl == ("pkg:conda/zlib@1.3?build=h0_1&channel=forge&subdir=linux-64&type=conda")
    assert (zlib.licence, zlib.depends) == ("Zlib", ("odd",))
    assert (odd.licence, odd.licence_name) == (None, "Some terms")
    assert odd.purl.endswith("&type=tar.bz2")


def test_a_subject_without_a_repository_of_a_registry() -> None:
    local = DocumentSubject(
        repository="churn",
        tag="t",
        digest="sha256:" + "a" * 64,
        platform="linux/arm64/v8",
        created=0,
    )
    assert local.purl == (f"pkg:oci/churn@sha256:{'a' * 64}?arch=arm64&repository_url=churn&tag=t")
    assert local.base_purl is None
    with pytest.raises(InputError):
        oci_purl("no reference!", local.digest, "linux/amd64")


def test_edges_stay_in_their_ecosystem() -> None:
    parts = [
        Component(type="pypi", name="zlib", version="1", purl="pkg:pypi/zlib@1"),
        Component(type="conda", name="zlib", version="1", purl="pkg:conda/zlib@1"),
        Component(
            type="conda", name="user", version="1", purl="pkg:conda/user@1", depends=("zlib",)
        ),
        Component(type="pypi", name="own", version="1", purl="pkg:pypi/own@1", depends=("user",)),
    ]
    edges = edges_of(parts)
    assert edges["pkg:conda/user@1"] == ("pkg:conda/zlib@1",)
    assert edges["pkg:pypi/own@1"] == ("pkg:conda/user@1",)
    assert tops_of(edges) == ("pkg:pypi/own@1", "pkg:pypi/zlib@1")


def test_everything_is_reached_from_the_top() -> None:
    circle = {"a": ("b",), "b": ("c",), "c": ("a",), "d": ("e",), "e": ("d",), "f": ()}
    assert tops_of(circle) == ("a", "d", "f")


def test_a_long_chain_needs_no_stack() -> None:
    names = [f"{number:05}" for number in range(20_000)]
    edges = {one: (other,) for one, other in pairwise(names)} | {names[-1]: ()}
    assert tops_of(edges) == ("00000",)
