"""Start-up is a feature: heavy libraries load in the verb that needs them, not before."""

from __future__ import annotations

import sys

import pytest

from mooring.process import run

pytestmark = pytest.mark.process

HEAVY = {
    "docker",
    "filelock",
    "jinja2",
    "packaging.pylock",
    "rattler",
    "requests",
    "rich",
    "tomlkit",
    "uv",
    "yaml",
}


def _loaded(code: str) -> set[str]:
    done = run([sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"])
    assert done.ok, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["mooring", "mooring.cli", "mooring.workflow"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    assert _loaded(f"import {module}") & HEAVY == set()


def test_the_check_sees_a_heavy_import() -> None:
    assert _loaded("import jinja2") & HEAVY == {"jinja2"}


@pytest.mark.parametrize("arguments", ["['--version']", "['--help']", "['lock', '--help']"])
def test_help_loads_nothing_heavy(arguments: str) -> None:
    code = (
        "import contextlib, os\nfrom mooring.cli import main\n"
        f"sys.argv[1:] = {arguments}\n"
        "with open(os.devnull, 'w') as null, contextlib.redirect_stdout(null), "
        "contextlib.suppress(SystemExit):\n    main()"
    )
    loaded = _loaded(code)
    assert "mooring.cli" in loaded
    assert loaded & HEAVY == set()


def test_verifying_a_folder_loads_nothing_of_other_targets() -> None:
    loaded = _loaded("import mooring.cli.verify")
    assert "mooring.verify.collectors.path" in loaded
    others = {"build.engines", "oci.archive", "verify.collectors.tar", "workflow.inspecting"}
    assert loaded & {f"mooring.{name}" for name in others} == set()
    assert (
        loaded & {"concurrent.futures", "shutil", "tempfile", "mooring.verify.report.sarif"}
        == set()
    )
