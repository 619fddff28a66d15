"""T0: what surrounds the packages of an environment, read from files; nothing is started."""

from __future__ import annotations

import os
import posixpath
import shlex
from collections.abc import Collection, Iterator

from mooring.verify.collectors.layout import Layout, Tree, UnreadableError
from mooring.verify.collectors.strays import SCRIPTS
from mooring.verify.collectors.surroundings import Elsewhere, Surroundings
from mooring.verify.inventory import Facts, SearchFolder

SHEBANG_LIMIT = 1024
"""Bytes of a program that are looked at: paths of interpreters are shorter."""

_MOST_PROGRAMS = 2_000
_MOST_FOLDERS = 32
_MOST_NAMES = 10_000
_SHOWN = 5
_SHELL = ("#!/bin/sh", "#!/usr/bin/env sh")
_SYSTEM = frozenset({"/usr/bin", "/usr/local/bin", "/bin"})
_MODULES = (".py", ".so", ".pyc")


def read_facts(
    tree: Tree, layout: Layout, root: str, surroundings: Surroundings, *, local: bool
) -> Facts:
    """Read the facts.

    Args:
        tree: The environment.
        layout: Its folders.
        root: Its root as its own processes name it.
        surroundings: What the caller knows besides.
        local: Whether it runs on this machine, so that absolute paths mean the same.
    """
    config = layout.config or {}
    home = config.get("home")
    foreign: list[tuple[str, str]] = []
    if layout.config is not None:
        foreign = list(_foreign_scripts(tree, root, local=local))
    return Facts(
        venv=layout.config is not None,
        home=home,
        home_found=_is_folder(home) if local and home else None,
        system_packages=config.get("include-system-site-packages", "").lower() == "true",
        libc=_libc() if local else None,
        foreign_scripts=tuple(name for name, _ in foreign),
        foreign_python=foreign[0][1] if foreign else None,
        variables=surroundings.variables(),
        search_folders=tuple(_search_folders(tree, layout, surroundings, local=local)),
    )


def _foreign_scripts(tree: Tree, root: str, *, local: bool) -> Iterator[tuple[str, str]]:
    """Yield programs that start the Python of another environment, or of one that is gone."""
    own = posixpath.join(root, SCRIPTS)
    names = [seen.name for seen in tree.walk(SCRIPTS, below=False) if seen.kind == "file"]
    judged: dict[str, bool] = {}
    for name in names[:_MOST_PROGRAMS]:
        try:
            python = interpreter_of(tree.read(f"{SCRIPTS}/{name}", SHEBANG_LIMIT) or b"")
        except UnreadableError:
            continue
        if python is None:
            continue
        folder = posixpath.dirname(posixpath.normpath(python))
        if folder not in judged:
            judged[folder] = _is_foreign(folder, own, local=local)
        if judged[folder]:
            yield name, python


def interpreter_of(head: bytes) -> str | None:
    """Return the absolute path of the Python that a program starts, None when there is none.

    Installers write it behind `#!`, and where it is too long or holds spaces, behind `exec` in
    the second line of a shell script.
    """
    first, _, rest = head.decode("utf-8", "surrogateescape").partition("\n")
    # The system ends the path at the first space; what follows is an argument.
    path = next(iter(first.removeprefix("#!").split()), "")
    if first.strip() in _SHELL:
        try:
            words = shlex.split(rest.partition("\n")[0])
        except ValueError:
            return None
        path = words[1] if len(words) > 1 and words[0] == "exec" else ""
    elif not first.startswith("#!"):
        return None
    name = posixpath.basename(path)
    return path if path.startswith("/") and name.startswith(("python", "pypy")) else None


def _is_foreign(folder: str, own: str, *, local: bool) -> bool:
    if folder == own or folder in _SYSTEM:
        return False
    if not local:
        return True
    if os.path.realpath(folder) == os.path.realpath(own):
        return False
    # A script that names an existing Python of the system was written so by its author.
    return not os.path.isdir(folder) or os.path.isfile(f"{folder}/../pyvenv.cfg")  # noqa: PTH112, PTH113 (texts, as everywhere here)


def _is_folder(path: str) -> bool:
    return path.startswith("/") and path.isprintable() and os.path.isdir(path)  # noqa: PTH112 (texts, as everywhere here)


def _libc() -> str | None:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return None


def _search_folders(
    tree: Tree, layout: Layout, surroundings: Surroundings, *, local: bool
) -> Iterator[SearchFolder]:
    environ = surroundings.environ
    if environ is None:
        return
    modules = frozenset(
        module for site in layout.sites for name in tree.names(site) if (module := _module(name))
    )
    elsewhere = surroundings.elsewhere
    for path in environ.get("PYTHONPATH", "").split(":")[:_MOST_FOLDERS]:
        if path:
            shadows = _shadows(path, modules, elsewhere, local=local)
            yield SearchFolder(path=path, source="PYTHONPATH", shadows=shadows)
    user = _user_site(layout, surroundings)
    if user is not None and (_is_folder(user) if local else elsewhere is not None):
        shadows = _shadows(user, modules, elsewhere, local=local)
        if shadows or (shadows is None and local):
            yield SearchFolder(path=user, source="user site", shadows=shadows)


def _user_site(layout: Layout, surroundings: Surroundings) -> str | None:
    """Return the user's own package folder, where this Python looks into it."""
    environ = surroundings.environ or {}
    config = layout.config
    closed = config is not None and config.get("include-system-site-packages", "") != "true"
    base = environ.get("PYTHONUSERBASE") or (
        f"{environ['HOME']}/.local" if environ.get("HOME") else None
    )
    version = layout.interpreter.version
    if closed or environ.get("PYTHONNOUSERSITE") or base is None or version is None:
        return None
    return f"{base}/lib/python{'.'.join(version.split('.')[:2])}/site-packages"


def _shadows(
    path: str, modules: Collection[str], elsewhere: Elsewhere | None, *, local: bool
) -> tuple[str, ...] | None:
    """Return the modules of a folder that the environment has as well, None when nobody can tell.

    A folder of this machine is looked at itself, one of another target through its own files.
    """
    if not path.startswith("/") or not path.isprintable():
        return None
    if not local:
        tree = elsewhere(path) if elsewhere else None
        return None if tree is None else _shadows_in(tree, modules)
    found = set()
    try:
        with os.scandir(path) as entries:
            for number, entry in enumerate(entries):
                if number >= _MOST_NAMES:
                    break
                if (module := _module(entry.name)) in modules and _importable(entry):
                    found.add(module)
    except FileNotFoundError:
        return ()
    except OSError:
        return None
    return tuple(sorted(name for name in found if name))[:_SHOWN]


def _shadows_in(tree: Tree, modules: Collection[str]) -> tuple[str, ...]:
    found = {
        module
        for name in tree.names("")[:_MOST_NAMES]
        if (module := _module(name)) is not None
        and module in modules
        and ("." in name or "__init__.py" in tree.names(name))
    }
    return tuple(sorted(found))[:_SHOWN]


def _importable(entry: os.DirEntry[str]) -> bool:
    """Whether it wins over a module of the environment; a folder without code does not."""
    if not entry.is_dir():
        return entry.name.endswith(_MODULES)
    return os.path.isfile(f"{entry.path}/__init__.py")  # noqa: PTH113 (texts, as everywhere here)


def _module(name: str) -> str | None:
    """Return the module that a file or folder of this name is, None when it is none."""
    stem, dot, _ = name.partition(".")
    if stem.startswith("__") or not stem.isidentifier() or (dot and not name.endswith(_MODULES)):
        return None
    return stem
