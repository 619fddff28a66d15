"""Solving with rattler on small channels: folders and servers of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conda_channels import Recipe, file_channel, http_channel
from tests.conda_solving import (
    Served,
    channel,
    inputs,
    installed,
    record,
    request,
    requirement,
    served,
    write_channel,
)
from tests.resolving import FOUR_PLATFORMS, manifest

from mooring.errors import MooringError
from mooring.lock.conda import CondaLock
from mooring.manifest.conda import CondaInputs
from mooring.reporting import SILENT
from mooring.resolve.conda import CondaResolver
from mooring.resolve.interface import ResolveError, UnsatisfiableError

pytestmark = pytest.mark.network

OLD, NEW = 1_600_000_000_000, 1_700_000_000_000
CUTOFF = datetime(2022, 1, 1, tzinfo=UTC).isoformat()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    """Serve the folder `site`."""
    (tmp_path / "site").mkdir()
    with served(tmp_path / "site") as known:
        yield known


class Solving:
    """Solves with a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, declared: CondaInputs, platforms: tuple[str, ...] = ("linux-64",), **options: object
    ) -> CondaLock:
        options.setdefault("cache", self.folder / "cache")
        asked = request(manifest(platforms=platforms), declared, **options)
        return CondaResolver().resolve(asked, SILENT)

    def channel(self, name: str, *records: dict[str, object]) -> str:
        """Write a channel, and return its file:// URL."""
        return write_channel(self.folder / "site" / name, *records)


@pytest.fixture
def solve(tmp_path: Path) -> Solving:
    return Solving(tmp_path)


def test_an_indexed_folder_is_solved_for_four_platforms(solve: Solving, tmp_path: Path) -> None:
    folder = file_channel(tmp_path / "channel")
    shared = folder.add(Recipe(name="shared", subdir="noarch"))
    for subdir in FOUR_PLATFORMS:
        folder.add(Recipe(name="tool", subdir=subdir, depends=("shared >=1",)))
    folder.index()
    found = solve(inputs("tool", channels=[folder.url]), FOUR_PLATFORMS)
    assert [(r.package.name, r.package.subdir, r.platform.subdir) for r in found.conda] == [
        *(("shared", "noarch", subdir) for subdir in FOUR_PLATFORMS),
        *(("tool", subdir, subdir) for subdir in FOUR_PLATFORMS),
    ]
    package = found.conda[0].package
    assert package.sha256 == shared.sha256
    assert package.md5 == shared.md5
    assert package.url == shared.url
    assert package.channel == folder.url
    assert found.channels == (folder.url,)


def test_an_indexed_server_is_solved(solve: Solving, tmp_path: Path) -> None:
    with http_channel(tmp_path / "channel") as (served_channel, asked):
        tool = served_channel.add(Recipe(name="tool"))
        served_channel.index()
        found = solve(inputs("tool", channels=[served_channel.url]))
        assert found.conda[0].package.url == tool.url
        assert found.conda[0].package.sha256 == tool.sha256
        assert asked


def test_strict_priority_and_its_absence(solve: Solving) -> None:
    first = solve.channel("first", record("x", "1.0"))
    second = solve.channel("second", record("x", "2.0"), record("y", "1.0"))
    both = [first, second]
    assert installed(solve(inputs("x", "y", channels=both))) == {"x": "1.0", "y": "1.0"}
    forced = solve(inputs("x 2.*", channels=both, priority="disabled"))
    assert installed(forced) == {"x": "2.0"}
    with pytest.raises(UnsatisfiableError, match="no solution on linux-64") as raised:
        solve(inputs("x 2.*", channels=both))
    assert "strict channel priority" in raised.value.message
    assert "channel::name" in (raised.value.hint or "")
    named = [channel(first, name="one"), channel(second, name="two")]
    assert installed(solve(inputs("two::x", channels=named))) == {"x": "2.0"}


def test_a_locked_package_does_not_pass_the_priority(solve: Solving) -> None:
    second = solve.channel("second", record("x", "2.0"))
    old = solve(inputs("x", channels=[second]))
    first = solve.channel("first", record("x", "1.0"))
    both = inputs("x", channels=[first, second])
    assert installed(solve(both, previous=old)) == {"x": "1.0"}
    named = inputs("two::x", channels=[channel(first, name="one"), channel(second, name="two")])
    assert installed(solve(named, previous=old)) == {"x": "2.0"}


def test_only_what_must_move_moves(solve: Solving) -> None:
    old_records = [
        record("a", "1.0", depends=["b"], constrains=["c <2"]),
        record("b", "1.0"),
        record("c", "1.0"),
    ]
    url = solve.channel("main", *old_records)
    old = solve(inputs("a", "c", channels=[url]))
    solve.channel("main", *old_records, record("a", "2.0"), record("b", "2.0"), record("c", "2.0"))
    another = solve.folder / "another"
    declared = inputs("a", "c", channels=[url])
    assert installed(solve(declared, previous=old, cache=another)) == installed(old)
    moved = solve(declared, previous=old, upgrade_packages=frozenset({"b"}), cache=another)
    assert installed(moved) == {"a": "1.0", "b": "2.0", "c": "1.0"}
    # The lock does not hold what `a` constrains: the channel's record does.
    kept = solve(declared, previous=old, upgrade_packages=frozenset({"c"}), cache=another)
    assert installed(kept) == {"a": "1.0", "b": "1.0", "c": "1.0"}
    more = solve(inputs("a >=2", "c", channels=[url]), previous=old, cache=another)
    assert installed(more) == {"a": "2.0", "c": "1.0"}
    every = solve(declared, previous=old, upgrade=True, cache=another)
    assert installed(every) == {"a": "2.0", "c": "2.0"}


def test_what_the_channel_no_longer_has_is_solved_again(solve: Solving) -> None:
    url = solve.channel("main", record("a", "1.0"))
    old = solve(inputs("a", channels=[url]))
    solve.channel("main", record("a", "1.1"))
    found = solve(inputs("a", channels=[url]), previous=old, cache=solve.folder / "another")
    assert installed(found) == {"a": "1.1"}


def test_newer_packages_can_be_hidden(solve: Solving) -> None:
    url = solve.channel(
        "main", record("a", "1.0", timestamp=OLD), record("a", "2.0", timestamp=NEW)
    )
    declared = inputs("a", channels=[url])
    assert installed(solve(declared)) == {"a": "2.0"}
    assert installed(solve(declared, exclude_newer=CUTOFF)) == {"a": "1.0"}
    newest = solve(declared)
    assert installed(solve(declared, exclude_newer=CUTOFF, previous=newest)) == {"a": "1.0"}
    with pytest.raises(UnsatisfiableError, match="cutoff") as raised:
        solve(inputs("a >=2", channels=[url]), exclude_newer=CUTOFF)
    assert "exclude-newer" in (raised.value.hint or "")


def test_a_cutoff_with_a_zone_is_that_moment(solve: Solving) -> None:
    moment = int(datetime(2022, 1, 1, 3, tzinfo=UTC).timestamp() * 1000)
    url = solve.channel("main", record("a", timestamp=moment))
    declared = inputs("a", channels=[url])
    assert installed(solve(declared, exclude_newer="2022-01-01T12:00:00+09:00")) == {"a": "1.0"}
    with pytest.raises(UnsatisfiableError):
        solve(declared, exclude_newer="2022-01-01T11:59:00+09:00")


def test_virtual_packages_are_ours(solve: Solving) -> None:
    url = solve.channel(
        "main",
        record("cpu", depends=["__glibc >=2.17"]),
        record("gpu", depends=["__cuda >=12"]),
        record("mac", depends=["__osx >=13"], subdir="osx-arm64"),
    )
    assert installed(solve(inputs("cpu", channels=[url]))) == {"cpu": "1.0"}
    with pytest.raises(UnsatisfiableError, match="__cuda") as raised:
        solve(inputs("gpu", channels=[url]))
    assert "virtual-packages" in (raised.value.hint or "")
    cuda = inputs("gpu", channels=[url], virtual_packages=(("*", "__cuda=12.4=0"),))
    assert installed(solve(cuda)) == {"gpu": "1.0"}
    found = solve(inputs("mac", channels=[url]), ("osx-arm64",))
    assert installed(found, "osx-arm64") == {"mac": "1.0"}


def test_groups_share_one_solution(solve: Solving) -> None:
    url = solve.channel(
        "main",
        record("a", depends=["base"]),
        record("base", "1.0"),
        record("base", "2.0"),
        record("lint", depends=["base <2", "rules"]),
        record("rules"),
    )
    found = solve(inputs("a", requirement("lint", category="dev"), channels=[url]))
    assert {(r.package.name, r.package.version): r.categories for r in found.conda} == {
        ("a", "1.0"): ("main",),
        ("base", "1.0"): ("main",),
        ("lint", "1.0"): ("dev",),
        ("rules", "1.0"): ("dev",),
    }


def test_missing_names_are_told_together(solve: Solving) -> None:
    url = solve.channel("main", record("numpy"), record("pandas"))
    with pytest.raises(UnsatisfiableError, match="2 packages do not exist") as raised:
        solve(inputs("numpy", "nmupy", "pandsa", channels=[channel(url, name="main")]))
    assert raised.value.hint == "nmupy: did you mean 'numpy'?; pandsa: did you mean 'pandas'?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"packages.conda": {"a-1', "cannot be read"),
        ("<html>sign in first</html>", "cannot be read"),
        ("[]", "cannot be read"),
        ("", "cannot be read"),
        ('{"packages": 3}', "cannot be read"),
    ],
)
@pytest.mark.parametrize("kind", ["file", "http"])
def test_wrong_repodata_is_one_clear_error(
    solve: Solving, site: Served, text: str, message: str, kind: str
) -> None:
    good = solve.channel("good", record("a"))
    url = solve.channel("bad", record("a"))
    (solve.folder / "site" / "bad" / "linux-64" / "repodata.json").write_text(text)
    named = channel(url if kind == "file" else f"{site.url}/bad", name="broken")
    with pytest.raises(ResolveError, match=message) as raised:
        solve(inputs("a", channels=[channel(good, name="fine"), named]))
    assert "the channel broken" in raised.value.message
    assert raised.value.exit_code == 3


def test_a_record_without_sha256_is_not_locked(solve: Solving) -> None:
    url = solve.channel("main", {k: v for k, v in record("a").items() if k != "sha256"})
    with pytest.raises(ResolveError, match="no sha256"):
        solve(inputs("a", channels=[url]))


def test_a_channel_that_does_not_exist(solve: Solving, site: Served) -> None:
    with pytest.raises(UnsatisfiableError, match="the channel gone does not exist"):
        solve(inputs("a", channels=[channel(f"{site.url}/gone", name="gone")]))
    with pytest.raises(UnsatisfiableError, match="the channel gone does not exist"):
        solve(inputs("a", channels=[channel((solve.folder / "gone").as_uri(), name="gone")]))


def test_a_channel_that_is_down(solve: Solving, tmp_path: Path) -> None:
    with served(tmp_path) as known:
        url = known.url
    with pytest.raises(ResolveError, match=r"the channel here cannot be reached: .*refused"):
        solve(inputs("a", channels=[channel(url, name="here")]))


@pytest.mark.parametrize("status", [401, 403])
def test_a_closed_channel_asks_for_credentials(solve: Solving, site: Served, status: int) -> None:
    solve.channel("private", record("a"))
    site.refused["/private"] = status
    with pytest.raises(ResolveError, match=f"HTTP {status}") as raised:
        solve(inputs("a", channels=[f"{site.url}/private"]))
    assert "MOORING_CONDA_" in (raised.value.hint or "")


@pytest.mark.parametrize("way", ["url", "environment", "bearer", "file", "token"])
def test_credentials_open_it_and_stay_out_of_the_lock(
    solve: Solving, site: Served, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve.channel("private", record("a"))
    site.refused["/private"] = 401
    url = f"{site.url}/private"
    if way == "url":
        url = url.replace("//", "//alice:s3cret@")
    elif way == "token":
        url = f"{site.url}/t/s3cret/private"
    elif way == "environment":
        monkeypatch.setenv("MOORING_CONDA_INTERNAL_USERNAME", "alice")
        monkeypatch.setenv("MOORING_CONDA_INTERNAL_PASSWORD", "s3cret")
    elif way == "bearer":
        monkeypatch.setenv("MOORING_CONDA_INTERNAL_TOKEN", "s3cret")
    else:
        stored = solve.folder / "auth.json"
        login = {"BasicHTTP": {"username": "alice", "password": "s3cret"}}
        stored.write_text(json.dumps({"127.0.0.1": login}))
        monkeypatch.setenv("RATTLER_AUTH_FILE", str(stored))
    found = solve(inputs("internal::a", channels=[channel(url, name="internal")]))
    assert found.channels == (f"{site.url}/private",)
    assert found.conda[0].package.url == f"{site.url}/private/linux-64/a-1.0-0.conda"
    assert "s3cret" not in repr(found)
    for path in (solve.folder / "cache").rglob("*"):
        assert path.is_dir() or b"s3cret" not in path.read_bytes()
    if way == "bearer":
        assert {who for _, who in site.asked} == {"Bearer s3cret"}


def test_credentials_go_to_their_channel_only(solve: Solving, site: Served) -> None:
    solve.channel("private", record("a"))
    solve.channel("public", record("b"))
    private = f"{site.url}/private".replace("//", "//alice:s3cret@")
    solve(inputs("a", "b", channels=[private, f"{site.url}/public"]))
    for path, who in site.asked:
        assert (who is not None) == path.startswith("/private/")


def test_a_wrong_password_is_not_shown(solve: Solving) -> None:
    with pytest.raises(MooringError) as raised:
        solve(inputs("a", channels=["http://alice:s3cret@127.0.0.1:9/t/t0ken/x"]))
    assert "s3cret" not in str(raised.value)
    assert "t0ken" not in str(raised.value)


def test_a_mirror_is_asked_and_the_lock_names_the_channel(solve: Solving, site: Served) -> None:
    solve.channel("mirror", record("a"))
    mirrored = channel("https://conda.example.org/main", mirrors=[f"{site.url}/mirror"])
    found = solve(inputs("a", channels=[mirrored]))
    assert found.conda[0].package.url == "https://conda.example.org/main/linux-64/a-1.0-0.conda"
    assert found.channels == ("https://conda.example.org/main",)
    assert site.asked


def test_offline_takes_what_the_cache_has(solve: Solving, site: Served) -> None:
    solve.channel("main", record("a"))
    declared = inputs("a", channels=[channel(f"{site.url}/main", name="main")])
    with pytest.raises(ResolveError, match="the channel main is not in the cache"):
        solve(declared, offline=True)
    assert not site.asked
    online = solve(declared)
    site.asked.clear()
    assert solve(declared, offline=True) == online
    assert not site.asked


def test_a_malformed_specification_is_an_error_of_the_input(solve: Solving) -> None:
    url = solve.channel("main", record("a"))
    with pytest.raises(MooringError, match="not a match specification") as raised:
        solve(inputs("a >=>=1", channels=[url]))
    assert raised.value.exit_code == 2


def test_twice_the_same(solve: Solving) -> None:
    url = solve.channel("main", record("a", depends=["b"]), record("b"))
    declared = inputs("a", channels=[url])
    assert solve(declared) == solve(declared, cache=solve.folder / "another")


@pytest.mark.process
@pytest.mark.parametrize("spec", ["a", "missing"])
def test_the_end_of_the_program_right_after_a_solve_is_no_crash(solve: Solving, spec: str) -> None:
    url = solve.channel("main", record("a"))
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from mooring.resolve.conda.addresses import Address\n"
        "from mooring.resolve.conda.interface import SolveProblem\n"
        "from mooring.resolve.conda.rattler_solver import RattlerSolver, SolverOptions\n"
        "url, spec, cache = sys.argv[1:]\n"
        "solver = RattlerSolver([Address(label=url, base=url)], SolverOptions(cache=Path(cache)))\n"
        "one = SolveProblem(subdir='linux-64', specs=(spec,), virtual_packages=())\n"
        "solver.solve([one] * 4)\n"
    )
    argv = [sys.executable, "-c", code, url, spec, str(solve.folder / "cache")]
    codes = [subprocess.run(argv, check=False).returncode for _ in range(8)]
    assert codes == [0] * 8
