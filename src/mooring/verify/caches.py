"""Changed files that other environments share: MOR134."""

from __future__ import annotations

import shlex

from mooring.verify import rules
from mooring.verify.files import odd_files
from mooring.verify.findings import Finding
from mooring.verify.inventory import Distribution
from mooring.verify.shown import shown


def check_shared(name: str, distribution: Distribution, fix: str) -> Finding | None:
    """Return where the changed files of a distribution have other names, None when nowhere.

    An installer that makes hard links writes one file for all environments and its cache: an edit
    in one is an edit in all, and the next environment is installed with it.
    """
    files = [file for file in odd_files(distribution.files) if file.links is not None]
    if not files:
        return None
    shared = next((file.shared for file in files if file.shared), None)
    others = max((file.links or 1) - 1 for file in files) - (1 if shared else 0)
    places = ["uv's cache"] if shared else []
    if others:
        more = "1 other place" if others == 1 else f"{others} other places"
        places.append(f"{more}, such as environments" + ("" if shared else " or a cache"))
    number = "a changed file" if len(files) == 1 else f"{len(files)} changed files"
    return Finding(
        rule=rules.SHARED,
        message=f"{number} can be found in {' and in '.join(places)} too: hard links",
        package=name,
        actual=shown(shared) if shared else None,
        fix=f"uv cache clean {shlex.quote(name)} && {fix}",
    )
