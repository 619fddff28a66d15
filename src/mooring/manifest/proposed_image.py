"""The image that a first manifest proposes: only what the folder has and what can start."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

_SOURCES = "src"
_WORKDIR = "/app"
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageExample:
    """What goes into an image and how it starts.

    Attributes:
        base: The base image.
        files: The folder or file to copy, relative to the project; None where none was found.
        search_path: Where Python must look for the code, when the working folder would not do.
        module: What `python -m` can run; None where nothing that it can run was found.
    """

    base: str
    files: str | None = None
    search_path: str | None = None
    module: str | None = None

    @classmethod
    def of(cls, root: Path, name: str, base: str) -> ImageExample:
        """Look for the code of a project.

        Args:
            root: The project folder.
            name: The project's name; its package comes before others.
            base: The base image.
        """
        wanted = re.sub(r"[-.]", "_", name)
        if (root / _SOURCES).is_dir():
            return cls(
                base=base,
                files=_SOURCES,
                search_path=f"{_WORKDIR}/{_SOURCES}",
                module=_startable(root / _SOURCES, wanted),
            )
        if (root / wanted).is_dir():
            return cls(base=base, files=wanted, module=_started(root, wanted))
        if (root / f"{wanted}.py").is_file():
            return cls(base=base, files=f"{wanted}.py", module=wanted)
        return cls(base=base)

    def lines(self, prefix: tuple[str, ...]) -> list[str]:
        """Write the table, every line commented out; what is not known stays a comment in it."""
        table = [f"[{'.'.join((*prefix, 'image'))}]", f"base = {json.dumps(self.base)}"]
        if self.files:
            table.append(f"files = {json.dumps([self.files])}")
        else:
            table.append('# files = ["FOLDER"]  (no code was found here: name what to copy)')
        if self.search_path:
            table.append(f"env = {{ PYTHONPATH = {json.dumps(self.search_path)} }}")
        if self.module:
            table.append(f"entrypoint = {json.dumps(['python', '-m', self.module])}")
        else:
            table.append(
                '# entrypoint = ["python", "-m", "NAME"]  '
                "(nothing with a __main__.py was found: name what to start)"
            )
        return [f"# {line}" for line in table]


def _startable(folder: Path, wanted: str) -> str | None:
    """Return what `python -m` can run in a folder: the wanted name, else the only one there is."""
    if found := _started(folder, wanted):
        return found
    others = sorted(
        path.parent.name
        for path in folder.glob("*/__main__.py")
        if _MODULE.fullmatch(path.parent.name)
    )
    return others[0] if len(others) == 1 else None


def _started(folder: Path, name: str) -> str | None:
    runs = (folder / name / "__main__.py").is_file() or (folder / f"{name}.py").is_file()
    return name if runs else None
