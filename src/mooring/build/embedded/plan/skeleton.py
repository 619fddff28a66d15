"""The empty virtual environment, written without running any Python."""

from __future__ import annotations

import contextlib
import io
import posixpath
from collections.abc import Callable
from contextlib import AbstractContextManager

from mooring.build.embedded.interface import Entry, Place
from mooring.oci.store import Source


def skeleton_entries(place: Place, version: str | None) -> tuple[Entry, ...]:
    """Return what `python -m venv --without-pip` would make at the place, sorted by path.

    Args:
        place: Where the environment is, and the base's interpreter.
        version: X.Y.Z of that interpreter; its line is left out where it is not known.
    """
    lines = [
        f"home = {posixpath.dirname(place.interpreter)}",
        "implementation = CPython",
        *([f"version_info = {version}"] if version else []),
        "include-system-site-packages = false",
    ]
    links = {
        "bin/python": place.interpreter,
        "bin/python3": "python",
        f"bin/python{place.python.short}": "python",
        # Some packages and all tools of Debian and Fedora look for compiled modules there.
        "lib64": "lib",
    }
    found = [
        Entry(path=f"{place.root}/{path}", kind="symlink", mode=0o777, target=target)
        for path, target in links.items()
    ]
    found.append(Entry(path=place.site_packages, kind="directory", mode=0o755))
    found.append(text_entry(f"{place.root}/pyvenv.cfg", "\n".join([*lines, ""])))
    return tuple(sorted(found, key=lambda entry: entry.path))


def text_entry(path: str, text: str) -> Entry:
    """Return a file of mode 0644 with this text, and with the odd bytes that a base had in it."""
    data = text.encode("utf-8", "surrogateescape")
    return Entry(path=path, size=len(data), open=opener(data))


def opener(data: bytes) -> Callable[[], AbstractContextManager[Source]]:
    """Return what opens bytes that are in memory."""

    def open_it() -> AbstractContextManager[Source]:
        return contextlib.closing(io.BytesIO(data))

    return open_it
