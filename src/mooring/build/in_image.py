"""Runs inside a fresh image, given to its own interpreter with `-c`: says what is installed.

Standard library only, and nothing newer than Python 3.8: the image's interpreter runs it.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib import metadata

MARK = "mooring-smoke:"


def report() -> dict[str, object]:
    """Return the interpreter, the variables of PEP 508 and each distribution's requirements."""
    info = sys.implementation.version
    release = "" if info.releaselevel == "final" else f"{info.releaselevel[0]}{info.serial}"
    seen: dict[str, object] = {}
    for found in metadata.distributions():
        name = found.metadata["Name"]
        # The first one on the path is the one that an import takes.
        if name and name not in seen:
            seen[name] = {
                "version": found.version,
                "requires": list(found.requires or ()),
                "requires-python": found.metadata["Requires-Python"],
            }
    return {
        "prefix": sys.prefix,
        "environment": {
            "implementation_name": sys.implementation.name,
            "implementation_version": f"{info.major}.{info.minor}.{info.micro}{release}",
            "os_name": os.name,
            "platform_machine": platform.machine(),
            "platform_python_implementation": platform.python_implementation(),
            "platform_release": platform.release(),
            "platform_system": platform.system(),
            "platform_version": platform.version(),
            "python_full_version": platform.python_version(),
            "python_version": ".".join(platform.python_version_tuple()[:2]),
            "sys_platform": sys.platform,
        },
        "distributions": seen,
    }


def main() -> None:
    """Write the report to standard output, on a line of its own."""
    # By its number: start-up files of the image may have replaced the stream.
    with open(1, "w", encoding="utf-8", closefd=False) as out:
        out.write(f"\n{MARK}{json.dumps(report())}\n")


if __name__ == "__main__":
    main()
