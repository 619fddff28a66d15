"""Where on this machine a Python of one version may be."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from mooring.platforms import PythonVersion


def places_of(version: PythonVersion, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield programs that may be a Python of a version; some do not exist, some are another.

    Args:
        version: With a patch release, the folders of pyenv and uv are looked into as well.
        environ: The variables that say where programs are.
    """
    name = f"python{version.short}"
    for folder in filter(None, environ.get("PATH", "").split(os.pathsep)):
        # Most machines have it under its own name.
        yield from (Path(folder, each) for each in (name, "python3"))
    if version.patch is not None:
        yield from _managed(version, name, environ)


def _managed(version: PythonVersion, name: str, environ: Mapping[str, str]) -> Iterator[Path]:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    pyenv = environ.get("PYENV_ROOT") or (f"{home}/.pyenv" if home else "")
    data = environ.get("XDG_DATA_HOME") or (f"{home}/.local/share" if home else "")
    installed = environ.get("UV_PYTHON_INSTALL_DIR") or (f"{data}/uv/python" if data else "")
    if pyenv:
        yield Path(pyenv, "versions", str(version), "bin", name)
    if installed:
        # Folders that may not be looked into are as good as none.
        with contextlib.suppress(OSError):
            yield from sorted(Path(installed).glob(f"cpython-{version}-*/bin/{name}"))
