"""The pip-tools resolver against an index on this machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.fakes import FakeIndex, RecordingReporter
from tests.resolving import manifest, package, pins, request

from mooring.errors import InputError
from mooring.lock.model import Dependency, Lock
from mooring.manifest.model import Index, Manifest
from mooring.platforms import Platform
from mooring.reporting import SILENT
from mooring.resolve.interface import ResolveError, UnsatisfiableError
from mooring.resolve.pip_tools import PipToolsResolver
from mooring.resolve.pypi import UvResolver

pytestmark = [pytest.mark.process, pytest.mark.network]

HERE = Platform.current().subdir
PYTHON = f"==3.{sys.version_info.minor}.*"


@pytest.fixture(autouse=True)
def no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_RETRIES", "0")


def declared(
    index: FakeIndex,
    dependencies: Sequence[str],
    *,
    url: str | None = None,
    extras: dict[str, list[str]] | None = None,
    groups: dict[str, list[str]] | None = None,
    constraints: Sequence[str] = (),
) -> Manifest:
    main = Index(name="main", url=url or index.url, default=True)
    return manifest(
        dependencies,
        extras=extras,
        groups=groups,
        constraints=constraints,
        platforms=[HERE],
        indexes=[main],
    )


def resolve(wanted: Manifest, python: str = PYTHON, **options: object) -> Lock:
    return PipToolsResolver().resolve(
        request(wanted, python=python, **options),  # type: ignore[arg-type]
        SILENT,
    )


@pytest.mark.parametrize("as_json", [True, False])
def test_the_lock_is_the_one_that_uv_would_make(fake_index: FakeIndex, as_json: bool) -> None:
    fake_index.json = as_json
    fake_index.add("a", "2", requires=["b", "c ; sys_platform == 'nowhere'"], sdist=True)
    fake_index.add("b", "1", requires_python=">=3.7", tag=["py3-none-any", "cp38-cp38-win_amd64"])
    fake_index.add("Plot_It", "1", requires=["b"])
    fake_index.add("pytest", "8", requires=["a"])
    wanted = declared(
        fake_index,
        ["b"],
        extras={"plot": ["plot-it"], "all": ["churn[plot]"]},
        groups={"dev": ["pytest"]},
    )
    lock = resolve(wanted)
    assert pins(lock) == [
        ("a", "2", "'dev' in dependency_groups"),
        ("b", "1", None),
        ("plot-it", "1", "'all' in extras or 'plot' in extras"),
        ("pytest", "8", "'dev' in dependency_groups"),
    ]
    assert package(lock, "a").dependencies == (Dependency(name="b"),)
    assert [wheel.name for wheel in package(lock, "b").wheels] == ["b-1-py3-none-any.whl"]
    assert lock == UvResolver().resolve(request(wanted, python=PYTHON), SILENT)


def test_pins_are_kept_and_upgraded(fake_index: FakeIndex) -> None:
    fake_index.etag = False
    fake_index.add("a", "1")
    fake_index.add("b", "1")
    wanted = declared(fake_index, ["a", "b"])
    first = resolve(wanted)
    fake_index.add("a", "2")
    fake_index.add("b", "2")
    assert resolve(wanted, previous=first) == first
    moved = resolve(wanted, previous=first, upgrade_packages=["b"])
    assert pins(moved) == [("a", "1", None), ("b", "2", None)]
    moved = resolve(wanted, previous=first, upgrade=True)
    assert pins(moved) == [("a", "2", None), ("b", "2", None)]
    bounded = resolve(declared(fake_index, ["a"], constraints=["a<2"]))
    assert pins(bounded) == [("a", "1", None)]


def test_a_wider_span_is_narrowed_and_said(
    fake_index: FakeIndex, reporter: RecordingReporter
) -> None:
    fake_index.add("a", "1")
    lock = PipToolsResolver().resolve(
        request(declared(fake_index, ["a"]), python=">=3.9"), reporter
    )
    assert lock.requires_python == PYTHON
    assert reporter.notes == [f"pip-tools resolves for Python {PYTHON} only"]


def test_what_it_cannot_do_is_said_at_once(fake_index: FakeIndex) -> None:
    bound = Index(name="team", url=fake_index.url, explicit=True, packages=("a",))
    wanted = replace(
        manifest(["a", "b @ https://host.example/b.zip"], overrides=["a==1"], indexes=[bound]),
        platforms=(Platform.parse("win-64"), Platform.parse(HERE)),
    )
    with pytest.raises(InputError) as caught:
        resolve(wanted, python="==3.9.*", offline=True)
    text = str(caught.value)
    assert caught.value.exit_code == 2
    for part in ("win-64", "Python ==3.9.*", "override", "bind", "lock a URL", "offline"):
        assert part in text
    assert 'resolver = "uv"' in text


class TestFailures:
    def test_requirements_that_contradict_each_other(self, fake_index: FakeIndex) -> None:
        fake_index.add("a", "1")
        fake_index.add("a", "2")
        wanted = declared(fake_index, ["a<2"], groups={"dev": ["a>=2"]})
        with pytest.raises(UnsatisfiableError, match=r"Cannot install .* conflicting") as caught:
            resolve(wanted)
        assert "Traceback" not in str(caught.value)

    def test_a_package_that_does_not_exist(self, fake_index: FakeIndex) -> None:
        with pytest.raises(UnsatisfiableError, match="'gone' does not exist") as caught:
            resolve(declared(fake_index, ["gone>=2"]))
        assert caught.value.where == "requirements.in:1"

    def test_a_closed_index(self, fake_index: FakeIndex) -> None:
        fake_index.auth = "ann:s3cret"
        fake_index.add("a", "1")
        url = fake_index.url.replace("//", "//ann:wr0ng@")
        with pytest.raises(ResolveError, match="refused the request for a: 401") as caught:
            resolve(declared(fake_index, ["a"], url=url))
        assert caught.value.exit_code == 3
        assert "UV_INDEX_MAIN_USERNAME" in (caught.value.hint or "")
        assert "wr0ng" not in f"{caught.value}{caught.value.hint}"

    def test_credentials_open_it_and_stay_out_of_the_lock(
        self, fake_index: FakeIndex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake_index.auth = "ann:s3:cr/t"
        fake_index.add("a", "1")
        monkeypatch.setenv("UV_INDEX_MAIN_USERNAME", "ann")
        monkeypatch.setenv("UV_INDEX_MAIN_PASSWORD", "s3:cr/t")
        lock = resolve(declared(fake_index, ["a"]))
        assert package(lock, "a").index == fake_index.url
        assert "cr/t" not in repr(lock)

    def test_an_index_that_is_down(self, fake_index: FakeIndex) -> None:
        wanted = declared(fake_index, ["a"], url="http://127.0.0.1:9/simple")
        with pytest.raises(ResolveError, match=r"127.0.0.1:9 cannot be reached") as caught:
            resolve(wanted)
        assert caught.value.exit_code == 3
