"""The licence of a package as it declares it: an SPDX expression where it says one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_NAME = 100
"""Characters of a licence that has a name only; more than that is a licence's whole text."""
_LONGEST_EXPRESSION = 500
_MOST_CLASSIFIERS = 200

_APPROVED = "License :: OSI Approved"
_PREFIX = "License :: "

# Only classifiers that mean exactly one licence of the SPDX list. "BSD License" means one of
# several, and "GNU General Public License (GPL)" names no version: those stay names.
_IDS = {
    "Academic Free License (AFL)": "AFL-3.0",
    "Apache Software License": "Apache-2.0",
    "Blue Oak Model License (BlueOak-1.0.0)": "BlueOak-1.0.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "CEA CNRS Inria Logiciel Libre License, version 2.1 (CeCILL-2.1)": "CECILL-2.1",
    "CMU License (MIT-CMU)": "MIT-CMU",
    "CeCILL-B Free Software License Agreement (CECILL-B)": "CECILL-B",
    "CeCILL-C Free Software License Agreement (CECILL-C)": "CECILL-C",
    "Common Development and Distribution License 1.0 (CDDL-1.0)": "CDDL-1.0",
    "Eclipse Public License 1.0 (EPL-1.0)": "EPL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "Educational Community License, Version 2.0 (ECL-2.0)": "ECL-2.0",
    "European Union Public Licence 1.0 (EUPL 1.0)": "EUPL-1.0",
    "European Union Public Licence 1.1 (EUPL 1.1)": "EUPL-1.1",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "IBM Public License": "IPL-1.0",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "MirOS License (MirOS)": "MirOS",
    "Mozilla Public License 1.0 (MPL)": "MPL-1.0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Mulan Permissive Software License v2 (MulanPSL-2.0)": "MulanPSL-2.0",
    "NASA Open Source Agreement v1.3 (NASA-1.3)": "NASA-1.3",
    "Open Software License 3.0 (OSL-3.0)": "OSL-3.0",
    "PostgreSQL License": "PostgreSQL",
    "Python License (CNRI Python License)": "CNRI-Python",
    "Python Software Foundation License": "PSF-2.0",
    "Qt Public License (QPL)": "QPL-1.0",
    "SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
    "Sleepycat License": "Sleepycat",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "University of Illinois/NCSA Open Source License": "NCSA",
    "Vovida Software License 1.0": "VSL-1.0",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "zlib/libpng License": "Zlib",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Licence:
    """What a package says about its licence.

    Attributes:
        expression: Valid SPDX expression in its canonical spelling; None when it declares none.
        name: What it says instead, one line; None where there is an expression, or nothing.
    """

    expression: str | None = None
    name: str | None = None


def declared_licence(
    expression: str | None, classifiers: Sequence[str] = (), text: str | None = None
) -> Licence:
    """Return the licence that a distribution's metadata declares.

    The first of these that is there: a valid `License-Expression` (PEP 639); one classifier that
    means one SPDX licence; a `License` field that is an SPDX expression; the names of the
    classifiers (several of them do not say whether all hold or one may be chosen); the first line
    of the `License` field.
    """
    for candidate in (expression, _of_classifiers(classifiers), text):
        if candidate is not None and (valid := spdx_expression(candidate)) is not None:
            return Licence(expression=valid)
    name = "; ".join(_names(classifiers)) or _first_line(expression) or _first_line(text)
    return Licence(name=_shortened(name) if name else None)


def spdx_expression(text: str) -> str | None:
    """Return an SPDX expression in canonical spelling, or None for what is none."""
    text = text.strip()
    if not text or len(text) > _LONGEST_EXPRESSION or not text.isprintable():
        return None
    # Its table of licences is not needed by the verbs that make no documents.
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return str(canonicalize_license_expression(text))
    except (InvalidLicenseExpression, RecursionError):
        return None


def _of_classifiers(classifiers: Sequence[str]) -> str | None:
    names = _names(classifiers)
    return _IDS.get(names[0]) if len(names) == 1 else None


def _names(classifiers: Sequence[str]) -> list[str]:
    """Return the last parts of licence classifiers, sorted, those without meaning left out."""
    found = {
        text.rpartition(" :: ")[2].strip()
        for text in classifiers[:_MOST_CLASSIFIERS]
        if text.startswith(_PREFIX) and text.strip() != _APPROVED
    }
    return sorted(name for name in found if name and name.isprintable())


def _first_line(text: str | None) -> str | None:
    line = next((line.strip() for line in (text or "").splitlines() if line.strip()), None)
    if line is None or line.upper() == "UNKNOWN":
        return None
    return "".join(c if c.isprintable() else " " for c in line)


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…"
