"""`mooring verify --repair`: what drifted is installed again, and nothing else is touched."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.environments import install
from tests.fakes import FakeIndex
from tests.functional.command import Mooring, manifest

pytestmark = [pytest.mark.process, pytest.mark.network]

SITE = Path(".venv", "lib", "python3.11", "site-packages")


@pytest.fixture
def synced(project: Path, stocked: FakeIndex, mooring: Mooring) -> Path:
    """A project whose environment matches its lock, with a package that is allowed besides."""
    allowed = '[tool.mooring.verify]\nallow-extra = ["mine"]\n'
    (project / "pyproject.toml").write_text(
        manifest(stocked, dependencies='"alpha", "extra-one"', more=allowed)
    )
    assert mooring("lock").code == 0
    assert mooring("sync").code == 0
    install(SITE, "mine")
    assert mooring("verify").code == 0
    stocked.log.clear()
    return project


def edit(path: str) -> None:
    """Change a file as an editor does: in place, also under its other names."""
    with (SITE / path).open("ab") as stream:
        stream.write(b"\n# edited\n")


def remove_info(package: str) -> None:
    (info,) = SITE.glob(f"{package}-*.dist-info")
    shutil.rmtree(info)


@pytest.mark.parametrize(
    ("plant", "repaired"),
    [
        (lambda: edit("alpha/__init__.py"), "reinstalled: alpha"),
        ((SITE / "beta" / "__init__.py").unlink, "reinstalled: beta"),
        (lambda: remove_info("beta"), "reinstalled: beta"),
        (lambda: next(SITE.glob("beta-*/RECORD")).unlink(), "reinstalled: beta"),
        (lambda: install(SITE, "stray"), "removed: stray"),
    ],
    ids=["changed", "file gone", "package gone", "no RECORD", "extra"],
)
def test_each_drift_is_put_right(
    synced: Path, mooring: Mooring, plant: Callable[[], object], repaired: str
) -> None:
    plant()
    assert mooring("verify").code in (1, 3)
    told = mooring("verify", "--repair")
    assert told.code == 0, told.out + told.err
    assert repaired in told.err
    assert mooring("verify").code == 0
    assert (SITE / "mine" / "__init__.py").exists()


def test_only_what_drifted_is_fetched(synced: Path, mooring: Mooring, stocked: FakeIndex) -> None:
    before = (SITE / "extra_one" / "__init__.py").stat().st_mtime_ns
    edit("alpha/__init__.py")
    assert mooring("verify", ".venv", "--repair").code == 0
    fetched = {request.path.rpartition("/")[2] for request in stocked.log}
    assert fetched
    assert all(name.startswith("alpha-1.1") for name in fetched)
    assert (SITE / "extra_one" / "__init__.py").stat().st_mtime_ns == before


def test_nothing_to_repair(synced: Path, mooring: Mooring, stocked: FakeIndex) -> None:
    told = mooring("verify", "--repair")
    assert told.code == 0
    assert "reinstalled" not in told.err
    assert stocked.log == []


def test_what_is_accepted_stays_as_it_is(synced: Path, mooring: Mooring) -> None:
    edit("alpha/__init__.py")
    assert mooring("verify", "--output", "json=before.json").code == 1
    edit("beta/__init__.py")
    told = mooring("verify", "--repair", "--baseline", "before.json")
    assert told.code == 0, told.out + told.err
    assert "reinstalled: beta" in told.err
    assert b"# edited" in (SITE / "alpha" / "__init__.py").read_bytes()
    assert b"# edited" not in (SITE / "beta" / "__init__.py").read_bytes()


def test_a_poisoned_cache_is_not_used_again(synced: Path, mooring: Mooring) -> None:
    """An installer that makes hard links shares a file with its cache: one edit changes both."""
    cache = Path(os.environ["UV_CACHE_DIR"])
    copies = [path for path in cache.rglob("alpha/__init__.py") if path.is_file()]
    assert copies
    for path in copies:
        path.write_bytes(b"poison = 1\n")
    edit("alpha/__init__.py")
    assert mooring("verify", "--repair").code == 0
    assert b"poison" not in (SITE / "alpha" / "__init__.py").read_bytes()


def test_another_python_is_not_repaired(synced: Path, mooring: Mooring) -> None:
    config = Path(".venv", "pyvenv.cfg")
    lines = [
        "version_info = 3.10.1" if line.startswith("version_info") else line
        for line in config.read_text().splitlines()
    ]
    config.write_text("\n".join(lines) + "\n")
    edit("alpha/__init__.py")
    told = mooring("verify", "--repair")
    assert told.code == 1
    assert "nothing was repaired" in told.err
    assert b"# edited" in (SITE / "alpha" / "__init__.py").read_bytes()


def test_there_is_no_environment(synced: Path, mooring: Mooring) -> None:
    assert mooring("verify", "absent", "--repair").code == 3
    assert mooring("verify", ".", "--repair").code == 3


def test_reports_tell_the_repair(synced: Path, mooring: Mooring) -> None:
    edit("alpha/__init__.py")
    install(SITE, "stray")
    formats = ("json", "sarif", "junit", "markdown", "github")
    outputs = [word for form in formats for word in ("--output", f"{form}={form}.txt")]
    assert mooring("verify", "--repair", *outputs).code == 0
    told = json.loads(Path("json.txt").read_text())
    assert (told["clean"], told["findings"]) == (True, [])
    repair = told["repair"]
    assert (repair["reinstalled"], repair["removed"]) == (["alpha"], ["stray"])
    failed = {(row["rule"], row["package"]) for row in repair["failed_before"]}
    assert failed == {("MOR106", "alpha"), ("MOR102", "stray")}
    for form in formats[1:]:
        assert "reinstalled alpha; removed stray; " in Path(f"{form}.txt").read_text()


def test_a_report_without_repair_tells_none(synced: Path, mooring: Mooring) -> None:
    assert mooring("verify", "--format", "json").document["repair"] is None
    repair = mooring("verify", "--repair", "--format", "json").document["repair"]
    assert repair == {"reinstalled": [], "removed": [], "failed_before": []}


def test_a_sync_that_does_not_help_says_what_differs(synced: Path, mooring: Mooring) -> None:
    """A file that no package has is nothing that installing puts right."""
    (SITE / "planted.pth").write_text("import os\n")
    for options in ((), ("-q",)):
        told = mooring("sync", *options)
        assert told.code == 1, told.err
        assert "MOR108" in told.out
        assert "planted.pth" in told.out
        assert "fix: " in told.err
        assert "still differs" in told.err
    told = mooring("sync", "--format", "json")
    assert told.code == 1
    assert told.document["schema"] == "sync/1"
    [finding] = told.document["failing"]
    assert (finding["rule"], finding["path"].endswith("planted.pth")) == ("MOR108", True)
    assert finding["fix"]
    (SITE / "planted.pth").unlink()
    assert mooring("sync", "--format", "json").document["failing"] == []
