"""Where templates are: the built-in ones beside the package, a project's own inside the project."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import mooring
from mooring.errors import InputError, MooringError
from mooring.files import read_text

SUFFIX = ".j2"
DOCKERFILE_SUFFIX = f".Dockerfile{SUFFIX}"
CONDA_TEMPLATE = "conda"
"""The built-in template for locks with conda packages; it is for no others."""

MAX_TEMPLATE_BYTES = 1 << 20

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateFile:
    """A template's text, with the name that messages use."""

    path: Path
    shown: str
    text: str


def template_root() -> Path:
    """Return the folder of the built-in templates.

    A wheel holds them as `mooring/templates`; an editable install finds them in the repository.

    Raises:
        MooringError: The installation is incomplete.
    """
    package = Path(mooring.__file__).resolve().parent
    for folder in (package / "templates", package.parents[1] / "templates"):
        if any(folder.glob(f"*{DOCKERFILE_SUFFIX}")):
            return folder
    raise MooringError(
        "the built-in templates are missing from this installation",
        where=str(package / "templates"),
        hint="install mooring again",
    )


def builtin_names() -> tuple[str, ...]:
    """Return the names that `template = "..."` knows without a path, sorted."""
    found = template_root().glob(f"*{DOCKERFILE_SUFFIX}")
    names = (path.name.removesuffix(DOCKERFILE_SUFFIX) for path in found)
    return tuple(sorted(name for name in names if name != CONDA_TEMPLATE))


def load_template(name: str, root: Path) -> TemplateFile | None:
    """Read a template by the name that a manifest, `extends` or `include` gives it.

    Args:
        name: A built-in name (`slim`, `slim.Dockerfile.j2`) or a path relative to `root`.
        root: The project folder; no template outside it is read.

    Returns:
        The template, or None when there is no such file.

    Raises:
        InputError: The file is outside the project, too large or not UTF-8.
    """
    if (builtin := _builtin(name)) is not None:
        return _read(builtin, f"<built-in>/{builtin.name}")
    try:
        path, inside = (root / name).resolve(), root.resolve()
        exists = path.is_file()
    except (OSError, RuntimeError, ValueError):
        return None  # a name that no file can have, or links that go in a circle
    if not path.is_relative_to(inside):
        raise InputError(
            f"the template {name!r} is outside the project",
            where=str(root),
            hint="copy it into the project; built-in templates: " + ", ".join(builtin_names()),
        )
    return _read(path, name) if exists else None


def missing_hint(name: str) -> str:
    """Return what to do about a template that does not exist."""
    known = ", ".join(builtin_names())
    if "/" in name or name.endswith(SUFFIX):
        return f"paths are relative to the project folder; built-in templates: {known}"
    return f"built-in templates: {known}; write a path for a template of the project"


def _builtin(name: str) -> Path | None:
    wanted = (f"{name}{DOCKERFILE_SUFFIX}", name)
    found = template_root().glob(f"*{SUFFIX}")
    return next((path for path in found if path.name in wanted), None)


def _read(path: Path, shown: str) -> TemplateFile:
    text = read_text(path, shown=shown, limit=MAX_TEMPLATE_BYTES)
    if found := _CONTROL.search(text):
        raise InputError(
            f"the template holds the control character U+{ord(found[0]):04X}",
            where=f"{shown}:{text.count(chr(10), 0, found.start()) + 1}",
            hint="remove it",
        )
    return TemplateFile(path=path, shown=shown, text=text)
