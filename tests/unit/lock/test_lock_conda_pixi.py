from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.unit.lock.conda_locks import BASE, LINUX, LOCK, MAC, SIX, ZLIB, pypi, row

from mooring.errors import InputError
from mooring.lock.conda import select_conda
from mooring.lock.formats import conda_lock, pixi_lock

SOURCE = replace(
    pypi("tool"),
    url="git+https://code.example.org/tool.git@" + "a" * 40 + "#subdirectory=a/b",
    sha256=None,
)
# A name would be turned into the URL that rattler knows for it.
PLAIN = replace(LOCK, channels=(BASE,), pypi=(*LOCK.pypi, SOURCE))


def test_the_same_lock_gives_the_same_bytes() -> None:
    turned = replace(PLAIN, conda=PLAIN.conda[::-1], pypi=PLAIN.pypi[::-1])
    assert pixi_lock.write(PLAIN) == pixi_lock.write(PLAIN) == pixi_lock.write(turned)


def test_rattler_opens_it_with_hashes_and_virtual_packages(tmp_path: Path) -> None:
    from rattler import LockFile

    path = tmp_path / "pixi.lock"
    path.write_text(pixi_lock.write(PLAIN))
    lock = LockFile.from_path(path)
    assert sorted(name for name, _ in lock.environments()) == ["default", "dev"]
    environment = lock.environment("dev")
    assert environment is not None
    linux = next(p for p in environment.platforms() if p.name == "linux-64")
    assert sorted(linux.virtual_packages) == ["__glibc=2.28=0", "__unix=0=0"]
    records = environment.conda_repodata_records_for_platform(linux) or []
    assert {r.name.normalized for r in records} == {"libzlib", "python", "six"}
    rich = next(p for p in environment.pypi_packages_for_platform(linux) or [] if p.name == "rich")
    assert rich.hashes is not None
    assert rich.hashes.sha256 is not None
    assert rich.hashes.sha256.hex() == LOCK.pypi[0].sha256


def test_an_environment_comes_back_with_everything_its_records_tell() -> None:
    found = pixi_lock.read(pixi_lock.write(PLAIN), "pixi.lock", environment="dev")
    assert found.channels == (BASE,)
    assert found.virtual_packages == PLAIN.virtual_packages
    for platform in (LINUX, MAC):
        wanted = select_conda(PLAIN, platform, ("dev",))
        got = select_conda(found, platform)
        # The format has no room for the digest of an archive's file list.
        assert got.packages == tuple(replace(p, paths_id=None) for p in wanted.packages)
        assert got.pypi == wanted.pypi
    assert pixi_lock.read(pixi_lock.write(PLAIN), "pixi.lock").conda[0].package == ZLIB


def test_without_named_environments_each_category_is_one() -> None:
    lock = replace(PLAIN, facts=None, pypi=())
    top = yaml.safe_load(pixi_lock.write(lock))
    assert sorted(top["environments"]) == ["default", "dev", "docs"]
    rows = top["environments"]["docs"]["packages"]["linux-64"]
    assert {"conda": SIX.url} in rows
    assert {"conda": SIX.url} not in top["environments"]["default"]["packages"]["linux-64"]


def test_no_secret_is_written() -> None:
    hidden = "https://conda.example.org/t/hidden/forge"
    for bad in (
        replace(PLAIN, channels=(hidden,)),
        replace(PLAIN, conda=(row(replace(ZLIB, url=ZLIB.url.replace("//", "//u:hidden@"))),)),
        replace(PLAIN, conda=(row(replace(ZLIB, url=ZLIB.url.replace(BASE, hidden))),)),
        replace(PLAIN, pypi=(replace(pypi("a"), url="https://u:hidden@index.example.org/a.whl"),)),
    ):
        with pytest.raises(InputError) as caught:
            pixi_lock.write(bad)
        assert "hidden" not in f"{caught.value} {caught.value.hint}"


def test_credentials_of_others_are_left_out() -> None:
    text = pixi_lock.write(PLAIN).replace(BASE, "https://u:hidden@conda.example.org/forge")
    assert pixi_lock.write(pixi_lock.read(text, "x")).count("hidden") == 0


def test_folders_of_the_project_are_refused_or_left_out() -> None:
    text = pixi_lock.write(PLAIN).replace(str(LOCK.pypi[0].url), "./")
    with pytest.raises(InputError, match="is a folder of the project") as caught:
        pixi_lock.read(text, "pixi.lock")
    assert caught.value.where == "pixi.lock: environments.default.packages.linux-64: rich"
    assert [r.name for r in pixi_lock.read(text, "x", skip_local=True).pypi] == ["tool"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "version: 99\n",
        "version: 7\npackages: [\n",
        "<<<<<<< ours\n",
        "a: !!python/object:os.system x\n",
        "version: 7\nversion: 6\n",
    ],
)
def test_other_files_are_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        pixi_lock.read(text, "pixi.lock")
    assert str(caught.value.where).startswith("pixi.lock")


def test_where_rattler_panics_there_is_an_error_and_no_secret() -> None:
    text = pixi_lock.write(PLAIN)
    bad = text.replace("markdown-it-py>=2.2.0", "markdown-it->=2.2.0")
    assert bad != text
    with pytest.raises(InputError, match="this is not a pixi"):
        pixi_lock.read(bad, "pixi.lock")
    secret = "https://u:hidden@conda.example.org/t/hidden/x.conda?hidden"
    with pytest.raises(InputError, match="this is not a pixi") as caught:
        pixi_lock.read(text.replace(f"- conda: {SIX.url}", f"- conda: {secret}", 1), "pixi.lock")
    assert "hidden" not in str(caught.value)


def test_an_unknown_environment_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="no environment 'x'") as caught:
        pixi_lock.read(pixi_lock.write(PLAIN), "pixi.lock", environment="x")
    assert caught.value.hint == "it has: default, dev"


def test_a_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    start = time.perf_counter()
    with pytest.raises(InputError):
        pixi_lock.read("version: 7\n" + "\n".join(lines) + "\n", "pixi.lock")
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize("base", ["file:///srv/channel", "http://127.0.0.1:8123/channel"])
def test_channels_of_this_machine_come_back(base: str) -> None:
    local = replace(ZLIB, url=ZLIB.url.replace(BASE, base), channel=base)
    lock = replace(PLAIN, channels=(base,), conda=(row(local),), pypi=(), facts=None)
    found = pixi_lock.read(pixi_lock.write(lock), "pixi.lock")
    assert found.channels == (base,)
    assert found.conda == lock.conda
    assert conda_lock.read(conda_lock.write(found), "x").conda == lock.conda
