"""The uv resolver against an index on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import FakeIndex, RecordingReporter
from tests.resolving import manifest, package, pins, request

from mooring.errors import MooringError
from mooring.lock.model import Artifact, Dependency, Lock
from mooring.manifest.model import Environment, Index, Manifest
from mooring.reporting import SILENT
from mooring.resolve.interface import ResolveError, UnsatisfiableError
from mooring.resolve.pypi import UvResolver

pytestmark = [pytest.mark.process, pytest.mark.network]

LINUX_WHEEL = "cp312-cp312-manylinux_2_17_x86_64"
WINDOWS_WHEEL = "cp312-cp312-win_amd64"


@pytest.fixture(autouse=True)
def few_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


def default(index: FakeIndex, url: str | None = None) -> Index:
    return Index(name="main", url=url or index.url, default=True)


def resolve(declared: Manifest, **options: object) -> Lock:
    return UvResolver().resolve(request(declared, **options), SILENT)  # type: ignore[arg-type]


def test_a_lock_holds_what_the_index_says(fake_index: FakeIndex) -> None:
    wheel, sdist = fake_index.add(
        "Flask_Extra",
        "2.0",
        requires=["click>=8 ; sys_platform == 'win32'", "blinker"],
        requires_python=">=3.9",
        sdist=True,
    )
    fake_index.add("click", "8.1")
    fake_index.add("blinker", "1.9", tag=["py3-none-any", "pp311-none-any", "cp311-cp311-any"])
    lock = resolve(manifest(["flask-extra"], indexes=[default(fake_index)]))
    assert pins(lock) == [
        ("blinker", "1.9", None),
        ("click", "8.1", "sys_platform == 'win32'"),
        ("flask-extra", "2.0", None),
    ]
    found = package(lock, "flask-extra")
    assert found.index == fake_index.url
    assert found.requires_python == ">=3.9"
    assert found.dependencies == (Dependency(name="blinker"), Dependency(name="click"))
    assert found.wheels == (
        Artifact(
            kind="wheel",
            name=wheel.filename,
            url=fake_index.root + wheel.path,
            hashes=(("sha256", wheel.sha256),),
            size=len(wheel.data),
            upload_time="2024-01-02T03:04:05Z",
        ),
    )
    assert found.sdist is not None
    assert found.sdist.sha256 == sdist.sha256
    assert [wheel.name for wheel in package(lock, "blinker").wheels] == [
        "blinker-1.9-py3-none-any.whl"
    ]
    assert lock.created_by == "mooring"
    assert lock.requires_python == "==3.12.*"
    assert lock.environments[0] == "platform_machine == 'x86_64' and sys_platform == 'linux'"
    assert len(lock.environments) == 4


@pytest.mark.parametrize("python", ["==3.14.*", "==3.9.*", ">=3.13,<3.15", ">=3.10.4"])
def test_no_interpreter_of_the_declared_python_is_needed(
    fake_index: FakeIndex, python: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    fake_index.add("a", "1", requires_python="<3.20")
    lock = resolve(manifest(["a"], indexes=[default(fake_index)]), python=python)
    assert pins(lock) == [("a", "1", None)]
    assert lock.requires_python == python


def test_a_relock_keeps_pins_and_an_upgrade_moves_them(fake_index: FakeIndex) -> None:
    for name in ("a", "b"):
        fake_index.add(name, "1.0")
    declared = manifest(["a", "b"], indexes=[default(fake_index)])
    first = resolve(declared)
    for name in ("a", "b", "c"):
        fake_index.add(name, "2.0")
    fake_index.etag = False
    assert resolve(declared, previous=first) == first
    more = replace(declared, dependencies=manifest(["a", "b", "c"]).dependencies)
    assert [v for _, v, _ in pins(resolve(more, previous=first))] == ["1.0", "1.0", "2.0"]
    moved = resolve(declared, previous=first, upgrade_packages=["b"])
    assert pins(moved) == [("a", "1.0", None), ("b", "2.0", None)]
    moved = resolve(declared, previous=first, upgrade=True)
    assert pins(moved) == [("a", "2.0", None), ("b", "2.0", None)]


def test_a_pin_that_no_longer_fits_moves(fake_index: FakeIndex) -> None:
    for version in ("1.0", "1.5", "2.0"):
        fake_index.add("a", version)
    first = resolve(manifest(["a==1.0"], indexes=[default(fake_index)]))
    second = resolve(manifest(["a>1"], indexes=[default(fake_index)]), previous=first)
    assert pins(second) == [("a", "2.0", None)]


def test_forks_by_platform_keep_both_pins(fake_index: FakeIndex) -> None:
    for version in ("1.0", "1.1"):
        fake_index.add("a", version, tag=[LINUX_WHEEL, WINDOWS_WHEEL])
    fake_index.add("a", "2.0", tag=LINUX_WHEEL)
    fake_index.add("top", "1", requires=["a"])
    declared = manifest(["top"], indexes=[default(fake_index)], platforms=["linux-64", "win-64"])
    first = resolve(declared)
    assert pins(first) == [
        ("a", "1.1", "sys_platform == 'win32'"),
        ("a", "2.0", "sys_platform == 'linux'"),
        ("top", "1", None),
    ]
    assert package(first, "top").dependencies == (
        Dependency(name="a", version="1.1"),
        Dependency(name="a", version="2.0"),
    )
    fake_index.add("a", "1.2", tag=[LINUX_WHEEL, WINDOWS_WHEEL])
    fake_index.add("a", "2.1", tag=LINUX_WHEEL)
    fake_index.etag = False
    assert resolve(declared, previous=first) == first
    assert [v for _, v, _ in pins(resolve(declared, previous=first, upgrade=True))] == [
        "1.2",
        "2.1",
        "1",
    ]


def test_forks_by_python_become_intervals(fake_index: FakeIndex) -> None:
    fake_index.add("soup", "1.0", requires_python=">=3.8")
    fake_index.add("soup", "2.0", requires_python=">=3.12.5")
    declared = manifest(["soup"], indexes=[default(fake_index)])
    first = resolve(declared, python=">=3.11,<3.14")
    assert pins(first) == [
        ("soup", "1.0", "python_full_version < '3.12.5'"),
        ("soup", "2.0", "python_full_version >= '3.12.5'"),
    ]
    assert resolve(declared, python=">=3.11,<3.14", previous=first) == first


def test_extras_and_groups_are_kept_apart(fake_index: FakeIndex) -> None:
    fake_index.add("base", "1", requires=["shared ; sys_platform == 'linux'"])
    fake_index.add("shared", "1")
    fake_index.add("plot", "1", requires=["shared"])
    fake_index.add("pytest", "8", requires=["colorama ; sys_platform == 'win32'"])
    fake_index.add("colorama", "1")
    declared = manifest(
        ["base"],
        extras={"plot": ["plot"], "all": ["churn[plot]"]},
        groups={"test": ["pytest"], "dev": ["pytest", "churn[plot]"]},
        indexes=[default(fake_index)],
        environments=[Environment(name="default", groups=("test",))],
    )
    lock = resolve(declared)
    assert (lock.extras, lock.groups, lock.default_groups) == (
        ("all", "plot"),
        ("dev", "test"),
        ("test",),
    )
    assert pins(lock) == [
        ("base", "1", None),
        (
            "colorama",
            "1",
            (
                "('dev' in dependency_groups or 'test' in dependency_groups) "
                "and sys_platform == 'win32'"
            ),
        ),
        ("plot", "1", "'all' in extras or 'plot' in extras or 'dev' in dependency_groups"),
        ("pytest", "8", "'dev' in dependency_groups or 'test' in dependency_groups"),
        (
            "shared",
            "1",
            (
                "sys_platform == 'linux' or 'all' in extras or 'plot' in extras "
                "or 'dev' in dependency_groups"
            ),
        ),
    ]


def test_a_project_named_like_its_dependency_still_gets_it(fake_index: FakeIndex) -> None:
    fake_index.add("flask", "3")
    lock = resolve(manifest(["flask"], name="flask", indexes=[default(fake_index)]))
    assert pins(lock) == [("flask", "3", None)]


def test_constraints_overrides_and_dates_bound_the_choice(fake_index: FakeIndex) -> None:
    for version in ("1", "2", "3"):
        fake_index.add("a", version, upload_time=f"2024-0{version}-01T00:00:00Z")
    fake_index.add("b", "1", requires=["a>=3"], upload_time="2024-01-01T00:00:00Z")
    indexes = [default(fake_index)]
    constrained = resolve(manifest(["a"], constraints=["a<3"], indexes=indexes))
    assert pins(constrained) == [("a", "2", None)]
    overridden = resolve(manifest(["b"], overrides=["a==1"], indexes=indexes))
    assert pins(overridden)[0] == ("a", "1", None)
    dated = manifest(["a"], exclude_newer="2024-02-15T00:00:00Z", indexes=indexes)
    first = resolve(dated)
    assert pins(first) == [("a", "2", None)]
    older = replace(first, packages=(replace(first.packages[0], version="1"),))
    assert pins(resolve(dated, previous=older)) == [("a", "1", None)]


def test_personal_settings_of_uv_change_no_result(
    fake_index: FakeIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_index.add("a", "1")
    fake_index.add("a", "2")
    settings = tmp_path / "uv" / "uv.toml"
    settings.parent.mkdir()
    settings.write_text(f'resolution = "lowest"\nindex-url = "{fake_index.url}"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("UV_RESOLUTION", "lowest")
    assert pins(resolve(manifest(["a"]))) == [("a", "2", None)]


def test_a_project_above_the_temporary_folder_is_not_joined(
    fake_index: FakeIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_index.add("a", "1")
    fake_index.add("a", "2")
    trap = '[tool.uv.workspace]\nmembers = ["*"]\n[tool.uv]\noverride-dependencies = ["a==1"]\n'
    (tmp_path / "pyproject.toml").write_text(trap)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert pins(resolve(manifest(["a"], indexes=[default(fake_index)]))) == [("a", "2", None)]


class TestIndexes:
    def test_a_bound_package_comes_from_its_index_even_when_only_others_need_it(
        self, fake_index: FakeIndex
    ) -> None:
        with FakeIndex(auth="ann:s3cret") as private:
            fake_index.add("a", "1", requires=["inner"])
            fake_index.add("inner", "9")
            private.add("inner", "1")
            bound = Index(
                name="team-index",
                url=private.url.replace("//", "//ann:s3cret@"),
                explicit=True,
                packages=("inner",),
            )
            lock = resolve(manifest(["a"], indexes=[default(fake_index), bound]))
        assert pins(lock) == [("a", "1", None), ("inner", "1", None)]
        assert package(lock, "inner").index == private.url if private._server else True
        assert "s3cret" not in repr(lock)

    def test_credentials_come_from_variables(
        self, fake_index: FakeIndex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake_index.auth = "ann:s3cret"
        fake_index.add("a", "1", requires_python=">=3.7")
        monkeypatch.setenv("UV_INDEX_MAIN_USERNAME", "ann")
        monkeypatch.setenv("UV_INDEX_MAIN_PASSWORD", "s3cret")
        lock = resolve(manifest(["a"], indexes=[default(fake_index)]))
        assert package(lock, "a").requires_python == ">=3.7"
        assert "s3cret" not in repr(lock)

    @pytest.mark.parametrize("explicit", [False, True])
    def test_a_closed_index_is_no_missing_package(
        self, fake_index: FakeIndex, explicit: bool
    ) -> None:
        with FakeIndex(auth="ann:s3cret") as private:
            url = private.url.replace("//", "//ann:wr0ng@")
            index = Index(
                name="team",
                url=url,
                explicit=explicit,
                default=not explicit,
                packages=("a",) if explicit else (),
            )
            others = [default(fake_index)] if explicit else []
            with pytest.raises(ResolveError) as caught:
                resolve(manifest(["a"], indexes=[*others, index]))
        assert caught.value.exit_code == 3
        assert "401" in caught.value.message
        assert caught.value.hint is not None
        assert "UV_INDEX_TEAM_USERNAME" in caught.value.hint
        assert "wr0ng" not in f"{caught.value}{caught.value.hint}"

    def test_a_server_error_names_the_host(self, fake_index: FakeIndex) -> None:
        fake_index.failing = {"a": 503}
        with pytest.raises(ResolveError, match=r"127.0.0.1:\d+ cannot be reached: 503") as caught:
            resolve(manifest(["a"], indexes=[default(fake_index)]))
        assert caught.value.exit_code == 3

    def test_an_index_that_is_down(self) -> None:
        index = Index(name="main", url="http://u:s3cret@127.0.0.1:9/simple", default=True)
        with pytest.raises(ResolveError, match=r"127.0.0.1:9 cannot be reached: Conn") as caught:
            resolve(manifest(["a"], indexes=[index]))
        assert caught.value.exit_code == 3
        assert "s3cret" not in f"{caught.value}{caught.value.hint}"

    def test_offline_works_from_the_cache_and_says_what_it_lacks(
        self, fake_index: FakeIndex
    ) -> None:
        fake_index.add("a", "1", requires_python=">=3.6")
        declared = manifest(["a"], indexes=[default(fake_index)])
        first = resolve(declared)
        fake_index.log.clear()
        assert resolve(declared, offline=True) == first
        assert fake_index.log == []
        with pytest.raises(ResolveError) as caught:
            resolve(manifest(["b"], indexes=[default(fake_index)]), offline=True)
        assert caught.value.exit_code == 3
        assert "--offline" in (caught.value.hint or "")


class TestRequiresPython:
    def test_it_is_asked_once_for_ever(self, fake_index: FakeIndex) -> None:
        fake_index.add("a", "1", requires_python=">=3.6", requires=["b"])
        fake_index.add("b", "1")
        declared = manifest(["a"], indexes=[default(fake_index)])
        first = resolve(declared)
        fake_index.log.clear()
        assert resolve(declared) == first
        # uv asks whether its copies are current; our own requests would be answered with 200.
        asked = [entry for entry in fake_index.log if entry.path.endswith(".metadata")]
        assert [entry for entry in asked if entry.status != 304] == []
        assert [p.requires_python for p in first.packages] == [">=3.6", None]

    def test_an_index_that_does_not_serve_it_is_remembered(self, fake_index: FakeIndex) -> None:
        fake_index.metadata = False
        fake_index.add("a", "1", requires_python=">=3.6")
        declared = manifest(["a"], indexes=[default(fake_index)])
        assert package(resolve(declared), "a").requires_python is None
        fake_index.metadata = True
        assert package(resolve(declared), "a").requires_python is None

    def test_a_host_that_fails_is_an_error_and_no_lock_without_values(
        self, fake_index: FakeIndex
    ) -> None:
        (wheel,) = fake_index.add("a", "1", requires_python=">=3.6")
        declared = manifest(["a"], indexes=[default(fake_index)])
        fake_index.metadata = False  # uv reads the wheel itself
        fake_index.failing = {f"{wheel.path}.metadata": 500}
        with pytest.raises(MooringError, match="cannot be reached: 500") as caught:
            resolve(declared)
        assert caught.value.exit_code == 3


class TestNoSolution:
    def test_groups_that_contradict_each_other(self, fake_index: FakeIndex) -> None:
        fake_index.add("a", "1")
        fake_index.add("a", "2")
        declared = manifest(
            [], groups={"dev": ["a<2"], "test": ["a>=2"]}, indexes=[default(fake_index)]
        )
        with pytest.raises(UnsatisfiableError) as caught:
            resolve(declared)
        text = str(caught.value)
        assert caught.value.exit_code == 2
        assert "the group dev depends on a<2" in text
        assert "the group test depends on a>=2" in text
        assert "we can conclude that" in text
        assert "group-dev:1: a<2" in text
        assert "group-test:1: a>=2" in text
        assert "mooring-lock-" not in text
        assert "churn" not in text

    def test_a_package_that_does_not_exist_is_named_with_its_place(
        self, fake_index: FakeIndex
    ) -> None:
        fake_index.add("a", "1")
        with pytest.raises(UnsatisfiableError, match="'flaskk' does not exist") as caught:
            resolve(manifest(["a", "flaskk>=1"], indexes=[default(fake_index)]))
        assert caught.value.where == "requirements.in:2"
        assert caught.value.exit_code == 2

    def test_a_missing_package_that_others_need(self, fake_index: FakeIndex) -> None:
        fake_index.add("a", "1", requires=["gone>3"])
        with pytest.raises(UnsatisfiableError, match="'gone' does not exist") as caught:
            resolve(manifest(["a"], indexes=[default(fake_index)]))
        assert "all versions of a depend on gone>3" in caught.value.message

    def test_a_platform_without_wheels_is_named(self, fake_index: FakeIndex) -> None:
        fake_index.add("a", "1", tag=LINUX_WHEEL)
        declared = manifest(["a"], platforms=["linux-64", "win-64"], indexes=[default(fake_index)])
        with pytest.raises(UnsatisfiableError, match="no solution on win-64:"):
            resolve(declared)

    def test_the_declared_python_is_named_not_the_one_uv_was_given(
        self, fake_index: FakeIndex
    ) -> None:
        fake_index.add("a", "1", requires_python=">=3.13")
        with pytest.raises(UnsatisfiableError) as caught:
            resolve(manifest(["a"], indexes=[default(fake_index)]))
        text = f"{caught.value} {caught.value.hint}"
        assert "the requested Python version (==3.12.*) does not satisfy Python>=3.13" in text
        assert ">=3.11" not in text


class TestDirectUrls:
    def test_an_archive_by_url(self, fake_index: FakeIndex) -> None:
        (wheel,) = fake_index.add("a", "1", requires=["b"])
        fake_index.add("b", "1")
        url = fake_index.root + wheel.path
        lock = resolve(
            manifest([f"a @ {url}#sha256={wheel.sha256}"], indexes=[default(fake_index)])
        )
        assert package(lock, "a").direct == Artifact(
            kind="archive", name=wheel.filename, url=url, hashes=(("sha256", wheel.sha256),)
        )
        assert pins(lock) == [("a", "1", None), ("b", "1", None)]

    def test_the_declared_hash_is_the_one_that_is_locked(self, fake_index: FakeIndex) -> None:
        (wheel,) = fake_index.add("a", "1")
        text = f"a @ {fake_index.root}{wheel.path}#sha256={'0' * 64}"
        lock = resolve(manifest([text], indexes=[default(fake_index)]))
        direct = package(lock, "a").direct
        assert direct is not None
        assert direct.sha256 == "0" * 64

    def test_a_url_without_a_file(self, fake_index: FakeIndex) -> None:
        text = f"a @ {fake_index.root}/files/a/a-1-py3-none-any.whl"
        with pytest.raises(UnsatisfiableError, match="no file at the URL of a"):
            resolve(manifest([text], indexes=[default(fake_index)]))


def test_warnings_of_uv_are_passed_on(fake_index: FakeIndex, reporter: RecordingReporter) -> None:
    fake_index.add("a", "1")
    declared = manifest(["a[none]"], indexes=[default(fake_index)])
    UvResolver().resolve(request(declared), reporter)
    assert any("extra" in warning and "none" in warning for warning in reporter.warnings)
