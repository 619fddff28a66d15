from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mooring.build import in_image
from mooring.build.daemon import EngineError, RunResult
from mooring.build.smoke import (
    CannotRunHere,
    Installed,
    SmokeError,
    SmokeTest,
    dependency_problems,
    parse_report,
    smoke_test,
)
from mooring.oci.model import LocalImage
from mooring.platforms import PythonVersion

IMAGE = LocalImage(
    image_id="sha256:" + "1" * 64,
    platform="linux/amd64",
    labels=(("dev.mooring.environment-root", "/opt/env"),),
)
ENVIRONMENT = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.4",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6.1.0-fc-v1",
    "platform_system": "Linux",
    "platform_version": "#1",
    "python_full_version": "3.12.4",
    "python_version": "3.12",
    "sys_platform": "linux",
}
PYTHON = PythonVersion(minor=12)


def report(
    distributions: Mapping[str, tuple[str, Sequence[str]]] | None = None, version: str = "3.12.4"
) -> str:
    document = {
        "environment": {**ENVIRONMENT, "python_full_version": version},
        "distributions": {
            name: {"version": found, "requires": list(requires), "requires-python": None}
            for name, (found, requires) in (distributions or {}).items()
        },
    }
    return f"hello from sitecustomize\n{in_image.MARK}{json.dumps(document)}\n"


class Containers:
    """Answers each run with the next result."""

    def __init__(self, *results: RunResult | EngineError) -> None:
        self._results = list(results)
        self.commands: list[tuple[str, ...]] = []

    def run(
        self, image: str, command: Sequence[str], *, timeout: float, labels: Mapping[str, str]
    ) -> RunResult:
        assert image == IMAGE.image_id
        self.commands.append(tuple(command))
        result = self._results.pop(0)
        if isinstance(result, EngineError):
            raise result
        return result


def ended(stdout: str = "", stderr: str = "", code: int | None = 0) -> RunResult:
    return RunResult(code=code, stdout=stdout, stderr=stderr)


def test_an_image_that_works() -> None:
    containers = Containers(ended(report({"a": ("1", ["b>=1"]), "b": ("2", [])})), ended("ok"))
    result = smoke_test(
        IMAGE, SmokeTest(command=("app", "--version")), PYTHON, containers=containers
    )
    assert (result.python, result.distributions, result.command) == (
        "3.12.4",
        2,
        ("app", "--version"),
    )
    (interpreter, *options), command = containers.commands
    assert interpreter == "/opt/env/bin/python"
    assert options[:3] == ["-I", "-B", "-c"]
    assert command == ("app", "--version")


def test_without_the_label_the_interpreter_on_path_is_used() -> None:
    containers = Containers(ended(report()))
    bare = LocalImage(image_id=IMAGE.image_id, platform="linux/amd64")
    smoke_test(bare, SmokeTest(), PYTHON, containers=containers)
    assert containers.commands[0][0] == "python"
    assert len(containers.commands) == 1


@pytest.mark.parametrize(
    ("python", "version", "fits"),
    [
        (PythonVersion(minor=12), "3.12.4", True),
        (PythonVersion(minor=12, patch=4), "3.12.4", True),
        (PythonVersion(minor=12, patch=3), "3.12.4", False),
        (PythonVersion(minor=12, patch=1), "3.12.10", False),
        (PythonVersion(minor=1), "3.12.4", False),
        (PythonVersion(minor=13), "3.12.4", False),
        (PythonVersion(minor=12), "", False),
    ],
)
def test_the_interpreter_must_be_the_locked_one(
    python: PythonVersion, version: str, fits: bool
) -> None:
    containers = Containers(ended(report(version=version)))
    if fits:
        smoke_test(IMAGE, SmokeTest(), python, containers=containers)
        return
    with pytest.raises(SmokeError, match="the environment was locked for") as caught:
        smoke_test(IMAGE, SmokeTest(), python, containers=containers)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([ended(stderr="Segmentation fault", code=139)], r"interpreter .* \(exit code 139\)"),
        ([ended(code=None)], "no end after 120 s"),
        ([ended("nothing useful")], "did not say what is installed"),
        ([ended(report()), ended("a\nb\n", "Traceback: boom\n", code=2)], "exit code 2.*\n.*boom"),
        ([ended(report()), ended(code=None)], "smoke command"),
        ([EngineError('exec: "x": not found')], "cannot be started"),
        ([ended(report({"a": ("1", ["b"])}))], "a needs b, which is not installed"),
    ],
)
def test_an_image_that_does_not_work(results: list[RunResult | EngineError], message: str) -> None:
    with pytest.raises(SmokeError) as caught:
        smoke_test(IMAGE, SmokeTest(command=("x",)), PYTHON, containers=Containers(*results))
    assert re.search(message, str(caught.value), re.DOTALL)


@pytest.mark.parametrize(
    "result",
    [
        EngineError("exec /opt/env/bin/python: exec format error"),
        ended(stderr="exec /opt/env/bin/python: exec format error", code=1),
    ],
)
def test_an_image_for_another_machine(result: RunResult | EngineError) -> None:
    with pytest.raises(CannotRunHere):
        smoke_test(IMAGE, SmokeTest(), PYTHON, containers=Containers(result))


@pytest.mark.parametrize(
    "output",
    ["", in_image.MARK, f"{in_image.MARK}[]", f"{in_image.MARK}{{}}", f"{in_image.MARK}{{"],
)
def test_a_report_that_is_none(output: str) -> None:
    with pytest.raises(SmokeError):
        parse_report(output)


def problems(
    *distributions: tuple[str, str, Sequence[str]],
    overridden: frozenset[str] = frozenset(),
    requires_python: str | None = None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    installed = Installed(
        environment=ENVIRONMENT,
        distributions={
            name: (version, tuple(requires), requires_python)
            for name, version, requires in distributions
        },
    )
    return dependency_problems(installed, overridden)


@pytest.mark.parametrize(
    ("requires", "installed", "problem"),
    [
        ("b", "1", None),
        ("B_._b>=1", "1", "a needs B_._b, which is not installed"),
        ("b>=2", "1", "a needs b>=2, and 1 is installed"),
        ("b>=2", "2.0.dev1", "a needs b>=2, and 2.0.dev1 is installed"),
        ("b>=1", "2.0rc1", None),
        ("c", None, "a needs c, which is not installed"),
        ("c; sys_platform == 'win32'", None, None),
        ("c; extra == 'x'", None, None),
        ("c; python_version >= '3.12'", None, "a needs c, which is not installed"),
        ("b @ https://example.org/b.whl", "1", None),
    ],
)
def test_requirements(requires: str, installed: str | None, problem: str | None) -> None:
    found, notes = problems(("a", "1", [requires]), ("b", installed or "1", []))
    assert found == ((problem,) if problem else ())
    assert notes == ()


def test_extras_that_are_asked_for_count() -> None:
    b = ("b", "1", ["c[Y_y]; extra == 'x'"])
    c = ("C", "1", ["d; extra == 'y-y'", "e; extra == 'z'"])
    assert problems(("a", "1", ["b[x]"]), b, c)[0] == ("C needs d, which is not installed",)
    assert problems(("a", "1", ["b"]), b, c)[0] == ()


def test_overridden_packages_may_differ() -> None:
    a = ("a", "1", ["b<1", "c"])
    found, _ = problems(a, ("B", "2", []), overridden=frozenset({"b", "c"}))
    assert found == ()


@pytest.mark.parametrize("line", ["b (>1.0.*)", "???", "b; platform_release > '6.2-x' and x == 1"])
def test_what_cannot_be_read_is_a_note(line: str) -> None:
    found, notes = problems(("a", "1", [line]), ("b", "1", []))
    assert found == ()
    assert len(notes) == 1


def test_requires_python() -> None:
    assert problems(("a", "1", []), requires_python=">=3.13")[0] == (
        "a needs Python >=3.13, the image has 3.12.4",
    )
    assert problems(("a", "1", []), requires_python=">=3.8") == ((), ())
    assert problems(("a", "1", []), requires_python="three")[0] == ()


def test_an_odd_version_satisfies_no_bound() -> None:
    found, _ = problems(("a", "1", ["b>=1"]), ("b", "not-a-version", []))
    assert found == ("a needs b>=1, and not-a-version is installed",)
    assert problems(("a", "1", ["b"]), ("b", "not-a-version", []))[0] == ()


def test_the_script_reports_this_very_interpreter(capfd: pytest.CaptureFixture[str]) -> None:
    in_image.main()
    installed = parse_report(capfd.readouterr().out)
    assert installed.environment["python_full_version"] == sys.version.split()[0]
    assert "pytest" in installed.distributions
    from packaging.markers import default_environment

    assert dict(installed.environment) == dict(default_environment())


def test_the_script_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(in_image.__file__).read_text(), feature_version=(3, 8))
    names = {
        name.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert names <= sys.stdlib_module_names
