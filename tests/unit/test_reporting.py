from __future__ import annotations

import pytest
from tests.fakes import RecordingReporter

from mooring.reporting import SILENT, Reporter


def _talk(reporter: Reporter) -> None:
    reporter.step("step")
    reporter.detail("detail")
    reporter.note("note")
    reporter.warn("warn")


def test_the_default_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    _talk(SILENT)
    assert capfd.readouterr() == ("", "")


def test_the_fake_keeps_everything(reporter: RecordingReporter) -> None:
    _talk(reporter)
    assert reporter == RecordingReporter(
        steps=["step"], details=["detail"], notes=["note"], warnings=["warn"]
    )
