"""Debian's own Python packages: dpkg answers for them, on disk, in images and in processes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from tests.environments import install, locked, selection
from tests.images import layer

from mooring.lock.model import Selected
from mooring.manifest.model import VerifyPolicy
from mooring.verify.collectors.dpkg import database_of, read_owners
from mooring.verify.collectors.folder import Folder
from mooring.verify.collectors.image import LayersCollector, folder_in_layers
from mooring.verify.collectors.path import PathCollector
from mooring.verify.collectors.process import ProcessCollector
from mooring.verify.collectors.surroundings import Surroundings
from mooring.verify.compare import compare
from mooring.verify.findings import Verification
from mooring.verify.inventory import Inventory
from mooring.verify.same_as import compare_inventories
from mooring.verify.tiers import QUICK, Tiers

SITE = "usr/lib/python3/dist-packages"
LOCAL = "usr/local/lib/python3.11/dist-packages"


def debian(root: Path) -> Path:
    """Write a small Debian: python3-yaml, debconf without metadata, pip's own folder."""
    (root / LOCAL).mkdir(parents=True)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/python3").symlink_to("python3.11")
    files = {
        f"{SITE}/yaml/__init__.py": b"x = 1\n",
        f"{SITE}/PyYAML-6.0.egg-info/PKG-INFO": b"Metadata-Version: 2.1\nName: PyYAML\n"
        b"Version: 6.0\n",
    }
    apt_get(root, "python3-yaml:amd64", files)
    # A dist-info whose RECORD was not made for what lies there, as Debian's have.
    info = f"{SITE}/requests-2.28.1.dist-info"
    files = {
        f"{SITE}/requests/__init__.py": b"r = 1\n",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: requests\nVersion: 2.28.1\n",
        f"{info}/INSTALLER": b"debian\n",
        f"{info}/RECORD": b"requests/__init__.py,sha256=" + b"A" * 43 + b",1\n",
    }
    apt_get(root, "python3-requests", files)
    apt_get(root, "debconf", {f"{SITE}/debconf.py": b"d = 1\n", "usr/bin/debconf": b"#!/bin/sh\n"})
    apt_get(root, "libc6", {"usr/lib/libc.so.6": b"\x7fELF"})
    (root / SITE / "__pycache__").mkdir()
    (root / SITE / "__pycache__" / "debconf.cpython-311.pyc").write_bytes(b"")
    (root / SITE / "yaml" / "linked.py").symlink_to("__init__.py")
    with (root / "var/lib/dpkg/info/python3-yaml:amd64.list").open("a") as stream:
        stream.write(f"/{SITE}/yaml/linked.py\n")
    return root / "usr"


def apt_get(root: Path, name: str, files: dict[str, bytes]) -> None:
    info = root / "var/lib/dpkg/info"
    info.mkdir(parents=True, exist_ok=True)
    listed = {"/."}
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
        listed |= {f"/{path}", *(f"/{above}" for above in Path(path).parents)}
    sums = [f"{hashlib.md5(data).hexdigest()}  {path}\n" for path, data in files.items()]
    (info / f"{name}.list").write_text("\n".join(sorted(listed)) + "\n")
    (info / f"{name}.md5sums").write_text("".join(sums))


@pytest.fixture
def usr(tmp_path: Path) -> Path:
    usr = debian(tmp_path / "root")
    install(tmp_path / "root" / LOCAL, "pkg")
    return usr


def on_disk(usr: Path, tiers: Tiers | None = None) -> Inventory:
    return PathCollector(usr, tiers=tiers or Tiers(), caches={}).collect()


def in_layers(usr: Path) -> Inventory:
    data = layer(folder=usr.parent, at=".")

    def opened() -> nullcontext[BytesIO]:
        return nullcontext(BytesIO(data))

    elsewhere = partial(folder_in_layers, [opened], "image")
    return LayersCollector(
        [opened], "image", "image", "/usr", surroundings=Surroundings(elsewhere=elsewhere)
    ).collect()


def in_process(usr: Path) -> Inventory:
    proc = usr.parent.parent / "proc"
    (proc / "12").mkdir(parents=True)
    (proc / "12" / "root").symlink_to(usr.parent)
    return ProcessCollector(12, "/usr", proc=str(proc)).collect()


EVERYWHERE = pytest.mark.parametrize("collect", [on_disk, in_layers, in_process])
Collect = Callable[[Path], Inventory]


def verified(inventory: Inventory, *packages: Selected) -> Verification:
    return compare(selection(*(packages or (locked("pkg"),))), inventory, VerifyPolicy())


def told(verification: Verification) -> list[tuple[str, str | None, str | None]]:
    return [(f.rule.id, f.package, f.path) for f in verification.findings]


@EVERYWHERE
def test_a_clean_debian(usr: Path, collect: Collect) -> None:
    inventory = collect(usr)
    assert told(verified(inventory)) == []
    assert {d.name: d.owner for d in inventory.distributions} == {
        "pkg": None,
        "PyYAML": "python3-yaml",
        "requests": "python3-requests",
    }
    assert {each.name: len(each.files) for each in inventory.system} == {
        "debconf": 1,
        "python3-requests": 4,
        "python3-yaml": 2,
    }


@EVERYWHERE
def test_what_changed_is_found(usr: Path, collect: Collect) -> None:
    site = usr.parent / SITE
    (site / "yaml/__init__.py").write_bytes(b"x = 2\n")
    (site / "debconf.py").unlink()
    (site / "requests/__init__.py").unlink()
    (site / "requests/__init__.py").symlink_to("/etc/passwd")
    (site / "yaml/more.py").write_bytes(b"")
    (site / "stowaway.pth").write_bytes(b"import os\n")
    result = verified(collect(usr))
    inside = SITE.removeprefix("usr/")
    assert sorted(told(result), key=str) == [
        ("MOR106", "python3-requests", f"{inside}/requests/__init__.py"),
        ("MOR106", "python3-yaml", f"{inside}/yaml/__init__.py"),
        ("MOR107", "debconf", f"{inside}/debconf.py"),
        ("MOR108", None, f"{inside}/stowaway.pth"),
        ("MOR108", None, f"{inside}/yaml/more.py"),
    ]
    changed = next(f for f in result.findings if f.package == "python3-yaml")
    assert changed.expected == "md5:" + hashlib.md5(b"x = 1\n").hexdigest()
    assert changed.actual == "md5:" + hashlib.md5(b"x = 2\n").hexdigest()


def test_quick_looks_at_names_only(usr: Path) -> None:
    site = usr.parent / SITE
    (site / "yaml/__init__.py").write_bytes(b"x = 2\n")
    (site / "debconf.py").unlink()
    assert [rule for rule, _, _ in told(verified(on_disk(usr, QUICK)))] == ["MOR107"]


def test_the_locked_package_beside_the_systems(usr: Path) -> None:
    """What pip put into /usr/local comes first on the path, so the other one does not matter."""
    install(usr.parent / LOCAL, "requests", "2.31.0")
    both = (locked("pkg"), locked("requests", "2.31.0"))
    assert told(verified(on_disk(usr), *both)) == []


@pytest.mark.parametrize(("version", "rule"), [("2.28.1", "MOR104"), ("2.31.0", "MOR103")])
def test_the_systems_package_in_place_of_the_locked_one(usr: Path, version: str, rule: str) -> None:
    both = (locked("pkg"), locked("requests", version))
    assert [(r, name) for r, name, _ in told(verified(on_disk(usr), *both))] == [(rule, "requests")]


def test_what_pip_put_into_the_systems_folder(usr: Path) -> None:
    install(usr.parent / SITE, "flotsam")
    assert [(r, name) for r, name, _ in told(verified(on_disk(usr)))] == [("MOR102", "flotsam")]


@EVERYWHERE
def test_without_dpkgs_lists_it_is_unverifiable(usr: Path, collect: Collect) -> None:
    info = usr.parent / "var/lib/dpkg/info"
    for path in info.iterdir():
        path.unlink()
    [finding] = verified(collect(usr)).findings
    assert (finding.rule.id, finding.rule.unverifiable) == ("MOR109", True)
    assert finding.path == "lib/python3/dist-packages"
    assert "dpkg" in finding.message


def test_a_diverted_file(usr: Path) -> None:
    site = usr.parent / SITE
    (site / "debconf.py").rename(site / "debconf.py.distrib")
    apt_get(usr.parent, "cdebconf", {f"{SITE}/debconf.py": b"other\n"})
    (usr.parent / "var/lib/dpkg/diversions").write_text(
        f"/{SITE}/debconf.py\n/{SITE}/debconf.py.distrib\ncdebconf\n"
    )
    assert told(verified(on_disk(usr))) == []


def test_a_package_without_digests(usr: Path) -> None:
    (usr.parent / "var/lib/dpkg/info/debconf.md5sums").unlink()
    [finding] = verified(on_disk(usr)).failing
    assert (finding.rule.id, finding.package) == ("MOR110", "debconf")
    assert "debconf.py" in finding.message


def names(lines: Iterable[str], tmp_path: Path) -> list[str]:
    info = tmp_path / "info"
    info.mkdir()
    (info / "evil.list").write_text("\n".join(lines))
    owners = read_owners(Folder(str(tmp_path)))
    return [path for owner in owners or () for path in owner.listed]


def test_lists_do_not_lead_out(tmp_path: Path) -> None:
    lines = [f"/{SITE}/../../../../etc/passwd", "/etc/shadow", f"/{SITE}/ok.py", f"{SITE}//x.py"]
    assert names(lines, tmp_path) == ["lib/python3/dist-packages/ok.py"]


@pytest.mark.parametrize(
    ("root", "where"),
    [("/usr", "/var/lib/dpkg"), ("/x/usr/", "/x/var/lib/dpkg"), ("/opt/env", None), ("/", None)],
)
def test_where_the_database_is(root: str, where: str | None) -> None:
    assert database_of(root) == where


def test_two_debians(usr: Path, tmp_path: Path) -> None:
    other = on_disk(usr)
    site = usr.parent / SITE
    (site / "yaml/__init__.py").write_bytes(b"x = 2\n")
    (site / "debconf.py").unlink()
    mine = on_disk(usr)
    found = compare_inventories(mine, other, VerifyPolicy()).findings
    assert sorted((f.rule.id, f.package) for f in found) == [
        ("MOR106", "python3-yaml"),
        ("MOR107", "debconf"),
    ]
    assert compare_inventories(mine, mine, VerifyPolicy()).findings == ()
