"""The house keeps its rules, and each rule is shown something that breaks it."""

from __future__ import annotations

import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
from tests.house import (
    FORBIDDEN_HOSTS,
    MACHINE_PATHS,
    MAX_LINES,
    RANKS,
    ROOT,
    SOURCE,
    UNPINNED_ACTION,
    adapter_problems,
    cycles,
    import_time_problems,
    matches,
    package_of,
    rank_problems,
    size_problems,
    terminal_problems,
    writing_problems,
)


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """Return the text of every module of ours by its dotted name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path.read_text(encoding="utf-8")
    assert "mooring.errors" in found
    return found


def project_files() -> list[Path]:
    """Return what git tracks or would track."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    listed = subprocess.run(
        [git, "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def test_imports_point_to_lower_ranks(sources: dict[str, str]) -> None:
    assert rank_problems(sources) == []


def test_imports_have_no_cycles(sources: dict[str, str]) -> None:
    assert cycles(sources) == []


def test_every_package_has_a_rank(sources: dict[str, str]) -> None:
    assert {package_of(module) for module in sources} - {""} <= set(RANKS)


def test_outside_modules_have_one_adapter(sources: dict[str, str]) -> None:
    assert adapter_problems(sources) == []


def test_only_cli_knows_the_terminal(sources: dict[str, str]) -> None:
    assert terminal_problems(sources) == []


def test_importing_does_nothing(sources: dict[str, str]) -> None:
    assert import_time_problems(sources) == []


def test_files_are_written_in_named_places(sources: dict[str, str]) -> None:
    assert writing_problems(sources) == []


def test_modules_and_functions_stay_small(sources: dict[str, str]) -> None:
    assert size_problems(sources) == []


def test_templates_end_in_j2() -> None:
    files = [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    assert files
    assert [path.name for path in files if path.suffix != ".j2"] == []


@pytest.mark.process
def test_no_file_names_a_package_index() -> None:
    assert matches(FORBIDDEN_HOSTS, project_files()) == []


@pytest.mark.process
def test_product_files_know_no_machine() -> None:
    places = {"src", "templates", "docs", "README.md", "examples", ".github"}
    files = [path for path in project_files() if path.relative_to(ROOT).parts[0] in places]
    assert files
    assert matches(MACHINE_PATHS, files) == []


@pytest.mark.process
def test_actions_are_pinned() -> None:
    files = [path for path in project_files() if path.is_relative_to(ROOT / ".github")]
    assert files
    assert matches(UNPINNED_ACTION, files) == []


# The rules themselves, each shown something that breaks it.


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("mooring.lock.model", "from mooring.resolve.interface import Resolver"),
        ("mooring.resolve.pypi", "def f():\n    import mooring.verify.compare"),
        ("mooring.manifest.model", "from mooring.oci import reference"),
        ("mooring.build.docker", "from mooring.render.engine import render"),
        ("mooring.verify.compare", "from mooring.build.interface import Builder"),
        ("mooring.errors", "from mooring import lock"),
        ("mooring.newcomer.model", "from mooring.errors import MooringError"),
        ("mooring", "from mooring.cli import main"),
    ],
)
def test_rank_rule_sees(module: str, text: str) -> None:
    others = dict.fromkeys(
        ("mooring.lock", "mooring.oci", "mooring.oci.reference", "mooring.render.engine"), ""
    )
    assert len(rank_problems({**others, module: text})) == 1


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("mooring.files", "from mooring.digests import sha256_hex"),
        ("mooring.build.docker", "from mooring.render.interface import Rendered"),
        ("mooring.resolve.pypi", "from mooring.resolve.interface import Resolver"),
        ("mooring.cli.lock", "from mooring import __version__, workflow"),
        ("mooring.lock.select", "import packaging.tags"),
    ],
)
def test_rank_rule_allows(module: str, text: str) -> None:
    assert rank_problems({"mooring.workflow": "", module: text}) == []


def test_cycle_rule_sees_a_cycle_of_three() -> None:
    ring = {
        "mooring.lock": "",
        "mooring.lock.a": "from mooring.lock import b",
        "mooring.lock.b": "from mooring.lock.c import thing",
        "mooring.lock.c": "def f():\n    from mooring.lock.a import thing",
        "mooring.lock.d": "from mooring.lock.a import thing",
    }
    found = cycles(ring)
    assert "mooring.lock.c -> mooring.lock.a" in found
    assert cycles({**ring, "mooring.lock.c": ""}) == []


def test_adapter_rule_sees_a_hidden_import() -> None:
    text = "def f():\n    from rich.console import Console"
    assert adapter_problems({"mooring.verify.table": text}) == [
        "mooring.verify.table:2 imports rich.console"
    ]
    assert adapter_problems({"mooring.cli.verify": text, "mooring.uv": "import uv"}) == []


@pytest.mark.parametrize(
    "text", ["print(1)", "import sys\nsys.exit(1)", "raise SystemExit(2)", "sys.stderr.write('x')"]
)
def test_terminal_rule_sees(text: str) -> None:
    assert len(terminal_problems({"mooring.lock.model": text})) == 1
    assert terminal_problems({"mooring.cli.lock": text}) == []


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("import os\nHOME = os.environ['HOME']", 1),
        ("class A:\n    place = Path.cwd()", 1),
        ("def f(place=Path.home()): ...", 1),
        ("def f():\n    return os.environ['HOME']", 0),
        ("NOW = lambda: os.getcwd()", 0),
    ],
)
def test_import_time_rule(text: str, problems: int) -> None:
    assert len(import_time_problems({"mooring.lock.model": text})) == problems


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("path.write_text('x')", 1),
        ("open('a', 'w')", 1),
        ("path.open('ab')", 1),
        ("path.open(mode='r+b')", 1),
        ("path.open('rb')", 0),
        ("open('w')", 0),
        ("path.open()", 0),
    ],
)
def test_writing_rule(text: str, problems: int) -> None:
    assert len(writing_problems({"mooring.lock.model": text})) == problems
    assert writing_problems({"mooring.files": text}) == []


def test_size_rule_sees() -> None:
    assert size_problems({"mooring.a": "x = 1\n" * (MAX_LINES + 1)})
    assert size_problems({"mooring.a": "def f():  # no" + "qa: PLR0915"})
    assert size_problems({"mooring.a": "x = 1\n" * MAX_LINES}) == []


def test_text_rules_see() -> None:
    assert FORBIDDEN_HOSTS.search("https://" + ".".join(("files", "pythonhosted", "org")) + "/x")
    assert not FORBIDDEN_HOSTS.search("https://packages.example.org/simple/")
    assert MACHINE_PATHS.search("see .." + "/sha" + "red/facts")
    assert UNPINNED_ACTION.search("- uses: actions/checkout@v7")
    assert UNPINNED_ACTION.search(f"uses: actions/checkout@{'a' * 40}")
    assert not UNPINNED_ACTION.search(f"uses: actions/checkout@{'a' * 40} # v7.0.1")
    assert not MACHINE_PATHS.search("~/workspace/project and /home/me/work")


def test_no_folder_of_tests_is_left_out_by_its_name(pytestconfig: pytest.Config) -> None:
    patterns = pytestconfig.getini("norecursedirs")
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    names = {part for folder in folders for part in folder.relative_to(ROOT).parts}
    assert not [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]
