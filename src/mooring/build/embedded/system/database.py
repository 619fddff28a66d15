"""The database of installed packages, as dpkg keeps it and scanners read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mooring.artifacts.deb_control import write_stanza
from mooring.build.embedded.system.tree import Unpacked

_FOLDER = "/var/lib/dpkg"
_FORMAT = "1\n"
"""Of the folder `info`: names of packages of which several machines' can be there have theirs."""


def database(packages: Iterable[Unpacked]) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of the files of the database.

    Packages stand in it as installed: a scanner looks for what is known of them, and a package
    manager that comes later must not begin to configure them.
    """
    ordered = sorted(packages, key=lambda package: package.fields["Package"])
    yield f"{_FOLDER}/status", "\n".join(map(_status, ordered))
    yield f"{_FOLDER}/info/format", _FORMAT
    for package in ordered:
        name = f"{_FOLDER}/info/{_file_name(package)}"
        yield f"{name}.list", "/.\n" + "".join(f"{path}\n" for path in package.paths)
        conffiles = set(package.conffiles)
        sums = "".join(
            f"{md5}  {path[1:]}\n" for path, md5 in sorted(package.files) if path not in conffiles
        )
        if sums:
            yield f"{name}.md5sums", sums
        if package.conffiles:
            yield f"{name}.conffiles", "".join(f"{path}\n" for path in package.conffiles)


def _status(package: Unpacked) -> str:
    fields: dict[str, str] = {}
    for name, value in package.fields.items():
        fields[name] = value
        if name == "Package":
            fields["Status"] = "install ok installed"
    sums = dict(package.files)
    lines = [f"\n {path} {sums[path]}" for path in package.conffiles if path in sums]
    if lines:
        fields["Conffiles"] = "".join(lines)
    return write_stanza(fields)


def _file_name(package: Unpacked) -> str:
    name = package.fields["Package"]
    if package.fields.get("Multi-Arch", "").lower() == "same":
        return f"{name}:{package.fields['Architecture']}"
    return name
