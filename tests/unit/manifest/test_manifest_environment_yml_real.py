"""environment.yml as public projects wrote it: read, or refused for the reason given here."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest
from rattler import MatchSpec as Solver

from mooring.errors import InputError, InputProblems
from mooring.manifest.reader import load
from mooring.manifest.requirement import normal_form

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases.tar.xz"

pytestmark = pytest.mark.skipif(not CASES.is_file(), reason="the sample of real files is absent")

# Packages of conda and of PyPI.
READ = {
    "Clay-foundation__model/environment.yml": (2, 13),
    "Fujump__picl/environment.yml": (53, 142),
    "FusRoman__fink-tom/environment.yml": (3, 6),
    "Fw-Franz__fucci_analysis/environment.yml": (59, 1),
    "conda__conda/tests/env/support/channels_with_envvars.yml": (1, 0),
    "conda__conda/tests/env/support/example/environment_host_port.yml": (1, 0),
    "conda__conda/tests/env/support/example/environment_pinned.yml": (1, 0),
    "conda__conda/tests/env/support/valid_keys.yml": (1, 0),
    "ibis-project__ibis/conda/environment.yml": (91, 2),
    "pydata__xarray/ci/requirements/environment.yml": (57, 3),
}
# conda hands the lines for pip on as they are; those that no lock can hold are refused here.
REFUSED = {
    "DeepLabCut__DeepLabCut/conda-environments/DEEPLABCUT.yaml": "the option --pre",
    "Project-MONAI__MONAI/environment-dev.yml": "does not tell which package it is",
    "Stability-AI__stablediffusion/environment.yaml": "the option -e",
    "conda__conda/tests/env/support/advanced-pip/env_template.yml": "the option -e",
    "conda__conda/tests/env/support/invalid_keys.yml": "did you mean 'dependencies'?",
    "deepchem__deepchem/requirements/torch/env_torch.gpu.yml": "the option -f",
    "deepchem__deepchem/requirements/torch/env_torch.win.cpu.yml": "the option -f",
    "graphdeco-inria__gaussian-splatting/environment.yml": "is a file or folder",
    "nebari-dev__nebari-docker-images/jupyterlab/environment.yaml": "does not tell which package",
    # Both are templates, and no YAML or no specification for conda either.
    "pydata__xarray/doc/environment_template.yml": "part of a template",
    "reaktoro__reaktoro/environment.devenv.yml": "the file is a template",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cases")
    with tarfile.open(CASES) as archive:
        wanted = [m for m in archive if m.name.startswith("./01_environment_yml")]
        archive.extractall(root, members=wanted, filter="data")
    return root / "01_environment_yml"


def test_every_file_has_its_answer(folder: Path) -> None:
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.y*ml")}
    assert files == {*READ, *REFUSED}


@pytest.mark.parametrize("name", sorted(READ))
def test_read(folder: Path, name: str) -> None:
    manifest = load(folder / name)
    assert manifest.conda is not None
    found = (len(manifest.conda.requirements), len(manifest.dependencies))
    assert found == READ[name]
    for requirement in manifest.conda.requirements:
        solver = Solver(requirement.text, strict=True)
        assert solver.name.normalized == requirement.name
        line = int(requirement.where.rpartition(":")[2])
        written = (folder / name).read_text(encoding="utf-8").split("\n")[line - 1]
        assert requirement.name in written.lower()
        text = written.strip().removeprefix("- ").partition("#")[0].strip().strip("\"'")
        assert str(Solver(text)) == str(solver)  # what conda's own form means to the solver
    for listed in manifest.dependencies:
        assert normal_form(listed.text) == listed.text


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused(folder: Path, name: str) -> None:
    with pytest.raises(InputError) as raised:
        load(folder / name)
    error = raised.value
    problems = error.problems if isinstance(error, InputProblems) else ()
    places = [problem.where for problem in problems] or [error.where or ""]
    assert all(re.fullmatch(r"[\w.-]+:\d+", place) for place in places), places
    said = [f"{problem.message} {problem.hint}" for problem in problems]
    assert any(REFUSED[name] in text for text in said or [f"{error.message} {error.hint}"]), said
