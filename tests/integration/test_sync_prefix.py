"""Conda prefixes that rattler makes out of small real packages."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conda_channels import (
    LINUX,
    PLACEHOLDER,
    CondaChannelFolder,
    Link,
    Recipe,
    file_channel,
    http_channel,
    library_recipe,
    noarch_recipe,
    python_recipe,
    selection,
)
from tests.fakes import RecordingReporter

from mooring.errors import InputError, MooringError
from mooring.files import one_writer
from mooring.install.failures import SyncError
from mooring.install.prefix import PrefixResult, PrefixSettings, sync_prefix
from mooring.lock.conda import CondaPackage
from mooring.manifest.conda import CondaChannel
from mooring.platforms import Platform

AARCH64, MAC, WINDOWS = map(Platform.parse, ("linux-aarch64", "osx-arm64", "win-64"))

Sync = Callable[..., PrefixResult]


@pytest.fixture
def channel(tmp_path: Path) -> CondaChannelFolder:
    return file_channel(tmp_path / "channel")


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return tmp_path / "env"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def sync(prefix: Path, kept: Path, reporter: RecordingReporter) -> Sync:
    def work(
        packages: Sequence[CondaPackage],
        /,
        *,
        offline: bool = False,
        platform: Platform = LINUX,
        **settings: object,
    ) -> PrefixResult:
        return sync_prefix(
            prefix,
            selection(packages, platform=platform),
            indexes=(),
            reporter=reporter,
            offline=offline,
            settings=PrefixSettings(**{"platform": platform, "packages": kept, **settings}),  # type: ignore[arg-type]
        )

    return work


def everything(channel: CondaChannelFolder) -> list[CondaPackage]:
    recipes = (python_recipe(), noarch_recipe("wave"), library_recipe())
    return [channel.add(recipe) for recipe in recipes]


def files(prefix: Path) -> dict[str, bytes | str]:
    return {
        path.relative_to(prefix).as_posix(): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(prefix.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_a_prefix_holds_what_is_locked(
    channel: CondaChannelFolder, prefix: Path, sync: Sync
) -> None:
    result = sync(everything(channel))
    assert (result.created, result.installed) == (True, ("libwave", "python", "wave"))
    there = files(prefix)
    assert there["lib/libwave.so"] == "libwave.so.2"
    assert there["share/libwave-current"] == "libwave"
    assert there["etc/libwave.conf"] == f"root={prefix}\n".encode()
    binary = there["lib/libwave.so.2"]
    assert isinstance(binary, bytes)
    assert os.fsencode(prefix) + b"/share\0" in binary
    assert len(binary) == len(PLACEHOLDER) + len(b"\x7fELF\0/share\0\0tail")
    script = there["bin/wave-script"]
    assert isinstance(script, bytes)
    assert script.startswith(b"#!")
    assert "lib/python3.11/site-packages/wave/core.py" in there
    assert "bin/wave" in there
    assert ".mooring-unfinished" not in there


def test_again_is_nothing_to_do(channel: CondaChannelFolder, prefix: Path, sync: Sync) -> None:
    packages = everything(channel)
    sync(packages)
    before = {path: path.stat().st_mtime_ns for path in prefix.rglob("*")}
    for package in packages:
        channel.archive_of(package).unlink()
    result = sync(packages)
    assert (result.created, result.installed, result.removed) == (False, (), ())
    assert {path: path.stat().st_mtime_ns for path in prefix.rglob("*")} == before


def test_packages_come_change_and_go(channel: CondaChannelFolder, prefix: Path, sync: Sync) -> None:
    python, wave, library = everything(channel)
    sync([python, library])
    newer = channel.add(library_recipe(version="2.2"))
    result = sync([python, wave, newer])
    assert (result.installed, result.removed) == (("libwave", "wave"), ())
    result = sync([python, newer])
    assert (result.installed, result.removed) == ((), ("wave",))
    assert not list(prefix.rglob("wave*"))
    assert [path.name for path in sorted((prefix / "conda-meta").glob("*.json"))] == [
        "libwave-2.2-h1234_0.json",
        "python-3.11.4-0_cpython.json",
    ]


def test_another_archive_of_the_same_build_is_put_in_place(
    channel: CondaChannelFolder, prefix: Path, sync: Sync
) -> None:
    recipe = Recipe(name="pure", files={"share/pure.txt": b"one"})
    sync([channel.add(recipe)])
    other = channel.add(replace(recipe, files={"share/pure.txt": b"two"}))
    assert sync([other]).installed == ("pure",)
    assert (prefix / "share/pure.txt").read_bytes() == b"two"


def test_another_python_moves_the_modules(
    channel: CondaChannelFolder, prefix: Path, sync: Sync
) -> None:
    python, wave, _ = everything(channel)
    sync([python, wave])
    result = sync([channel.add(python_recipe("3.12.1")), wave])
    assert result.installed == ("python", "wave")
    assert (prefix / "lib/python3.12/site-packages/wave/core.py").is_file()
    assert not (prefix / "lib/python3.11/site-packages/wave").exists()


def test_an_edit_in_a_prefix_stays_there(
    channel: CondaChannelFolder, prefix: Path, sync: Sync, kept: Path
) -> None:
    packages = everything(channel)
    sync(packages)
    data = prefix / "share/libwave/data.txt"
    data.write_bytes(b"edited")
    assert data.stat().st_nlink == 1
    assert sync(packages, reinstall=("libwave",)).installed == ("libwave",)
    assert data.read_bytes() == b"plain\n"
    assert all(path.stat().st_nlink == 1 for path in kept.rglob("*") if path.is_file())


def test_a_package_that_was_altered_where_it_is_kept_is_unpacked_again(
    channel: CondaChannelFolder, prefix: Path, sync: Sync, kept: Path
) -> None:
    packages = everything(channel)
    sync(packages)
    (data,) = kept.glob("*/package/share/libwave/data.txt")
    data.write_bytes(b"altered")
    sync(packages, reinstall=("libwave",))
    assert (prefix / "share/libwave/data.txt").read_bytes() == b"plain\n"
    assert data.read_bytes() == b"plain\n"


def test_a_package_with_a_consistent_list_of_altered_files_is_unpacked_again(
    channel: CondaChannelFolder, prefix: Path, sync: Sync, kept: Path
) -> None:
    packages = everything(channel)
    sync(packages)
    (paths,) = (p for p in kept.glob("*/package/info/paths.json") if "libwave" in p.read_text())
    paths.write_text(paths.read_text().replace("dacf36", "000000"))
    sync(packages, reinstall=("libwave",))
    assert "000000" not in (prefix / "conda-meta/libwave-2.1-h1234_0.json").read_text()


def test_bytes_that_are_not_locked_are_refused_before_anything_changes(
    channel: CondaChannelFolder, prefix: Path, sync: Sync
) -> None:
    python, wave, library = everything(channel)
    channel.archive_of(library).write_bytes(channel.archive_of(wave).read_bytes())
    with pytest.raises(SyncError, match=r"libwave-2.1-h1234_0.tar.bz2 is not the archive"):
        sync([python, wave, library])
    assert not prefix.exists()
    sync([python])
    before = files(prefix)
    with pytest.raises(SyncError, match=f"locked {library.sha256}"):
        sync([python, wave, library])
    assert files(prefix) == before


def test_every_bad_package_is_told(channel: CondaChannelFolder, sync: Sync) -> None:
    python, wave, library = everything(channel)
    channel.archive_of(library).unlink()
    channel.archive_of(wave).write_bytes(b"x")
    with pytest.raises(SyncError) as failure:
        sync([python, wave, library])
    assert "libwave-2.1-h1234_0.tar.bz2 is not in its channel" in failure.value.message
    assert "wave-1.0-pyh_0.tar.bz2 is not the archive" in failure.value.message


def test_damaged_archives_with_the_locked_digest_are_refused(
    channel: CondaChannelFolder, prefix: Path, sync: Sync
) -> None:
    package = channel.add(Recipe(name="pure"))
    archive = channel.archive_of(package)
    archive.write_bytes(archive.read_bytes()[:200])
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    with pytest.raises(SyncError, match="cannot be unpacked"):
        sync([replace(package, sha256=digest)])
    assert not prefix.exists()


def test_the_archive_must_hold_the_package_that_is_named(
    channel: CondaChannelFolder, sync: Sync
) -> None:
    package = channel.add(Recipe(name="pure"))
    with pytest.raises(SyncError, match=r"another package than the lock says: pure 1.0 0"):
        sync([replace(package, version="2.0")])


@pytest.mark.parametrize(
    "odd",
    [{"name": "../x"}, {"version": "1/2"}, {"build": ".."}, {"subdir": ""}, {"sha256": "../../x"}],
)
def test_odd_rows_are_refused(
    channel: CondaChannelFolder, prefix: Path, sync: Sync, kept: Path, odd: dict[str, str]
) -> None:
    package = replace(channel.add(Recipe(name="pure")), **odd)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="has no valid name"):
        sync([package])
    assert not prefix.exists()
    assert not kept.exists()


@pytest.mark.parametrize(
    "files",
    [
        [{"../../escaped": b"x"}],
        [{"share/../../escaped": b"x"}],
        [{"/tmp/escaped": b"x"}],
        [{"share/way": Link(target="TMP")}, {"share/way/escaped": b"x"}],
        [{"share/way": Link(target="../..")}, {"share/way/escaped": b"x"}],
        [{"a": Link(target="b"), "b": Link(target="TMP")}, {"a/escaped": b"x"}],
        [{"a": Link(target="a")}, {"a/escaped": b"x"}],
    ],
)
def test_packages_cannot_write_outside_of_the_prefix(
    channel: CondaChannelFolder,
    prefix: Path,
    sync: Sync,
    tmp_path: Path,
    files: list[dict[str, bytes | Link]],
) -> None:
    packages = []
    for number, each in enumerate(files):
        real = {
            path: Link(target=file.target.replace("TMP", str(tmp_path)))
            if isinstance(file, Link)
            else file
            for path, file in each.items()
        }
        packages.append(channel.add(Recipe(name=f"evil{number}", files=real)))
    with pytest.raises(SyncError, match="would write outside of the prefix"):
        sync(packages)
    assert not prefix.exists()
    assert not (tmp_path / "escaped").exists()


def test_links_that_are_there_lead_nobody_out(
    channel: CondaChannelFolder, prefix: Path, sync: Sync, tmp_path: Path
) -> None:
    link = channel.add(Recipe(name="one", files={"share/way": Link(target=str(tmp_path))}))
    sync([link])
    other = channel.add(Recipe(name="two", files={"share/way/escaped": b"x"}))
    with pytest.raises(SyncError, match="would write outside of the prefix"):
        sync([link, other])
    assert not (tmp_path / "escaped").exists()


def test_links_between_folders_of_the_prefix_are_fine(
    channel: CondaChannelFolder, prefix: Path, sync: Sync
) -> None:
    link = Recipe(name="one", files={"lib/a": b"a", "lib64": Link(target="lib")})
    packages = [channel.add(link), channel.add(Recipe(name="two", files={"lib/b": b"b"}))]
    sync(packages)
    assert (prefix / "lib64/b").read_bytes() == b"b"


def test_packages_of_an_old_form(channel: CondaChannelFolder, prefix: Path, sync: Sync) -> None:
    plain = channel.add(Recipe(name="plain", old=True))
    result = sync([plain])
    assert result.paths_ids == {}
    assert (prefix / "share/plain.txt").is_file()
    evil = channel.add(Recipe(name="evil", files={"../../escaped": b"x"}, old=True))
    with pytest.raises(SyncError, match="would write outside of the prefix"):
        sync([plain, evil])


def test_entry_points_have_plain_names(
    channel: CondaChannelFolder, prefix: Path, sync: Sync
) -> None:
    evil = replace(noarch_recipe("wave"), entry_points=("../../escaped = wave:main",))
    with pytest.raises(SyncError, match="would write outside of the prefix"):
        sync([channel.add(python_recipe()), channel.add(evil)])
    assert not prefix.exists()


def test_a_row_without_a_digest_is_refused(channel: CondaChannelFolder, sync: Sync) -> None:
    package = channel.add(Recipe(name="pure"))
    with pytest.raises(InputError, match="no digest for pure"):
        sync([replace(package, sha256=None, md5=None)])
    assert sync([replace(package, sha256=None)]).installed == ("pure",)
    with pytest.raises(SyncError, match="is not the archive in the lock"):
        sync([replace(package, sha256=None, md5="0" * 32, build_number=1)], reinstall=("pure",))


@pytest.mark.parametrize(
    ("platform", "module", "script"),
    [
        (AARCH64, "lib/python3.11/site-packages/wave/core.py", "bin/wave"),
        (MAC, "lib/python3.11/site-packages/wave/core.py", "bin/wave"),
        (WINDOWS, "Lib/site-packages/wave/core.py", "Scripts/wave-script.py"),
    ],
)
def test_prefixes_for_other_platforms(
    channel: CondaChannelFolder,
    prefix: Path,
    sync: Sync,
    platform: Platform,
    module: str,
    script: str,
) -> None:
    recipe = Recipe(
        name="python",
        version="3.11.4",
        subdir=platform.subdir,
        files={"etc/python.conf": PLACEHOLDER.encode()},
    )
    packages = [channel.add(recipe), channel.add(noarch_recipe("wave"))]
    sync(packages, platform=platform, target_prefix="/opt/env")
    assert (prefix / module).is_file()
    assert (prefix / script).is_file()
    assert (prefix / "etc/python.conf").read_bytes() == b"/opt/env"


def test_binaries_for_macos_cannot_be_signed_here(
    channel: CondaChannelFolder, prefix: Path, sync: Sync
) -> None:
    package = channel.add(replace(library_recipe(), subdir="osx-arm64"))
    with pytest.raises(SyncError, match="only possible on macOS"):
        sync([package], platform=MAC)
    assert not prefix.exists()


def test_the_root_of_an_image_has_the_same_bytes_everywhere(
    channel: CondaChannelFolder, tmp_path: Path, reporter: RecordingReporter
) -> None:
    packages = [
        replace(each, channel="https://conda.example.org/c") for each in everything(channel)
    ]
    made = []
    for name in ("one", "two"):
        path = tmp_path / name / "opt/env"
        settings = PrefixSettings(target_prefix="/opt/env", packages=tmp_path / f"kept-{name}")
        sync_prefix(path, selection(packages), indexes=(), reporter=reporter, settings=settings)
        made.append(files(path))
    assert made[0] == made[1]
    assert made[0]["etc/libwave.conf"] == b"root=/opt/env\n"


def test_the_lock_must_be_for_the_platform(channel: CondaChannelFolder, prefix: Path) -> None:
    packages = [channel.add(replace(library_recipe(), subdir="linux-aarch64"))]
    with pytest.raises(InputError, match="are for linux-aarch64, the prefix is for"):
        sync_prefix(
            prefix,
            selection(packages, platform=AARCH64),
            indexes=(),
            reporter=RecordingReporter(),
            settings=PrefixSettings(platform=Platform.parse("linux-64")),
        )
    assert not prefix.exists()


def test_a_prefix_of_another_platform_is_left_alone(
    channel: CondaChannelFolder, prefix: Path, sync: Sync
) -> None:
    sync([channel.add(replace(library_recipe(), subdir="linux-aarch64"))], platform=AARCH64)
    before = files(prefix)
    with pytest.raises(InputError, match="this prefix is for linux-aarch64"):
        sync(everything(channel))
    assert files(prefix) == before


def test_a_prefix_that_another_mooring_writes_is_left_alone(
    channel: CondaChannelFolder, prefix: Path, sync: Sync
) -> None:
    with one_writer(prefix), pytest.raises(MooringError, match="another mooring command"):
        sync(everything(channel), wait=0.1)
    assert not prefix.exists()


def test_what_a_kill_left_is_made_anew(
    channel: CondaChannelFolder, prefix: Path, sync: Sync
) -> None:
    packages = everything(channel)
    (prefix / "lib").mkdir(parents=True)
    (prefix / "lib/half").write_bytes(b"half")
    (prefix / ".mooring-unfinished").write_text("mooring makes a conda prefix here\n")
    assert sync(packages).created
    assert not (prefix / "lib/half").exists()


def test_a_damaged_record_is_told_with_its_file(
    channel: CondaChannelFolder, prefix: Path, sync: Sync
) -> None:
    packages = everything(channel)
    sync(packages)
    record = prefix / "conda-meta/libwave-2.1-h1234_0.json"
    record.write_text("{")
    with pytest.raises(SyncError, match="a record of the prefix cannot be read") as failure:
        sync(packages)
    assert failure.value.where == str(record)


def test_scripts_of_packages_do_not_run(
    channel: CondaChannelFolder, prefix: Path, sync: Sync, reporter: RecordingReporter
) -> None:
    script = b"#!/bin/sh\ntouch $PREFIX/ran\n"
    recipe = Recipe(name="pure", files={"bin/.pure-post-link.sh": script})
    assert sync([channel.add(recipe)]).skipped_scripts == ("pure",)
    assert not (prefix / "ran").exists()
    assert "post-link script, which did not run: pure" in reporter.warnings[0]


def test_paths_ids_are_told(channel: CondaChannelFolder, sync: Sync) -> None:
    ids = sync(everything(channel)).paths_ids
    assert sorted(ids) == ["libwave", "python", "wave"]
    assert all(value.startswith("sha256:") for value in ids.values())


def test_links_that_lead_out_are_only_links(
    channel: CondaChannelFolder, prefix: Path, sync: Sync, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    recipe = Recipe(name="evil", files={"share/out": Link(target=str(victim), content=b"mine")})
    sync([channel.add(recipe)])
    assert (prefix / "share/out").readlink() == victim
    assert victim.read_bytes() == b"mine"


@pytest.mark.network
def test_packages_are_fetched_once_and_then_without_a_network(
    tmp_path: Path, prefix: Path, sync: Sync
) -> None:
    with http_channel(tmp_path / "served") as (channel, asked):
        packages = everything(channel)
        sync(packages)
        assert len(asked) == 3
        sync(packages, reinstall=("wave",))
        assert len(asked) == 3
        late = channel.add(Recipe(name="late"))
    record = json.loads((prefix / "conda-meta/wave-1.0-pyh_0.json").read_text())
    assert record["url"] == packages[1].url
    assert sync(packages, reinstall=("wave",), offline=True).installed == ("wave",)
    with pytest.raises(SyncError, match=r"was never fetched on this machine"):
        sync([*packages, late], offline=True)
    with pytest.raises(SyncError, match=r"late-1.0-0.tar.bz2 cannot be fetched"):
        sync([*packages, late])


@pytest.mark.network
def test_what_is_served_must_have_the_locked_digest(
    tmp_path: Path, prefix: Path, sync: Sync, kept: Path
) -> None:
    with http_channel(tmp_path / "served") as (channel, _):
        package = channel.add(Recipe(name="pure"))
        channel.archive_of(package).write_bytes(b"something else")
        with pytest.raises(SyncError, match="is not the archive in the lock"):
            sync([package])
        channel.archive_of(package).unlink()
        with pytest.raises(SyncError, match=r"cannot be fetched.*404"):
            sync([package])
    assert not prefix.exists()
    assert not list(kept.iterdir())


@pytest.mark.network
def test_a_mirror_is_asked_first_and_the_record_names_the_channel(
    tmp_path: Path, prefix: Path, sync: Sync
) -> None:
    with http_channel(tmp_path / "served") as (channel, asked):
        package = channel.add(Recipe(name="pure"))
        public = "https://conda.example.org/team"
        package = replace(package, channel=public, url=f"{public}/linux-64/{package.file_name}")
        declared = CondaChannel(name=public, url=public, mirrors=(channel.url,))
        sync([package], channels=(declared,))
        assert asked == ["/linux-64/pure-1.0-0.tar.bz2"]
    record = json.loads((prefix / "conda-meta/pure-1.0-0.json").read_text())
    assert (record["url"], record["channel"]) == (package.url, public)


@pytest.mark.network
def test_no_secret_is_told_or_written(tmp_path: Path, prefix: Path, sync: Sync) -> None:
    with http_channel(tmp_path / "served") as (channel, _):
        package = channel.add(Recipe(name="pure"))
        secret = channel.url.replace("http://", "http://me:s3cret@")
        declared = CondaChannel(name=channel.url, url=secret)
        sync([package], channels=(declared,))
        assert "s3cret" not in (prefix / "conda-meta/pure-1.0-0.json").read_text()
        channel.archive_of(package).unlink()
        late = replace(package, name="gone", url=package.url.replace("pure", "gone"))
        with pytest.raises(SyncError) as failure:
            sync([package, late], channels=(declared,))
    assert "s3cret" not in f"{failure.value} {failure.value.hint}"


@pytest.mark.network
def test_the_token_of_a_channel_is_only_used_to_ask(
    tmp_path: Path, prefix: Path, sync: Sync
) -> None:
    with http_channel(tmp_path / "served") as (channel, asked):
        package = channel.add(Recipe(name="pure"))
        private = tmp_path / "served/t/s3cret/team/linux-64"
        private.mkdir(parents=True)
        channel.archive_of(package).rename(private / package.file_name)
        public = f"{channel.url}/team"
        package = replace(package, channel=public, url=f"{public}/linux-64/{package.file_name}")
        declared = CondaChannel(name=public, url=f"{channel.url}/t/s3cret/team")
        sync([package], channels=(declared,))
        assert asked == ["/t/s3cret/team/linux-64/pure-1.0-0.tar.bz2"]
        assert "s3cret" not in (prefix / "conda-meta/pure-1.0-0.json").read_text()
        (private / package.file_name).unlink()
        with pytest.raises(SyncError) as failure:
            sync([package], channels=(declared,), packages=tmp_path / "other", reinstall=("pure",))
    assert "s3cret" not in f"{failure.value} {failure.value.hint}"
