"""The machine formats by name; all are made from the one document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from mooring.verify.report.model import Report

Format = Literal["json", "sarif", "junit", "github", "markdown"]
FORMATS: tuple[Format, ...] = get_args(Format)


def render(report: Report, form: Format) -> str:
    """Return the report in a format, with a newline at the end of a text that is not empty."""
    return _renderers()[form](report)


def _renderers() -> Mapping[Format, Callable[[Report], str]]:
    # Each run needs one or two of these, and most runs none.
    from mooring.verify.report.github import github_text
    from mooring.verify.report.json_report import json_text
    from mooring.verify.report.junit import junit_text
    from mooring.verify.report.markdown import markdown_text
    from mooring.verify.report.sarif import sarif_text

    return {
        "json": json_text,
        "sarif": sarif_text,
        "junit": junit_text,
        "github": github_text,
        "markdown": markdown_text,
    }
