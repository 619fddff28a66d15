"""The first manifest of a project, proposed from what its folder already holds."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from mooring.errors import InputError
from mooring.files import read_text
from mooring.manifest.dockerfile import base_image
from mooring.manifest.locate import MOORING_TOML, PYPROJECT, REQUIREMENTS, has_keys, unread
from mooring.manifest.model import Manifest, Requirement
from mooring.manifest.places import inside
from mooring.manifest.proposed_image import ImageExample
from mooring.manifest.pythons import choose_python, version_file
from mooring.manifest.reader import load
from mooring.manifest.requirement import checked_specifiers
from mooring.manifest.settings import DEFAULT_PLATFORMS
from mooring.manifest.sources import environment_yml, pep621
from mooring.manifest.sources.declared import Groups
from mooring.manifest.tables import TomlFile
from mooring.platforms import Platform, PythonVersion

_DEVELOPMENT = ("dev", "test", "tests")


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A manifest that is not written yet.

    Attributes:
        path: The file to write, absolute.
        content: Its whole content; of an existing file, the old content and what is added.
        found: What was found and how it was used, one line each.
        declares: Whether the folder declares any requirement yet.
    """

    path: Path
    content: str
    found: tuple[str, ...]
    declares: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Project:
    """What a folder declares without Mooring's keys.

    Attributes:
        file: The file that declares it; a pyproject.toml gets the keys.
        manifest: What it declares; None in a folder without requirements.
        sources: The files to name where the default would not do.
    """

    file: str | None
    pyproject: TomlFile | None
    manifest: Manifest | None
    requires_python: str | None = None
    sources: tuple[str, ...] = ()


def propose(folder: Path, *, python: PythonVersion) -> Proposal:
    """Propose the smallest manifest that locks; nothing is written.

    Args:
        folder: The project folder.
        python: The interpreter at hand, taken when the project allows it.

    Raises:
        InputError: There is a manifest already, or what the folder declares is wrong.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise InputError("the folder does not exist", where=str(folder))
    project = _look(root)
    pinned = version_file(root)
    candidates = (pinned, python) if pinned else (python,)
    chosen = choose_python(project.requires_python, *candidates)
    if chosen is None:
        raise InputError(
            f"no Python that Mooring knows satisfies requires-python {project.requires_python!r}",
            where=project.file,
        )
    image = base_image(root)
    manifest = project.manifest
    with_conda = manifest is not None and manifest.conda is not None
    base = image or (None if with_conda else f"python:{chosen.short}-slim")
    keys = _Keys(
        platforms=manifest.platforms if manifest else DEFAULT_PLATFORMS,
        python=None if with_conda else chosen,
        empty=manifest is None,
        sources=project.sources,
        extras=_development(manifest.extras) if manifest else (),
        groups=_development(manifest.groups) if manifest else (),
        image=ImageExample.of(root, manifest.name if manifest else root.name, base)
        if base
        else None,
    )
    found = [*_described(project)]
    if not with_conda:  # conda's own Python is one of its packages
        found.append(_python_line(chosen, pinned, python, project.requires_python))
    found += _unused(root, project)
    found += [f"not read by this version: {name}" for name in unread(root, project.pyproject)]
    if image:
        found.append(f"Dockerfile: FROM {image}, used in the image example")
    if project.file == PYPROJECT:
        content = _appended(root / PYPROJECT, keys)
        path = root / PYPROJECT
    else:
        path, content = root / MOORING_TOML, keys.text(())
    declares = bool(project.sources) or _declares(manifest)
    return Proposal(path=path, content=content, found=tuple(found), declares=declares)


def _declares(manifest: Manifest | None) -> bool:
    if manifest is None:
        return False
    listed = (manifest.dependencies, *(found for _, found in (*manifest.extras, *manifest.groups)))
    return manifest.conda is not None or any(listed)


def _look(root: Path) -> _Project:
    if (root / MOORING_TOML).exists():
        raise _already(MOORING_TOML)
    path = root / PYPROJECT
    pyproject = TomlFile.read(path, PYPROJECT) if path.exists() else None
    if pyproject and has_keys(pyproject):
        raise _already(pyproject.where(("tool", "mooring")))
    if pyproject and pep621.declares(pyproject):
        return _python_project(root, pyproject)
    names = (*REQUIREMENTS, *environment_yml.NAMES)
    name = next((name for name in names if (root / name).exists()), None)
    manifest = load(root / name) if name else None
    return _Project(file=name, pyproject=pyproject, manifest=manifest)


def _python_project(root: Path, pyproject: TomlFile) -> _Project:
    files = pep621.dynamic_files(pyproject)
    if not files:
        manifest = load(root / PYPROJECT)
        return _Project(
            file=PYPROJECT,
            pyproject=pyproject,
            manifest=manifest,
            requires_python=manifest.requires_python,
        )
    # The dependencies are in these files; one that cannot be read is reported here.
    manifests = [load(inside(root, name)) for name in files]
    requires_python = (pyproject.table("project") or {}).get("requires-python")
    return _Project(
        file=PYPROJECT,
        pyproject=pyproject,
        manifest=manifests[0],
        requires_python=checked_specifiers(requires_python)
        if isinstance(requires_python, str)
        else None,
        sources=files,
    )


def _already(where: str) -> InputError:
    return InputError(
        "there is a manifest already", where=where, hint="edit it, then run `mooring lock`"
    )


def _development(declared: Groups) -> tuple[str, ...]:
    """Return the names of development sets, without those that an earlier one contains."""
    by_name: dict[str, set[Requirement]] = {name: set(listed) for name, listed in declared}
    chosen: list[str] = []
    for name in _DEVELOPMENT:
        if name in by_name and not any(by_name[name] <= by_name[other] for other in chosen):
            chosen.append(name)
    return tuple(chosen)


def _described(project: _Project) -> tuple[str, ...]:
    manifest = project.manifest
    if manifest is None or project.file is None:
        return ("no requirements yet: write them into `dependencies`",)
    if project.sources:
        return (f"{project.file}: setuptools reads {', '.join(project.sources)}",)
    count = len(manifest.dependencies)
    lines = [f"{project.file}: {count} {'dependency' if count == 1 else 'dependencies'}"]
    if manifest.conda:
        packages = len(manifest.conda.requirements)
        lines = [f"{project.file}: {packages} of conda, {count} of PyPI"]
    for what, declared in (("extras", manifest.extras), ("groups", manifest.groups)):
        if declared:
            lines.append(f"{project.file}: {what} {', '.join(name for name, _ in declared)}")
    included = (path.relative_to(manifest.root).as_posix() for path in manifest.inputs[1:])
    return (*lines, *(f"{project.file}: includes {name}" for name in included))


def _unused(root: Path, project: _Project) -> tuple[str, ...]:
    """Name the environment files that stand beside what is used."""
    return tuple(
        f"{name}: not used; name it in `sources` to lock its conda packages too"
        for name in environment_yml.NAMES
        if (root / name).exists() and project.file != name
    )


def _python_line(
    chosen: PythonVersion,
    pinned: PythonVersion | None,
    running: PythonVersion,
    requires_python: str | None,
) -> str:
    if pinned and chosen.minor == pinned.minor:
        return f"Python {chosen}: from .python-version"
    if chosen.minor == running.minor:
        return f"Python {chosen}: the interpreter at hand"
    return f"Python {chosen}: the lowest that satisfies requires-python {requires_python!r}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Keys:
    """What a first manifest says; what conda or the files decide is None."""

    platforms: tuple[Platform, ...]
    python: PythonVersion | None
    empty: bool
    sources: tuple[str, ...]
    extras: tuple[str, ...]
    groups: tuple[str, ...]
    image: ImageExample | None

    def text(self, prefix: tuple[str, ...]) -> str:
        """Write the keys, at the top or below `tool.mooring`."""
        lines = [f"[{'.'.join(prefix)}]"] if prefix else []
        lines.append(f"platforms = {json.dumps([str(name) for name in self.platforms])}")
        if self.python:
            lines.append(f'python = "{self.python}"')
        if self.sources:
            lines.append(f"sources = {json.dumps(list(self.sources))}")
        if self.empty:
            lines.append("dependencies = []")
        if self.extras or self.groups:
            lines += ["", f"[{'.'.join((*prefix, 'environments', 'dev'))}]"]
            for key, names in (("extras", self.extras), ("groups", self.groups)):
                if names:
                    lines.append(f"{key} = {json.dumps(list(names))}")
        if self.image:
            lines += [
                "",
                "# The image that `mooring build` makes: remove the leading `# ` to declare it.",
                *self.image.lines(prefix),
            ]
        return "\n".join(lines) + "\n"


def _appended(path: Path, keys: _Keys) -> str:
    """Return a pyproject.toml with the keys at its end, everything before them as it was."""
    old = read_text(path, shown=PYPROJECT)
    new = keys.text(("tool", "mooring"))
    newline = "\r\n" if "\r\n" in old else "\n"
    gap = "" if not old else newline if old.endswith("\n") else newline * 2
    content = old + gap + new.replace("\n", newline)
    try:
        tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            "a [tool.mooring] table cannot be added, because `tool` is written inline",
            where=PYPROJECT,
            hint="write `tool` as [tool.NAME] tables",
        ) from error
    return content
