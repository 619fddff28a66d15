from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from tests.unit.lock.conda_locks import BASE, LINUX, LOCK, MAC, PYTHON, SIX, ZLIB, pypi, row

from mooring.errors import InputError
from mooring.lock.conda import CondaLock
from mooring.lock.formats import conda_lock
from mooring.platforms import Platform

# Changing this is a change of every lock that was written: an entry in the changelog.
DIGEST = "sha256:fa184b0914eeccb7314ecbb903019b11afe3cb9218792d8affed303a3382564c"

SMALL = CondaLock(channels=("forge",), platforms=(LINUX,), conda=(row(ZLIB), row(PYTHON)))


def test_the_same_lock_gives_the_same_bytes() -> None:
    turned = replace(
        LOCK,
        conda=LOCK.conda[::-1],
        pypi=LOCK.pypi[::-1],
        platforms=LOCK.platforms[::-1],
        virtual_packages={k: v[::-1] for k, v in reversed([*LOCK.virtual_packages.items()])},
    )
    assert conda_lock.write(LOCK) == conda_lock.write(LOCK) == conda_lock.write(turned)


def test_the_layout_is_that_of_conda_lock() -> None:
    bare = replace(ZLIB, size=None, license=None, timestamp=None)
    text = conda_lock.write(replace(SMALL, conda=(row(bare),), content_hashes={"linux-64": "ab"}))
    assert text.partition("version: 1\n")[2] == (
        "metadata:\n"
        "  content_hash:\n"
        "    linux-64: ab\n"
        "  channels:\n"
        "  - url: forge\n"
        "    used_env_vars: []\n"
        "  platforms:\n"
        "  - linux-64\n"
        "  sources: []\n"
        "package:\n"
        "- name: libzlib\n"
        "  version: 1.3.1\n"
        "  manager: conda\n"
        "  platform: linux-64\n"
        "  dependencies:\n"
        "    __glibc: '>=2.17,<3.0.a0'\n"
        f"  url: {BASE}/linux-64/libzlib-1.3.1-hb9_1.conda\n"
        "  hash:\n"
        f"    md5: {ZLIB.md5}\n"
        f"    sha256: {ZLIB.sha256}\n"
        "  category: main\n"
        "  optional: false\n"
    )


def test_it_is_yaml_with_the_keys_that_conda_lock_allows() -> None:
    top = yaml.safe_load(conda_lock.write(LOCK))
    assert list(top) == ["version", "metadata", "package"]
    allowed = {"content_hash", "channels", "platforms", "sources", "custom_metadata"}
    assert set(top["metadata"]) == allowed
    assert all(isinstance(v, str) for v in top["metadata"]["custom_metadata"].values())
    rows = [(r["manager"], r["name"], r["platform"], r["category"]) for r in top["package"]]
    assert rows == sorted(rows)
    assert {r["optional"] for r in top["package"] if r["category"] == "main"} == {False}
    assert {r["optional"] for r in top["package"] if r["category"] != "main"} == {True}


def test_a_package_has_a_row_for_each_category_and_main_swallows_the_others() -> None:
    rows = yaml.safe_load(
        conda_lock.write(
            replace(
                SMALL, conda=(row(SIX, LINUX, ("dev", "docs")), row(ZLIB, LINUX, ("dev", "main")))
            )
        )
    )["package"]
    found = [(r["name"], r["category"]) for r in rows]
    assert found == [("libzlib", "main"), ("six", "dev"), ("six", "docs")]


def test_several_specifications_of_a_name_are_joined() -> None:
    odd = replace(ZLIB, depends=("b >=1", "a 1.* *_x", "b <3", "a", "c>=2", "b >=1"))
    text = conda_lock.write(replace(SMALL, conda=(row(odd),)))
    dependencies = yaml.safe_load(text)["package"][0]["dependencies"]
    assert dependencies == {"a": "1.* *_x", "b": ">=1,<3", "c": ">=2"}
    assert conda_lock.read(text, "x").conda[0].package.depends == odd.depends


@pytest.mark.parametrize(
    "url",
    [
        "https://user:secret@conda.example.org/forge/linux-64/libzlib-1.3.1-hb9_1.conda",
        "https://secret@conda.example.org/forge/linux-64/libzlib-1.3.1-hb9_1.conda",
        "https://conda.example.org/t/secret/forge/linux-64/libzlib-1.3.1-hb9_1.conda",
        "https://conda.example.org/forge/linux-64/libzlib-1.3.1-hb9_1.conda?sig=secret",
        "https://conda.example.org/$SECRET/linux-64/libzlib-1.3.1-hb9_1.conda",
        "ftp://conda.example.org/forge/linux-64/libzlib-1.3.1-hb9_1.conda",
    ],
)
def test_a_url_with_a_secret_is_never_written(url: str) -> None:
    with pytest.raises(InputError) as caught:
        conda_lock.write(replace(SMALL, conda=(row(replace(ZLIB, url=url)),)))
    assert "secret" not in f"{caught.value} {caught.value.hint}".replace("${SECRET", "")


def test_no_channel_and_no_pypi_row_carries_a_secret() -> None:
    for lock in (
        replace(SMALL, channels=("https://user:hidden@conda.example.org/forge",)),
        replace(SMALL, channels=("https://conda.example.org/t/hidden/forge",)),
        replace(SMALL, pypi=(replace(pypi("a"), url="https://u:hidden@index.example.org/a.whl"),)),
        replace(
            SMALL, pypi=(replace(pypi("a"), url="git+https://u:hidden@h.example/a@" + "a" * 40),)
        ),
    ):
        with pytest.raises(InputError, match="carries") as caught:
            conda_lock.write(lock)
        assert "hidden" not in f"{caught.value} {caught.value.hint}"


def test_what_could_not_be_installed_is_not_written() -> None:
    for broken, message in (
        (replace(ZLIB, md5=None), "has no md5"),
        (replace(ZLIB, build="h0_0"), "not named after"),
        (replace(ZLIB, name="zlib"), "not named after"),
        (replace(ZLIB, url=f"{BASE}/libzlib.zip"), "does not end like"),
    ):
        with pytest.raises(InputError, match=message):
            conda_lock.write(replace(SMALL, conda=(row(broken),)))


def test_one_platform_for_each_subdir() -> None:
    musl = Platform.parse("linux-64-musl1.2")
    with pytest.raises(InputError, match="one place for linux-64"):
        conda_lock.write(replace(SMALL, platforms=(LINUX, musl)))
    with pytest.raises(InputError, match="which the lock is not for"):
        conda_lock.write(replace(SMALL, conda=(row(ZLIB, MAC),)))


def test_content_hashes_follow_the_inputs() -> None:
    assert LOCK.facts is not None
    other = replace(LOCK, facts=replace(LOCK.facts, inputs={"schema": 1, "python": "3.13"}))
    found = [
        yaml.safe_load(conda_lock.write(lock))["metadata"]["content_hash"] for lock in (LOCK, other)
    ]
    assert all(len(value) == 64 for hashes in found for value in hashes.values())
    assert len({*found[0].values(), *found[1].values()}) == 4


def test_the_digest_is_golden() -> None:
    assert conda_lock.packages_digest(LOCK) == DIGEST


def test_the_digest_is_that_of_what_is_installed() -> None:
    digest = conda_lock.packages_digest(LOCK)
    same = replace(LOCK, conda=LOCK.conda[::-1], content_hashes={"linux-64": "ab"}, sources=())
    assert conda_lock.packages_digest(same) == digest
    known_better = tuple(
        replace(r, package=replace(r.package, paths_id=None, size=1)) for r in LOCK.conda
    )
    assert conda_lock.packages_digest(replace(LOCK, conda=known_better)) == digest
    for other in (
        replace(LOCK, conda=LOCK.conda[1:]),
        replace(LOCK, pypi=()),
        replace(LOCK, channels=("forge",)),
        replace(LOCK, virtual_packages={}),
        replace(LOCK, conda=(replace(LOCK.conda[0], categories=("dev",)), *LOCK.conda[1:])),
        replace(LOCK, pypi=(replace(LOCK.pypi[0], sha256="0" * 64),)),
    ):
        assert conda_lock.packages_digest(other) != digest
