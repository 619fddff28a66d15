"""The drift lab on this machine: each planted drift is found, and nothing is said of the clean."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.drift_lab import (
    DRIFTS,
    SITE,
    Drift,
    Lab,
    drift_lab,
    open_to_the_system,
    rules_of,
    run,
)
from tests.functional.command import Mooring, in_process

from mooring.uv import uv_binary
from mooring.verify.report.json_report import tier_of

pytestmark = pytest.mark.index

SHALLOW = [drift for drift in DRIFTS if not drift.options]


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
    clean(mooring, env, "--quick")
    clean(mooring, env, "--metadata")


@pytest.mark.parametrize("drift", DRIFTS, ids=[drift.name for drift in DRIFTS])
def test_planted(lab: Lab, mooring: Mooring, drift: Drift) -> None:
    env = lab.fresh()
    drift.plant(env)
    outcome = mooring("verify", env, "--format", "json", *drift.options)
    findings = outcome.document["findings"]
    assert rules_of(findings) == drift.rules
    failing = [f["unverifiable"] for f in findings if f["failing"]]
    assert outcome.code == (0 if not failing else 3 if all(failing) else 1)


@contextmanager
def running(env: Path, **variables: str) -> Iterator[str]:
    """Give the id of a process that runs the environment's Python with these variables."""
    words = [str(env / "bin/python"), "-c", "print(1, flush=True); import time; time.sleep(300)"]
    process = subprocess.Popen(words, env=variables, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        yield str(process.pid)
    finally:
        process.kill()
        process.communicate()


def test_clean_process(lab: Lab, mooring: Mooring) -> None:
    with running(lab.fresh(), HOME="/nonexistent") as pid:
        outcome = mooring("verify", "--pid", pid, "--format", "json")
    assert outcome.document["findings"] == []
    assert outcome.document["counts"]["checked"] > 100
    assert outcome.code == 0


def test_d19_variables_of_a_process(lab: Lab, mooring: Mooring) -> None:
    """They are in the inventory, where they matter to Python, and no others are."""
    with running(lab.fresh(), PYTHONHASHSEED="7", OMP_NUM_THREADS="2", API_TOKEN="x") as pid:
        facts = mooring("inventory", "--pid", pid).document["facts"]
    assert facts["variables"] == [["OMP_NUM_THREADS", "2"], ["PYTHONHASHSEED", "7"]]


def test_d20_pythonpath_of_a_process(lab: Lab, mooring: Mooring, tmp_path: Path) -> None:
    (tmp_path / "idna").mkdir()
    (tmp_path / "idna" / "__init__.py").write_text("")
    with running(lab.fresh(), PYTHONPATH=str(tmp_path)) as pid:
        outcome = mooring("verify", "--pid", pid, "--format", "json")
        [finding] = outcome.document["findings"]
        assert (finding["rule"], finding["actual"]) == ("MOR120", f"idna in {tmp_path}")
        assert outcome.code == 1
        (tmp_path / "idna" / "__init__.py").rename(tmp_path / "unrelated.py")
        assert mooring("verify", "--pid", pid).code == 0


def test_d21_user_site_of_a_process(lab: Lab, mooring: Mooring, tmp_path: Path) -> None:
    """Only an environment that is open to the system's packages looks there."""
    user = tmp_path / SITE
    user.mkdir(parents=True)
    (user / "idna.py").write_text("")
    env = lab.fresh()
    with running(env, PYTHONUSERBASE=str(tmp_path)) as pid:
        assert mooring("verify", "--pid", pid).code == 0
        open_to_the_system(env)
        outcome = mooring("verify", "--pid", pid, "--format", "json")
    told = [finding["message"] for finding in outcome.document["findings"]]
    assert rules_of(outcome.document["findings"]) == {("MOR121", None)}
    assert any("the user's own packages" in message for message in told)


def test_d33_stale_lock(lab: Lab, mooring: Mooring) -> None:
    manifest = lab.folder / "pyproject.toml"
    before = manifest.read_text()
    try:
        manifest.write_text(before.replace('"flask"', '"flask>=1"'))
        outcome = mooring("verify", lab.env, "--format", "json")
    finally:
        manifest.write_text(before)
    assert outcome.code == 1
    assert "stale" in outcome.err


@pytest.mark.parametrize("drift", SHALLOW, ids=[drift.name for drift in SHALLOW])
def test_planted_seen_by_metadata_alone(lab: Lab, mooring: Mooring, drift: Drift) -> None:
    """What facts and metadata tell needs no look at any file; what they do not tell is not told."""
    env = lab.fresh()
    drift.plant(env)
    outcome = mooring("verify", env, "--format", "json", "--metadata")
    wanted = {package for rule, package in drift.rules if tier_of(rule) in ("T0", "T1")}
    found = {row["package"] for row in outcome.document["findings"]}
    assert found == wanted


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
