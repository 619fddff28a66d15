"""The drift lab on this machine: each planted drift is found, and nothing is said of the clean."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.drift_lab import DRIFTS, SITE, Drift, Lab, drift_lab, rules_of, run
from tests.functional.command import Mooring, in_process

from mooring.uv import uv_binary

pytestmark = pytest.mark.index


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with drift_lab(tmp_path_factory.mktemp("drift") / "lab") as made:
        yield made


@pytest.fixture
def mooring(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lab: Lab
) -> Mooring:
    monkeypatch.chdir(lab.folder)
    return in_process(capsys)


def clean(mooring: Mooring, env: Path, *options: str) -> None:
    outcome = mooring("verify", env, "--format", "json", *options)
    told = [f"{f['rule']} {f['package']} {f['message']}" for f in outcome.document["findings"]]
    assert told == []
    assert outcome.document["counts"]["checked"] > 100
    assert outcome.code == 0, outcome.err


def test_clean_by_sync(lab: Lab, mooring: Mooring) -> None:
    env = lab.fresh()
    assert len(list((env / SITE).glob("*.dist-info"))) > 100
    clean(mooring, env)


@pytest.mark.parametrize("drift", DRIFTS, ids=[drift.name for drift in DRIFTS])
def test_planted(lab: Lab, mooring: Mooring, drift: Drift) -> None:
    env = lab.fresh()
    drift.plant(env)
    outcome = mooring("verify", env, "--format", "json", *drift.options)
    findings = outcome.document["findings"]
    assert rules_of(findings) == drift.rules
    failing = [f["unverifiable"] for f in findings if f["failing"]]
    assert outcome.code == (0 if not failing else 3 if all(failing) else 1)


def test_planting_left_the_clean_one_alone(lab: Lab, mooring: Mooring) -> None:
    clean(mooring, lab.fresh())


def test_copied_elsewhere(lab: Lab, mooring: Mooring) -> None:
    """Its programs still start the Python of the place that it was installed in."""
    lab.fresh()
    outcome = mooring("verify", lab.clean, "--format", "json")
    assert rules_of(outcome.document["findings"]) == {("MOR126", None)}
    assert outcome.code == 0


def test_clean_by_uv(lab: Lab, mooring: Mooring, tmp_path: Path) -> None:
    env = tmp_path / "env"
    run(uv_binary(), "venv", "--quiet", "--python", sys.executable, env)
    sync = (uv_binary(), "pip", "sync", "--quiet", "--python", env)
    run(*sync, lab.folder / "pylock.toml")
    clean(mooring, env)


def test_clean_by_pip(lab: Lab, mooring: Mooring, tmp_path: Path) -> None:
    env = tmp_path / "env"
    run(sys.executable, "-m", "venv", "--without-pip", env)
    pip = (sys.executable, "-m", "pip", "--python", env, "install", "--quiet")
    pins = run(uv_binary(), "pip", "freeze", "--python", lab.clean).splitlines()
    run(*pip, "--no-deps", "--no-compile", *pins)
    clean(mooring, env)
