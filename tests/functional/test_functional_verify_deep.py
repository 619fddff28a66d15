"""`mooring verify --deep`: the index has the last word, and its absence is told."""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

import pytest
from tests.fakes import FakeIndex
from tests.functional.command import Mooring, in_process, manifest

pytestmark = [pytest.mark.process, pytest.mark.network]

SITE = f"lib/python3.{sys.version_info.minor}/site-packages"


@pytest.fixture
def mooring(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fake_index: FakeIndex,
) -> Mooring:
    fake_index.add("alpha", "1.0", files={"alpha.py": b"a = 1\n"})
    text = manifest(fake_index).replace('"3.11"', f'"3.{sys.version_info.minor}"')
    (tmp_path / "pyproject.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    run = in_process(capsys)
    assert run("lock").code == 0
    assert run("sync").code == 0
    return run


def edit_both(folder: Path) -> None:
    site = folder / ".venv" / SITE
    (site / "alpha.py").write_bytes(b"a = 2\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"a = 2\n").digest()).rstrip(b"=").decode()
    record = site / "alpha-1.0.dist-info" / "RECORD"
    rows = record.read_text().splitlines()
    rows = [f"alpha.py,sha256={digest},6" if r.startswith("alpha.py,") else r for r in rows]
    record.write_text("\n".join(rows) + "\n")


def test_an_edited_file_with_an_edited_record(mooring: Mooring, tmp_path: Path) -> None:
    assert mooring("verify", "--deep").code == 0
    edit_both(tmp_path)
    assert mooring("verify").code == 0
    outcome = mooring("verify", "--deep", "--format", "json")
    assert outcome.code == 1
    [finding] = outcome.document["findings"]
    assert (finding["rule"], finding["path"]) == ("MOR106", f"{SITE}/alpha.py")


def test_without_the_index_it_is_counted(mooring: Mooring, fake_index: FakeIndex) -> None:
    fake_index.stop()
    outcome = mooring("verify", "--deep", "--format", "json")
    [finding] = outcome.document["findings"]
    assert (finding["rule"], finding["unverifiable"]) == ("MOR109", True)
    assert "cannot be reached" in finding["message"]
    assert outcome.document["counts"]["unverifiable"] == 1
    assert outcome.code == 0
    assert mooring("verify", "--deep", "--strict").code == 3
