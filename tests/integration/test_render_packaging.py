"""The wheel of Mooring carries its templates, and renders with them where no repository is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_RENDER = """
import json, sys
from pathlib import Path
from mooring.lock.model import Selection
from mooring.manifest.model import ImageSpec
from mooring.platforms import Platform, PythonVersion
from mooring.render.engine import render
from mooring.render.interface import BaseImage, RenderRequest
from mooring.render.locate import template_root

selection = Selection(
    platform=Platform.parse("linux-64"), python=PythonVersion(minor=12), extras=(), groups=(),
    packages=(),
)
request = RenderRequest(
    project="demo", version=None, environment="default", selections=(selection,),
    image=ImageSpec(), base=BaseImage(reference="base:1"),
)
files = render(request, root=Path.cwd()).files
print(json.dumps({"root": str(template_root()), "files": dict(files)}))
"""


def run(*words: str | Path, cwd: Path) -> str:
    """Run a program and return its standard output."""
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.process
@pytest.mark.index
def test_an_installed_wheel_finds_its_templates(tmp_path: Path) -> None:

    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "dist", ROOT, cwd=tmp_path)
    [wheel] = (tmp_path / "dist").glob("mooring-*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    run(
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--python",
        python,
        "--no-deps",
        wheel,
        cwd=tmp_path,
    )
    run(
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--python",
        python,
        "jinja2",
        "packaging",
        cwd=tmp_path,
    )

    said = json.loads(run(python, "-I", "-c", _RENDER, cwd=tmp_path))
    assert Path(said["root"]).is_relative_to((tmp_path / "venv").resolve())
    assert Path(said["root"]).name == "templates"
    assert said["files"]["Dockerfile"].startswith("# Written by `mooring render`")
    assert sorted(path.name for path in Path(said["root"]).iterdir()) == sorted(
        path.name for path in (ROOT / "templates").iterdir()
    )
