"""The findings that were there before, out of a saved report: only new ones then fail."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mooring.errors import InputError
from mooring.files import read_text
from mooring.verify.report.model import SCHEMA

FILE_LIMIT = 64 << 20
_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")


def read_baseline(path: Path) -> frozenset[str]:
    """Return the fingerprints of the findings in a saved report.

    Raises:
        InputError: The file is absent, too large, or no `report/1`.
    """
    return parse_baseline(read_text(path, limit=FILE_LIMIT), str(path))


def parse_baseline(text: str, where: str) -> frozenset[str]:
    """Return the fingerprints of the findings in a report; nothing else in it is used.

    Raises:
        InputError: The text is no `report/1`; the message names the place in the document.
    """
    try:
        report = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _wrong(f"not valid JSON: {message}", where) from error
    if not isinstance(report, dict) or report.get("schema") != SCHEMA:
        raise _wrong(f"this is no report of the schema {SCHEMA}", where)
    if report.get("command") != "verify":
        raise _wrong("this is no report of a verification", f"{where}: command")
    findings = report.get("findings")
    if not isinstance(findings, list):
        raise _wrong("expected a list", f"{where}: findings")
    return frozenset(
        _fingerprint(row, f"{where}: findings[{number}]") for number, row in enumerate(findings)
    )


def _fingerprint(row: object, where: str) -> str:
    value = row.get("fingerprint") if isinstance(row, dict) else None
    if not isinstance(value, str) or not _FINGERPRINT.fullmatch(value):
        raise _wrong("the finding has no fingerprint", where)
    return value


def _wrong(message: str, where: str) -> InputError:
    return InputError(
        message, where=where, hint="`mooring verify --output json=FILE` writes a baseline"
    )
