"""Which file of a folder is its manifest, and which files are its sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mooring.errors import InputError
from mooring.manifest.problems import quoted
from mooring.manifest.sources import environment_yml, pep621
from mooring.manifest.tables import TomlFile

MOORING_TOML = "mooring.toml"
PYPROJECT = "pyproject.toml"
REQUIREMENTS = ("requirements.in", "requirements.txt")
PYLOCK = "pylock.toml"
KEYS = ("tool", "mooring")

_OURS = (b"# Written by `mooring ", b"# Written by mooring ")
"""How the files begin that are rendered and exported."""

_FOREIGN = ("Pipfile", "pixi.toml", "setup.py", "setup.cfg")


class NoManifestError(InputError):
    """A folder holds nothing that is read as a manifest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Located:
    """What was found.

    Attributes:
        root: The project folder, resolved.
        manifest: The file with Mooring's keys; None when there is none.
        keys: Where its keys stand: at the top, or below `tool.mooring`.
        pyproject: The folder's pyproject.toml where it had to be read.
        sources: The default sources, relative to the root.
    """

    root: Path
    manifest: TomlFile | None = None
    keys: tuple[str, ...] = ()
    pyproject: TomlFile | None = None
    sources: tuple[str, ...] = ()


def locate(path: Path) -> Located:
    """Find the manifest of a folder, or the one that a path names.

    In a folder, in this order: mooring.toml; pyproject.toml with `[tool.mooring]`; pyproject.toml
    with `[project]` or `[dependency-groups]`; requirements.in; requirements.txt; environment.yml.

    Raises:
        InputError: There is none, there are two, or a file cannot be read.
    """
    root = path.resolve()
    if root.is_dir():
        return _in_folder(root)
    if not root.exists():
        raise InputError("the folder or file does not exist", where=str(path))
    if root.name == PYPROJECT:
        pyproject = TomlFile.read(root, root.name)
        if not has_keys(pyproject) and not pep621.declares(pyproject):
            raise _nothing(root.parent, pyproject)
        return _with_pyproject(root.parent, pyproject)
    if root.suffix == ".toml":
        manifest = TomlFile.read(root, root.name)
        return _with_mooring_toml(root.parent, manifest)
    if root.suffix in (".in", ".txt", ".yml", ".yaml"):
        return Located(root=root.parent, sources=(root.name,))
    raise InputError(
        f"{quoted(root.name)} is no kind of file that can be read as a manifest",
        hint="name a folder, a mooring.toml, a pyproject.toml, a requirements file or an "
        "environment.yml",
    )


def has_keys(pyproject: TomlFile) -> bool:
    """Whether a pyproject.toml has Mooring's own keys."""
    return "mooring" in (pyproject.table("tool") or {})


def _in_folder(root: Path) -> Located:
    if (root / MOORING_TOML).exists():
        return _with_mooring_toml(root, TomlFile.read(root / MOORING_TOML, MOORING_TOML))
    pyproject = _pyproject(root)
    if pyproject and (has_keys(pyproject) or pep621.declares(pyproject)):
        return _with_pyproject(root, pyproject)
    if sources := _listed(root):
        return Located(root=root, sources=sources)
    raise _nothing(root, pyproject)


def _with_mooring_toml(root: Path, manifest: TomlFile) -> Located:
    pyproject = _pyproject(root)
    if pyproject and has_keys(pyproject):
        raise InputError(
            f"both {manifest.shown} and [tool.mooring] of {pyproject.shown} are manifests",
            where=pyproject.where(KEYS),
            hint="keep one of the two",
        )
    return Located(
        root=root, manifest=manifest, pyproject=pyproject, sources=_defaults(root, pyproject)
    )


def _with_pyproject(root: Path, pyproject: TomlFile) -> Located:
    own = has_keys(pyproject)
    return Located(
        root=root,
        manifest=pyproject if own else None,
        keys=KEYS if own else (),
        pyproject=pyproject,
        sources=_defaults(root, pyproject),
    )


def _pyproject(root: Path) -> TomlFile | None:
    path = root / PYPROJECT
    return TomlFile.read(path, PYPROJECT) if path.exists() else None


def _defaults(root: Path, pyproject: TomlFile | None) -> tuple[str, ...]:
    if pyproject and pep621.declares(pyproject):
        return (PYPROJECT,)
    return _listed(root)


def _listed(root: Path) -> tuple[str, ...]:
    """Return the first file of the folder that lists requirements."""
    found = [name for name in REQUIREMENTS if (root / name).exists()]
    found += [name for name in environment_yml.NAMES if _declares(root / name)]
    return tuple(found[:1])


def _declares(path: Path) -> bool:
    """Whether a file is there that somebody declares with, and not one written from a lock."""
    try:
        with path.open("rb") as stream:
            return not stream.read(64).startswith(_OURS)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # its reader says what is wrong with it


def unread(root: Path, pyproject: TomlFile | None) -> tuple[str, ...]:
    """Return what a folder declares in formats that this version does not read."""
    found = [name for name in _FOREIGN if (root / name).exists()]
    if pyproject and pyproject.table("tool", "poetry", "dependencies") is not None:
        found.append("[tool.poetry] in pyproject.toml")
    return tuple(found)


def _nothing(root: Path, pyproject: TomlFile | None) -> NoManifestError:
    message = "no manifest"
    if foreign := unread(root, pyproject):
        message += f" (this version does not read {', '.join(foreign)})"
    return NoManifestError(
        message,
        where=str(root),
        hint=_use_the_lock(root) or "run `mooring init` to write one, or name the project folder",
    )


def _use_the_lock(root: Path) -> str | None:
    """Say how the lock of a folder without a manifest is used; None where there is none."""
    path = root / PYLOCK
    if not path.is_file():
        return None
    name = PYLOCK if root == Path.cwd().resolve() else str(path)
    return (
        f"`--lock {name}` makes `mooring verify`, `sync` and `export` use the lock that is there; "
        "`mooring init` writes a manifest"
    )
