"""What surrounds the packages: nothing is started to read it."""

from __future__ import annotations

import io
import tarfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from tests.environments import LINUX, PYTHON, install, locked, make_venv, selection

from mooring.manifest.model import VerifyPolicy
from mooring.verify.collectors.facts import interpreter_of
from mooring.verify.collectors.path import PathCollector
from mooring.verify.collectors.surroundings import UNKNOWN, Surroundings
from mooring.verify.collectors.tar import TarCollector
from mooring.verify.compare import compare
from mooring.verify.facts import running_platform
from mooring.verify.findings import Finding
from mooring.verify.inventory import Facts, Inventory


@pytest.fixture
def env(tmp_path: Path) -> Path:
    install(make_venv(tmp_path / "env"), "pkg")
    return tmp_path / "env"


def program(env: Path, name: str, text: str) -> None:
    (env / "bin" / name).write_text(text)
    info = next(env.glob("lib/python*/site-packages/pkg-1.0.dist-info"))
    record = info / "RECORD"
    record.write_text(record.read_text() + f"../../../bin/{name},,\n")


def look(env: Path, surroundings: Surroundings = UNKNOWN) -> Inventory:
    return PathCollector(env, surroundings=surroundings, caches={}).collect()


def facts(env: Path, surroundings: Surroundings = UNKNOWN) -> Facts:
    found = look(env, surroundings).facts
    assert found is not None
    return found


def findings(inventory: Inventory, **variables: str) -> list[Finding]:
    result = compare(selection(locked("pkg")), inventory, VerifyPolicy(), variables=variables)
    return [finding for finding in result.findings if finding.rule.id != "MOR110"]


def rewrite(env: Path, old: str, new: str) -> None:
    config = env / "pyvenv.cfg"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))


def test_a_clean_environment(env: Path) -> None:
    program(env, "tool", f"#!{env}/bin/python3\nimport pkg\n")
    program(env, "shell", "#!/bin/sh\necho\n")
    program(env, "other", "#!/usr/bin/env python3\n")
    found = facts(env)
    assert (found.venv, found.home, found.home_found) == (True, "/usr/bin", True)
    assert not found.system_packages
    assert found.foreign_scripts == ()
    assert found.variables is None
    assert findings(look(env)) == []


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("#!/opt/env/bin/python3.11\n", "/opt/env/bin/python3.11"),
        ("#! /opt/env/bin/python -I\n", "/opt/env/bin/python"),
        (
            "#!/bin/sh\n'''exec' /opt/long/bin/python3 \"$0\" \"$@\"\n' '''\n",
            "/opt/long/bin/python3",
        ),
        ("#!/bin/sh\n'''exec' \"/opt/a b/bin/python\" \"$0\"\n", "/opt/a b/bin/python"),
        ("#!/bin/sh\n'''exec' \"$(dirname -- \"$0\")\"/'python' \"$0\"\n", None),
        ("#!/bin/sh\n'''exec' \"unclosed\n", None),
        ("#!/usr/bin/env python3\n", None),
        ("#!/bin/bash\n", None),
        ("import python\n", None),
        ("", None),
    ],
)
def test_which_python_a_program_starts(text: str, python: str | None) -> None:
    assert interpreter_of(text.encode()) == python


def test_a_moved_environment(env: Path, tmp_path: Path) -> None:
    program(env, "tool", f"#!{env}/bin/python3\n")
    moved = env.rename(tmp_path / "moved")
    [finding] = findings(look(moved))
    assert (finding.rule.id, finding.rule.severity) == ("MOR126", "warning")
    assert finding.actual == f"{env}/bin/python3"
    assert finding.expected == f"{moved}/bin/python"
    assert "tool" in finding.message


def test_a_copy_whose_original_is_there(env: Path, tmp_path: Path) -> None:
    copy = make_venv(tmp_path / "copy").parents[2]
    install(copy / "lib" / "python3.11" / "site-packages", "pkg")
    program(copy, "tool", f"#!{env}/bin/python\n")
    assert [finding.rule.id for finding in findings(look(copy))] == ["MOR126"]


def test_another_name_of_the_same_place(env: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to("env")
    program(env, "tool", f"#!{tmp_path}/alias/bin/python\n")
    assert findings(look(env)) == []
    assert findings(look(tmp_path / "alias")) == []


def test_a_program_for_the_python_of_the_system(env: Path) -> None:
    program(env, "tool", "#!/usr/bin/python3\n")
    assert findings(look(env)) == []


def test_the_python_it_was_made_from_is_gone(env: Path) -> None:
    rewrite(env, "/usr/bin", "/nowhere/bin")
    [finding] = findings(look(env))
    assert (finding.rule.id, finding.rule.severity) == ("MOR126", "error")
    assert finding.expected == "/nowhere/bin"


def test_elsewhere_absolute_paths_mean_nothing_here(env: Path) -> None:
    rewrite(env, "/usr/bin", "/nowhere/bin")
    program(env, "tool", "#!/opt/env/bin/python\n")
    inventory = look(env, Surroundings(inside="/opt/env"))
    assert inventory.facts is not None
    assert inventory.facts.home_found is None
    assert inventory.facts.libc is None
    assert findings(inventory) == []
    [finding] = findings(look(env, Surroundings(inside="/srv/env")))[:1]
    assert finding.rule.id == "MOR126"


def test_the_packages_of_the_system_are_seen(env: Path) -> None:
    rewrite(env, "packages = false", "packages = true")
    [finding] = findings(look(env))
    assert (finding.rule.id, finding.rule.severity) == ("MOR121", "warning")


def test_another_implementation(env: Path) -> None:
    rewrite(env, "CPython", "PyPy")
    assert [finding.rule.id for finding in findings(look(env))] == ["MOR116"]


def test_pythonpath(env: Path, tmp_path: Path) -> None:
    folder = tmp_path / "path"
    (folder / "harmless").mkdir(parents=True)
    (folder / "pkg").mkdir()
    environ = {"PYTHONPATH": f"{folder}:{tmp_path}/absent:"}
    assert findings(look(env, Surroundings(environ=environ))) == []
    (folder / "pkg" / "__init__.py").write_text("")
    [finding] = findings(look(env, Surroundings(environ=environ)))
    assert (finding.rule.id, finding.rule.severity) == ("MOR120", "error")
    assert finding.actual == f"pkg in {folder}"
    [finding] = findings(look(env, Surroundings(environ=environ, inside="/opt/env")))[:1]
    assert finding.rule.severity == "info"


def test_the_own_packages_of_a_user(env: Path, tmp_path: Path) -> None:
    user = tmp_path / ".local" / "lib" / "python3.11" / "site-packages"
    user.mkdir(parents=True)
    (user / "pkg.py").write_text("")
    home = Surroundings(environ={"HOME": str(tmp_path)})
    assert findings(look(env, home)) == []  # a virtual environment does not look there
    (env / "pyvenv.cfg").unlink()
    inventory = replace(look(env, home), interpreter=look(env).interpreter)
    assert [finding.rule.id for finding in findings(inventory)] == ["MOR121"]
    closed = Surroundings(environ={"HOME": str(tmp_path), "PYTHONNOUSERSITE": "1"})
    assert findings(look(env, closed)) == []


def test_declared_variables(env: Path) -> None:
    environ = {"PYTHONHASHSEED": "1", "TOKEN": "hunter2", "MODE": "x"}
    surroundings = Surroundings(environ=environ, keep=frozenset({"MODE"}))
    inventory = look(env, surroundings)
    assert facts(env, surroundings).variables == (("MODE", "x"), ("PYTHONHASHSEED", "1"))
    # OTHER is none of those that are recorded: nothing is known of it.
    told = findings(inventory, PYTHONHASHSEED="0", MODE="x", LANG="C.UTF-8", OTHER="y")
    assert [(f.rule.id, f.expected, f.actual) for f in told] == [
        ("MOR119", "C.UTF-8", "not set"),
        ("MOR119", "0", "another value"),
    ]
    assert findings(look(env), PYTHONHASHSEED="0") == []


@pytest.mark.parametrize(
    ("libc", "floor", "known"),
    [
        ("glibc 2.36", (2, 36), True),
        ("glibc 2.39.1", (2, 39), True),
        (None, LINUX.floor, False),
        ("glibc", LINUX.floor, False),
        ("musl 1.2", LINUX.floor, False),
    ],
)
def test_the_libc_that_is_there(libc: str | None, floor: tuple[int, int], known: bool) -> None:
    platform, told = running_platform(LINUX, Facts(libc=libc))
    assert (platform.floor, told) == (floor, known)


@pytest.mark.parametrize(("libc", "rules"), [("glibc 2.17", ["MOR117"]), ("glibc 2.40", [])])
def test_a_wheel_that_needs_a_newer_libc(env: Path, libc: str, rules: list[str]) -> None:
    site = env / "lib" / "python3.11" / "site-packages"
    tag = "cp311-cp311-manylinux_2_28_x86_64"
    install(site, "pkg", tags=[tag])
    seen = replace(look(env), facts=Facts(venv=True, libc=libc))
    result = compare(selection(locked("pkg", tag=tag), python=PYTHON), seen, VerifyPolicy())
    assert [finding.rule.id for finding in result.findings] == rules


def test_a_stream_has_its_facts_too(env: Path) -> None:
    program(env, "tool", "#!/old/env/bin/python\n")
    program(env, "fine", "#!/opt/env/bin/python\n" + "x" * 9000)
    rewrite(env, "packages = false", "packages = true")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(env, "env")
    buffer.seek(0)
    surroundings = Surroundings(environ={"PYTHONPATH": "/app"})
    collector = TarCollector(
        lambda: nullcontext(buffer), "container", "web", "/opt/env", surroundings=surroundings
    )
    found = collector.collect().facts
    assert found is not None
    assert found.foreign_scripts == ("tool",)
    assert (found.system_packages, found.libc, found.home_found) == (True, None, None)
    assert [(each.path, each.shadows) for each in found.search_folders] == [("/app", None)]
