"""The options that name a target, and which of them go together."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mooring.cli.verify_target import TargetOptions, target_options
from mooring.workflow.inspecting import prefix_of
from mooring.workflow.target import Target


def chosen(*arguments: str) -> Target | str:
    """Return the target that arguments name, or how click refused them."""
    found: list[TargetOptions] = []

    @click.command()
    @target_options
    def command(at: TargetOptions) -> None:
        found.append(at)

    result = CliRunner().invoke(command, arguments)
    return found[0].target(Path("default")) if found else result.output


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ((), Target(form="path", name="default")),
        (("env",), Target(form="path", name="env")),
        (("--python", "bin/python"), Target(form="python", name="bin/python")),
        (("--container", "web"), Target(form="container", name="web")),
        (
            ("--container", "web", "--trust", "probe", "--root", "/x"),
            Target(form="container", name="web", trust="probe", root="/x"),
        ),
        (("--image", "oci:x:1"), Target(form="image", name="oci:x:1")),
        (
            ("--image", "web", "--platform", "linux-aarch64"),
            Target(form="image", name="web", platform="linux/arm64"),
        ),
        (("--tar", "-", "--root", "/opt/env"), Target(form="tar", name="-", root="/opt/env")),
        (("--pid", "12"), Target(form="pid", name="12")),
        (("--pid", "12", "--trust", "none"), Target(form="pid", name="12", trust="none")),
        (("--host", "me@there", "--root", "x"), Target(form="host", name="me@there", root="x")),
    ],
)
def test_a_target(arguments: tuple[str, ...], target: Target) -> None:
    assert chosen(*arguments) == target


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("env", "--container", "web"), "give one of"),
        (("--image", "a", "--pid", "1"), "give one of"),
        (("env", "--root", "/x"), "--root is for"),
        (("--root", "/x"), "--root is for"),
        (("--host", "there", "--trust", "none"), "--trust none"),
        (("--image", "a", "--trust", "probe"), "--trust probe"),
        (("--trust", "probe"), "--trust probe"),
        (("--container", "a", "--platform", "linux/arm64"), "--platform is for --image"),
    ],
)
def test_what_does_not_go_together(arguments: tuple[str, ...], message: str) -> None:
    said = chosen(*arguments)
    assert isinstance(said, str)
    assert message in said


def test_the_prefix_of_an_interpreter(tmp_path: Path) -> None:
    base, venv = tmp_path / "base", tmp_path / "venv"
    for folder in (base / "bin", venv / "bin"):
        folder.mkdir(parents=True)
    (base / "bin" / "python3.11").write_bytes(b"")
    (venv / "pyvenv.cfg").write_text("home = x\n")
    (venv / "bin" / "python").symlink_to(base / "bin" / "python3.11")
    (tmp_path / "python").symlink_to(base / "bin" / "python3.11")
    assert prefix_of(venv / "bin" / "python") == venv
    assert prefix_of(base / "bin" / "python3.11") == base
    assert prefix_of(tmp_path / "python") == base
