"""The one time that decides an image: `SOURCE_DATE_EPOCH`."""

from __future__ import annotations

import re
from datetime import datetime

from mooring.errors import InputError
from mooring.lock.model import Selection

OLDEST = 315532800
"""1980-01-01 UTC, the oldest time that zip-based tools take."""

_SECONDS = re.compile(r"[0-9]{1,11}")  # to the year 5138; larger ones make no date


def epoch_of(selection: Selection, declared: str | None) -> int:
    """Return the set `SOURCE_DATE_EPOCH`, else the newest upload time of the selection.

    Args:
        selection: What the image holds.
        declared: The variable's text, or None when it is not set.

    Raises:
        InputError: The variable is no number of seconds.
    """
    if declared:
        if not _SECONDS.fullmatch(declared):
            raise InputError(
                f"{declared!r} is not a number of seconds since 1970", where="SOURCE_DATE_EPOCH"
            )
        return int(declared)
    uploads = (
        selected.artifact.upload_time
        for selected in selection.packages
        if selected.artifact.upload_time
    )
    times = (int(datetime.fromisoformat(text).timestamp()) for text in uploads)
    return max(OLDEST, *times, OLDEST)
