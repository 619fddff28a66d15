"""Files as public projects wrote them: each loads, or is refused with a place."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest

from mooring.errors import InputError, InputProblems
from mooring.manifest.editor import propose
from mooring.manifest.reader import load
from mooring.manifest.requirement import normal_form
from mooring.platforms import PythonVersion

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases.tar.xz"

pytestmark = pytest.mark.skipif(not CASES.is_file(), reason="the sample of real files is absent")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("cases")
    with tarfile.open(CASES) as archive:
        archive.extractall(folder, filter="data")
    found = sorted(path for path in folder.rglob("*") if path.is_file() and _is_source(path))
    assert len(found) > 30
    return found


def _is_source(path: Path) -> bool:
    if path.name == "pyproject.toml" or path.suffix == ".in":
        return True
    return path.suffix == ".txt" and "requirements" in path.as_posix()


def test_each_loads_in_normal_form_or_is_refused_with_a_place(files: list[Path]) -> None:
    loaded = 0
    for path in files:
        try:
            manifest = load(path)
        except InputError as error:
            _check_places(path, error)
            continue
        loaded += 1
        every = [
            *manifest.dependencies,
            *manifest.constraints,
            *(r for _, listed in (*manifest.extras, *manifest.groups) for r in listed),
        ]
        for requirement in every:
            assert normal_form(requirement.text) == requirement.text
            assert requirement.text.startswith(requirement.name)
            assert requirement.where.startswith(tuple(p.name for p in manifest.inputs))
    assert loaded > len(files) / 2


def _check_places(path: Path, error: InputError) -> None:
    if not isinstance(error, InputProblems):
        assert error.where, path
        return
    for problem in error.problems:
        assert re.match(r"[^:]+:\d+", problem.where), f"{path}: {problem}"


def test_what_loads_gets_a_manifest_that_loads(files: list[Path]) -> None:
    for path in files:
        if path.name not in ("pyproject.toml", "requirements.txt", "requirements.in"):
            continue
        try:
            proposal = propose(path.parent, python=PythonVersion(minor=12))
        except InputError:
            continue
        before = load(path.parent) if "no requirements yet" not in proposal.found[0] else None
        proposal.path.write_bytes(proposal.content.encode())
        after = load(path.parent)
        proposal_path = after.path
        assert proposal_path == proposal.path
        if before is not None:
            assert after.dependencies == before.dependencies
            assert after.groups == before.groups
        # The next file of the same folder starts again from what the project wrote.
        _restore(proposal.path, proposal.content)


def _restore(path: Path, content: str) -> None:
    if path.name == "mooring.toml":
        path.unlink()
        return
    at = content.index("\n[tool.mooring]")
    path.write_bytes(content[:at].encode())
