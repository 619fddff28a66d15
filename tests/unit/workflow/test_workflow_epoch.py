from __future__ import annotations

import pytest

from mooring.errors import InputError
from mooring.lock.model import Selection
from mooring.platforms import Platform, PythonVersion
from mooring.workflow.epoch import OLDEST, epoch_of

NOTHING = Selection(
    platform=Platform.parse("linux-64"),
    python=PythonVersion(minor=11),
    extras=(),
    groups=(),
    packages=(),
)


def test_without_a_declared_time_it_is_that_of_the_artifacts_or_the_oldest() -> None:
    assert epoch_of(NOTHING, None) == epoch_of(NOTHING, "") == OLDEST


def test_the_declared_time_counts() -> None:
    assert epoch_of(NOTHING, "1700000000") == 1700000000


@pytest.mark.parametrize("text", ["x", "-1", "1.5", " 1", "\u0661\u0662", "\u00b2", "9" * 5000])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a number of seconds") as caught:
        epoch_of(NOTHING, text)
    assert caught.value.where == "SOURCE_DATE_EPOCH"
