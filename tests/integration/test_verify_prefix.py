"""Conda prefixes: clean ones have no findings, and every planted change has its own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.conda_channels import (
    Link,
    Recipe,
    as_conda_records,
    file_channel,
    library_recipe,
    noarch_recipe,
    python_recipe,
    selection,
)
from tests.environments import install as install_wheel

from mooring.install.prefix import PrefixSettings, sync_prefix
from mooring.lock.conda import CondaPackage, CondaSelection
from mooring.manifest.model import VerifyPolicy
from mooring.reporting import SILENT
from mooring.verify.collectors.conda_prefix import PrefixCollector
from mooring.verify.conda_compare import compare_prefix
from mooring.verify.findings import Verification
from mooring.verify.tiers import CONTENT, QUICK, Tiers

SITE = "lib/python3.11/site-packages"
SHAPES = ("rattler", "conda")


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A prefix with the lock that it was made from."""

    prefix: Path
    packages: tuple[CondaPackage, ...]

    def verify(self, *packages: CondaPackage, tiers: Tiers = CONTENT) -> Verification:
        return compare_prefix(
            self.selection(*packages),
            PrefixCollector(self.prefix, tiers=tiers).collect(),
            VerifyPolicy(),
        )

    def selection(self, *packages: CondaPackage) -> CondaSelection:
        return selection(packages or self.packages)

    def record(self, name: str) -> Path:
        (path,) = (self.prefix / "conda-meta").glob(f"{name}-*.json")
        return path

    @contextmanager
    def edited(self, name: str) -> Iterator[dict[str, object]]:
        path = self.record(name)
        record = json.loads(path.read_text())
        yield record
        path.write_text(json.dumps(record))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    root = tmp_path_factory.mktemp("lab")
    channel = file_channel(root / "channel")
    recipes = (
        python_recipe(),
        noarch_recipe("wave"),
        noarch_recipe("tide", installer=b"pip\n"),
        library_recipe(),
        Recipe(name="meta", files={}),
    )
    packages = [channel.add(recipe) for recipe in recipes]
    made = {}

    def make(shape: str) -> Made:
        if shape not in made:
            prefix = root / shape
            result = sync_prefix(
                prefix,
                selection(packages),
                indexes=(),
                reporter=SILENT,
                settings=PrefixSettings(packages=root / "kept"),
            )
            rows = [replace(each, paths_id=result.paths_ids[each.name]) for each in packages]
            if shape == "conda":
                as_conda_records(prefix)
            made[shape] = Made(prefix=prefix, packages=tuple(rows))
        return made[shape]

    return make


@pytest.fixture(params=SHAPES)
def made(
    request: pytest.FixtureRequest, pristine: Callable[[str], Made], tmp_path: Path
) -> Iterator[Made]:
    """Return a prefix in the place it was made for; afterwards it is as it was."""
    clean = pristine(request.param)
    backup = tmp_path / "backup"
    shutil.copytree(clean.prefix, backup, symlinks=True)
    yield clean
    shutil.rmtree(clean.prefix)
    shutil.copytree(backup, clean.prefix, symlinks=True)


def found(verification: Verification) -> set[tuple[str, str | None]]:
    return {(each.rule.id, each.package or each.path) for each in verification.findings}


@pytest.mark.parametrize("tiers", [CONTENT, QUICK])
def test_clean_prefixes_have_no_findings(made: Made, tiers: Tiers) -> None:
    verification = made.verify(tiers=tiers)
    assert verification.findings == ()
    assert verification.packages == 5
    assert (verification.checked_files > 20) is tiers.hash_files


def change(path: str, data: bytes = b"changed\n") -> Callable[[Made], None]:
    return lambda made: write(made.prefix / path, data)


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def remove(path: str) -> Callable[[Made], None]:
    return lambda made: (made.prefix / path).unlink()


def relink(path: str, target: str) -> Callable[[Made], None]:
    def plant(made: Made) -> None:
        (made.prefix / path).unlink()
        (made.prefix / path).symlink_to(target)

    return plant


def unlink_into_file(made: Made) -> None:
    link = made.prefix / "lib/libwave.so"
    link.unlink()
    shutil.copyfile(made.prefix / "lib/libwave.so.2", link)


def replace_by_fifo(made: Made) -> None:
    path = made.prefix / "share/libwave/data.txt"
    path.unlink()
    os.mkfifo(path)


def edit_record(made: Made) -> None:
    """Change a file and its digest in the record: only the paths id tells."""
    write(made.prefix / "share/libwave/data.txt", b"Plain\n")
    digest = hashlib.sha256(b"Plain\n").hexdigest()
    path = made.record("libwave")
    record = json.loads(path.read_text())
    for row in record["paths_data"]["paths"]:
        if row["_path"] == "share/libwave/data.txt":
            row["sha256"] = digest
    path.write_text(json.dumps(record))


def pip_same_version(made: Made) -> None:
    """Install what pip leaves when it puts the same version over conda's."""
    write(made.prefix / SITE / "wave/core.py", b"def main():\n    return 1\n")
    write(made.prefix / SITE / "wave-1.0.dist-info/INSTALLER", b"pip\n")
    write(made.prefix / SITE / "wave-1.0.dist-info/RECORD", b"wave/core.py,,\n")


def pip_upgrade(made: Made) -> None:
    """Install what pip leaves when it upgrades a distribution that conda installed."""
    shutil.rmtree(made.prefix / SITE / "wave-1.0.dist-info")
    shutil.rmtree(made.prefix / SITE / "wave")
    install_wheel(made.prefix / SITE, "Wave", "2.0")


def leave_without_metadata(made: Made) -> None:
    made.record("libwave").unlink()


def second_record(made: Made) -> None:
    shutil.copy(made.record("libwave"), made.prefix / "conda-meta/libwave-9-h_0.json")


def foreign_package(made: Made) -> None:
    record = json.loads(made.record("meta").read_text())
    record = {**record, "name": "surprise", "fn": "surprise-1.0-0.tar.bz2"}
    write(made.prefix / "conda-meta/surprise-1.0-0.json", json.dumps(record).encode())


DRIFTS: dict[str, tuple[Callable[[Made], None], set[tuple[str, str | None]]]] = {
    "data": (change("share/libwave/data.txt"), {("MOR124", "libwave")}),
    "same size": (change("share/libwave/data.txt", b"Plain\n"), {("MOR124", "libwave")}),
    "binary": (change("lib/libwave.so.2"), {("MOR124", "libwave")}),
    "text": (change("etc/libwave.conf"), {("MOR124", "libwave")}),
    "module": (change(f"{SITE}/wave/core.py"), {("MOR124", "wave")}),
    "script": (change("bin/wave-script"), {("MOR124", "wave")}),
    "entry point": (change("bin/wave", b"\x7fELF"), {("MOR124", "wave")}),
    "removed": (remove("share/libwave/data.txt"), {("MOR107", "libwave")}),
    "removed module": (remove(f"{SITE}/wave/__init__.py"), {("MOR107", "wave")}),
    "removed entry point": (remove("bin/wave"), {("MOR107", "wave")}),
    "removed link": (remove("lib/libwave.so"), {("MOR107", "libwave")}),
    "link elsewhere": (relink("lib/libwave.so", "/etc/passwd"), {("MOR124", "libwave")}),
    "link to another": (
        relink("lib/libwave.so", "../etc/libwave.conf"),
        {("MOR124", "libwave")},
    ),
    "link made a file": (unlink_into_file, {("MOR124", "libwave")}),
    "dangling": (relink("share/libwave/data.txt", "nowhere"), {("MOR124", "libwave")}),
    "fifo": (replace_by_fifo, {("MOR124", "libwave")}),
    "record with file": (edit_record, {("MOR104", "libwave")}),
    "record no json": (
        lambda made: write(made.record("libwave"), b"{"),
        {
            ("MOR108", "etc"),
            ("MOR108", "lib/libwave.so"),
            ("MOR108", "lib/libwave.so.2"),
            ("MOR108", "share"),
            ("MOR109", "libwave"),
        },
    ),
    "record gone": (
        leave_without_metadata,
        {
            ("MOR101", "libwave"),
            ("MOR108", "etc"),
            ("MOR108", "lib/libwave.so"),
            ("MOR108", "lib/libwave.so.2"),
            ("MOR108", "share"),
        },
    ),
    "second record": (second_record, {("MOR125", "libwave")}),
    "extra package": (foreign_package, {("MOR102", "surprise")}),
    "pip, same version": (pip_same_version, {("MOR125", "wave")}),
    "pip, newer version": (pip_upgrade, {("MOR125", "wave")}),
    "extra distribution": (
        lambda made: void(install_wheel(made.prefix / SITE, "other")),
        {("MOR102", "other")},
    ),
    "stray module": (change(f"{SITE}/evil.py"), {("MOR108", f"{SITE}/evil.py")}),
    "stray in a package": (change(f"{SITE}/wave/evil.py"), {("MOR108", f"{SITE}/wave/evil.py")}),
    "stray pth": (change(f"{SITE}/evil.pth"), {("MOR108", f"{SITE}/evil.pth")}),
    "sitecustomize": (
        change(f"{SITE}/sitecustomize.py"),
        {("MOR108", f"{SITE}/sitecustomize.py")},
    ),
    "stray in the standard library": (
        change("lib/python3.11/evil.py"),
        {("MOR108", "lib/python3.11/evil.py")},
    ),
    "stray program": (change("bin/evil"), {("MOR108", "bin/evil")}),
    "stray library": (change("lib/libevil.so"), {("MOR108", "lib/libevil.so")}),
    "activation": (change("etc/conda/activate.d/evil.sh"), {("MOR108", "etc/conda")}),
    "stray folder": (change("opt/deep/er/file"), {("MOR108", "opt")}),
    "stray at the top": (change("notes.txt"), {("MOR108", "notes.txt")}),
    "compiled without source": (change(f"{SITE}/evil.pyc"), {("MOR108", f"{SITE}/evil.pyc")}),
    "leftover of pip": (
        lambda made: (made.prefix / SITE / "~ave-1.0.dist-info").mkdir(),
        {("MOR102", f"{SITE}/~ave-1.0.dist-info")},
    ),
}


def void(_: object) -> None:
    """Forget a value."""


@pytest.mark.parametrize("name", sorted(DRIFTS))
def test_every_planted_change_is_found(made: Made, name: str) -> None:
    plant, expected = DRIFTS[name]
    plant(made)
    verification = made.verify()
    assert found(verification) == expected
    assert verification.failing or {rule for rule, _ in expected} <= {"MOR108", "MOR102"}


HEALED = (
    "data",
    "binary",
    "script",
    "entry point",
    "removed module",
    "link elsewhere",
    "link made a file",
    "dangling",
    "fifo",
    "record with file",
    "record gone",
    "extra package",
    "pip, same version",
)


@pytest.mark.parametrize("name", HEALED)
def test_a_sync_puts_it_right(made: Made, name: str) -> None:
    DRIFTS[name][0](made)
    drifted = tuple({each.package for each in made.verify().failing if each.package})
    settings = PrefixSettings(packages=made.prefix.parent / "kept", reinstall=drifted)
    sync_prefix(made.prefix, made.selection(), indexes=(), reporter=SILENT, settings=settings)
    assert made.verify().findings == ()


def test_the_platform_is_told(made: Made) -> None:
    assert PrefixCollector(made.prefix).collect().base.subdir == "linux-64"


@pytest.mark.parametrize(
    "path",
    [
        f"{SITE}/wave/__pycache__/core.cpython-311.pyc",
        "lib/python3.11/__pycache__/os.cpython-311.pyc",
        "CACHEDIR.TAG",
        "conda-meta/state",
        "conda-meta/history",
    ],
)
def test_what_tools_write_is_no_drift(made: Made, path: str) -> None:
    change(path)(made)
    assert made.verify().findings == ()


def test_locked_otherwise(made: Made) -> None:
    python, wave, tide, library, meta = made.packages

    def rules(other: CondaPackage) -> list[tuple[str, str]]:
        rest = [each for each in made.packages if each.name != other.name]
        findings = made.verify(*rest, other).findings
        return [(each.rule.id, each.rule.severity) for each in findings]

    assert rules(replace(library, version="2.2")) == [("MOR103", "error")]
    assert rules(replace(library, build="other_0")) == [("MOR123", "error")]
    assert rules(replace(library, sha256="0" * 64)) == [("MOR123", "error")]
    assert rules(replace(library, sha256=None, md5="0" * 32)) == [("MOR123", "error")]
    assert rules(replace(library, paths_id=f"sha256:{'0' * 64}")) == [("MOR104", "error")]
    elsewhere = replace(library, url=library.url.replace("channel", "mirror"))
    assert rules(elsewhere) == [("MOR123", "info")]
    assert rules(replace(elsewhere, sha256=None, md5=None)) == [("MOR123", "error")]
    assert rules(Recipe_row("absent", library)) == [("MOR101", "error")]
    assert [each.rule.id for each in made.verify(python, wave, tide, library).findings] == [
        "MOR102"
    ]
    assert meta.name == "meta"


def Recipe_row(name: str, like: CondaPackage) -> CondaPackage:  # noqa: N802  # a row, not a class
    return replace(like, name=name)


def test_what_conda_leaves_out_of_its_record_is_found(
    pristine: Callable[[str], Made], tmp_path: Path
) -> None:
    clean = pristine("conda")
    prefix = tmp_path / "env"
    shutil.copytree(clean.prefix, prefix, symlinks=True)
    made = replace(clean, prefix=prefix)
    path = made.record("libwave")
    record = json.loads(path.read_text())
    rows = record["paths_data"]["paths"]
    record["paths_data"]["paths"] = [r for r in rows if r["_path"] != "share/libwave/data.txt"]
    path.write_text(json.dumps(record))
    assert {("MOR104", "libwave"), ("MOR124", "libwave")} <= found(made.verify())


def test_clobbered_files_are_warned_of(tmp_path: Path) -> None:
    channel = file_channel(tmp_path / "channel")
    one = channel.add(Recipe(name="one", files={"share/both.txt": b"one"}))
    two = channel.add(Recipe(name="two", files={"share/both.txt": b"two"}))
    prefix = tmp_path / "env"
    settings = PrefixSettings(packages=tmp_path / "kept")
    sync_prefix(prefix, selection([one, two]), indexes=(), reporter=SILENT, settings=settings)
    verification = Made(prefix=prefix, packages=(one, two)).verify()
    assert [(each.rule.id, each.rule.severity) for each in verification.findings] == [
        ("MOR125", "warning")
    ]
    assert not verification.failing


def test_links_to_folders_and_out_of_the_prefix(tmp_path: Path) -> None:
    channel = file_channel(tmp_path / "channel")
    files = {"share/out": Link(target="/usr/share", content=b""), "share/in": Link(target="../etc")}
    package = channel.add(Recipe(name="linked", files={**files, "etc/a": b"a"}))
    prefix = tmp_path / "env"
    sync_prefix(
        prefix,
        selection([package]),
        indexes=(),
        reporter=SILENT,
        settings=PrefixSettings(packages=tmp_path / "kept"),
    )
    made = Made(prefix=prefix, packages=(package,))
    assert made.verify().findings == ()
    relink("share/out", "/etc")(made)
    assert found(made.verify()) == {("MOR124", "linked")}


def test_hard_links_to_a_cache_are_told(tmp_path: Path) -> None:
    channel = file_channel(tmp_path / "channel")
    package = channel.add(library_recipe())
    prefix = tmp_path / "env"
    settings = PrefixSettings(packages=tmp_path / "kept", copy=False)
    sync_prefix(prefix, selection([package]), indexes=(), reporter=SILENT, settings=settings)
    made = Made(prefix=prefix, packages=(package,))
    assert made.verify().findings == ()
    (prefix / "share/libwave/data.txt").write_bytes(b"edited\n")
    assert found(made.verify()) == {("MOR124", "libwave"), ("MOR134", "libwave")}
    again = PrefixSettings(packages=tmp_path / "kept", reinstall=("libwave",))
    sync_prefix(prefix, selection([package]), indexes=(), reporter=SILENT, settings=again)
    assert made.verify().findings == ()


def test_a_prefix_for_elsewhere_is_checked_where_it_lies(tmp_path: Path) -> None:
    channel = file_channel(tmp_path / "channel")
    packages = [channel.add(r) for r in (python_recipe(), noarch_recipe("wave"), library_recipe())]
    prefix = tmp_path / "root/opt/env"
    settings = PrefixSettings(packages=tmp_path / "kept", target_prefix="/opt/env")
    sync_prefix(prefix, selection(packages), indexes=(), reporter=SILENT, settings=settings)
    assert Made(prefix=prefix, packages=tuple(packages)).verify().findings == ()
