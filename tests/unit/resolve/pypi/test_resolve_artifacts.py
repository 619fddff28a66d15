"""What is taken of each package: wheels that may serve, sources that are no index."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes import RecordingReporter
from tests.resolving import manifest, request

from mooring.errors import InputError
from mooring.lock.model import Artifact, Lock, Package
from mooring.reporting import SILENT
from mooring.resolve.interface import ResolveError
from mooring.resolve.pypi.assemble import assemble
from mooring.resolve.pypi.direct import direct_artifact, hash_pair
from mooring.resolve.pypi.requires_python import (
    find_requires_python,
    requires_python_of,
    telling_wheel,
)
from mooring.resolve.pypi.uv_lock import Edge, Solution, SolvedFile, SolvedPackage, Source
from mooring.resolve.pypi.wheels import serves, without_unusable_wheels
from mooring.resolve.pypi.worlds import python_minors

COMMIT = "1" * 40


def file(
    url: str | None = None, path: str | None = None, hash_: str | None = "sha256:AB"
) -> SolvedFile:
    return SolvedFile(url=url, path=path, hash=hash_, size=None, upload_time=None)


def solved(source: Source, *wheels: SolvedFile, sdist: SolvedFile | None = None) -> SolvedPackage:
    return SolvedPackage(
        name="a",
        version="1",
        source=source,
        dependencies=(),
        extras={},
        groups={},
        wheels=wheels,
        sdist=sdist,
    )


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a-1-py3-none-any.whl", True),
        ("a-1-py2.py3-none-any.whl", True),
        ("a-1-py2-none-any.whl", False),
        ("a-1-cp312-cp312-win_amd64.whl", True),
        ("a-1-2-cp312-cp312-win_amd64.whl", True),
        ("a-1-cp313-cp313-win_amd64.whl", False),
        ("a-1-cp313-cp313t-win_amd64.whl", False),
        ("a-1-cp311.cp312-none-any.whl", True),
        ("a-1-cp38-abi3-manylinux_2_17_x86_64.whl", True),
        ("a-1-cp313-abi3-manylinux_2_17_x86_64.whl", False),
        ("a-1-cp38-none-any.whl", False),
        ("a-1-py38-none-any.whl", True),
        ("a-1-py313-none-any.whl", False),
        ("a-1-cp3-none-any.whl", True),
        ("a-1-pp310-pypy310_pp73-win_amd64.whl", False),
        ("a-1-graalpy311-graalpy240_311_native-any.whl", False),
        ("a-1-cp27-cp27mu-manylinux1_x86_64.whl", False),
        ("unheard-of.whl", True),
    ],
)
def test_wheels_for_other_interpreters_are_left_out(name: str, kept: bool) -> None:
    assert serves(name, {12}) is kept


class TestDirect:
    def artifact(self, package: SolvedPackage) -> Artifact:
        return direct_artifact(package, folder=Path("/tmp/run"), root=Path("/project"))

    def test_a_commit(self) -> None:
        value = f"https://u:pw@g.example/a.git?subdirectory=lib%2Fa&rev=v1#{COMMIT}"
        assert self.artifact(solved(Source(kind="git", value=value))) == Artifact(
            kind="vcs",
            vcs="git",
            url="https://g.example/a.git",
            commit=COMMIT,
            requested_revision="v1",
            subdirectory="lib/a",
        )

    def test_a_commit_over_ssh_keeps_its_user(self) -> None:
        value = f"ssh://git@g.example/a.git#{COMMIT}"
        assert self.artifact(solved(Source(kind="git", value=value))).url == (
            "ssh://git@g.example/a.git"
        )

    def test_an_archive(self) -> None:
        url = "https://u:pw@h.example/x%2B/a-1%2Bcpu-py3-none-any.whl"
        found = self.artifact(solved(Source(kind="url", value=url), file(url)))
        assert found == Artifact(
            kind="archive",
            name="a-1+cpu-py3-none-any.whl",
            url="https://h.example/x%2B/a-1%2Bcpu-py3-none-any.whl",
            hashes=(("sha256", "ab"),),
        )

    def test_files_and_folders_of_the_project(self) -> None:
        wheel = Source(kind="path", value="/project/vendor/a-1-py3-none-any.whl")
        found = self.artifact(solved(wheel, file(path="a-1-py3-none-any.whl")))
        assert (found.kind, found.path) == ("archive", "vendor/a-1-py3-none-any.whl")
        found = self.artifact(solved(Source(kind="editable", value="../../project/libs/a")))
        assert found == Artifact(kind="directory", path="libs/a", editable=True)

    @pytest.mark.parametrize(
        "source",
        [
            Source(kind="directory", value="/elsewhere/a"),
            Source(kind="path", value="../../project/../b.whl"),
            Source(kind="git", value=f"file:///srv/a#{COMMIT}"),
            Source(kind="url", value="file:///srv/a.whl"),
        ],
    )
    def test_places_of_this_machine_are_refused(self, source: Source) -> None:
        with pytest.raises(InputError, match="a comes from a place on this machine"):
            self.artifact(solved(source, file("https://h.example/a")))

    def test_an_unknown_source_is_refused(self) -> None:
        with pytest.raises(ResolveError, match="a teapot"):
            self.artifact(solved(Source(kind="teapot", value="x")))

    @pytest.mark.parametrize("text", [None, "", "sha256"])
    def test_a_file_without_hash_is_refused(self, text: str | None) -> None:
        with pytest.raises(ResolveError, match="no hash for a file of a"):
            hash_pair("a", text)

    def test_a_hash_that_can_be_forged_is_refused(self) -> None:
        with pytest.raises(ResolveError, match="only md5 for a file of a"):
            hash_pair("a", "md5:" + "0" * 32)


class TestAssemble:
    def lock(self, package: SolvedPackage) -> Lock:
        edge = Edge(name="a", version=None, source=None, marker=None, extras=())
        project = SolvedPackage(
            name="churn",
            version="0",
            source=Source(kind="virtual", value="."),
            dependencies=(edge,),
            extras={},
            groups={},
            wheels=(),
            sdist=None,
        )
        solution = Solution(packages=(package, project), project=project)
        return assemble(solution, request(manifest(["a"])), Path("/tmp/run"))

    def test_credentials_and_fractions_of_seconds_are_left_out(self) -> None:
        wheel = SolvedFile(
            url="https://u:pw@h.example/b/a-1-py3-none-any.whl",
            path=None,
            hash="sha256:ab",
            size=3,
            upload_time="2024-01-02T03:04:05.678901Z",
        )
        registry = Source(kind="registry", value="https://u:pw@i.example/simple")
        (found,) = self.lock(solved(registry, wheel)).packages
        assert found.index == "https://i.example/simple"
        assert found.wheels[0].url == "https://h.example/b/a-1-py3-none-any.whl"
        assert found.wheels[0].upload_time == "2024-01-02T03:04:05Z"

    def test_an_index_in_a_folder_cannot_be_locked(self) -> None:
        with pytest.raises(ResolveError, match="a folder of this machine"):
            self.lock(solved(Source(kind="registry", value="/srv/simple"), file(path="a.whl")))

    def test_a_file_without_url_cannot_be_locked(self) -> None:
        registry = Source(kind="registry", value="https://i.example/simple")
        with pytest.raises(ResolveError, match="no URL for a file of a"):
            self.lock(solved(registry, file(path="a.whl")))


class TestRequiresPython:
    @pytest.mark.parametrize(
        ("metadata", "found"),
        [
            (b"Name: a\nRequires-Python: >=3.8, <4\n\nRequires-Python: >=2\n", "<4,>=3.8"),
            (b"Name: a\r\nrequires-python:>=3.8\r\n\r\n", ">=3.8"),
            (b"Name: a\n\nRequires-Python: >=3.8\n", None),
            (b"Requires-Python: three\n", None),
            (b"Requires-Python: \n", None),
            (b"Requires-Python: >=3.\xff\n", None),
            (b"", None),
        ],
    )
    def test_it_is_read_from_the_header(self, metadata: bytes, found: str | None) -> None:
        assert requires_python_of(metadata) == found

    def test_the_first_wheel_by_name_is_asked(self) -> None:
        wheels = tuple(
            Artifact(
                kind="wheel", name=n, url=f"https://h.example/{n}", hashes=(("sha256", n * 2),)
            )
            for n in ("b", "a")
        )
        found = telling_wheel(Package(name="x", wheels=wheels))
        assert found is not None
        assert found.name == "a"
        assert telling_wheel(Package(name="x")) is None

    def test_values_of_the_same_wheel_are_kept_without_asking(
        self, reporter: RecordingReporter
    ) -> None:
        wheel = Artifact(
            kind="wheel", name="a", url="https://h.example/a", hashes=(("sha256", "00"),)
        )
        before = Lock(
            created_by="x", packages=(Package(name="a", requires_python=">=3", wheels=(wheel,)),)
        )
        found = find_requires_python(
            [Package(name="a", wheels=(wheel,))],
            previous=before,
            indexes=(),
            offline=False,
            reporter=reporter,
        )
        assert found == {"00": ">=3"}
        assert reporter.details == []

    def test_offline_nothing_is_asked(self) -> None:
        wheel = Artifact(
            kind="wheel", name="a", url="https://h.example/a", hashes=(("sha256", "00"),)
        )
        package = Package(name="a", wheels=(wheel,))
        assert not find_requires_python(
            [package], previous=None, indexes=(), offline=True, reporter=SILENT
        )


def test_lines_of_wheels_that_cannot_serve_are_dropped_before_parsing() -> None:
    rest = 'sdist = { url = "https://h.example/a-1.tar.gz", hash = "sha256:00" }\nwheels = [\n'
    kept = '    { url = "https://h.example/a-1-cp312-cp312-any.whl", hash = "sha256:01" },\n'
    dropped = '    { url = "https://h.example/a-1-cp313-cp313-any.whl", hash = "sha256:02" },\n'
    text = f"{rest}{dropped}{kept}{dropped}]\n"
    assert without_unusable_wheels(text, {12}) == f"{rest}{kept}]\n"
    assert without_unusable_wheels(text, {12, 13}) == text


def test_an_open_span_serves_pythons_to_come() -> None:
    assert python_minors(">=3.11.4") >= set(range(11, 31))
    assert python_minors(">=3.11,!=3.12.*,<3.14") == {11, 13}
    assert python_minors("==3.12.4") == {12}
