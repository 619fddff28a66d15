"""From a folder to its `Manifest`: find, parse, check, and report all that is wrong together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mooring.errors import InputError
from mooring.manifest.conda import MAIN, CondaInputs
from mooring.manifest.conda_join import declared_platforms, join_conda
from mooring.manifest.environments import check_pythons, check_selections
from mooring.manifest.indexes import merge_indexes
from mooring.manifest.locate import PYPROJECT, Located, locate
from mooring.manifest.model import Index, Manifest, Requirement
from mooring.manifest.nearest import advice
from mooring.manifest.places import inside
from mooring.manifest.problems import Problems, quoted
from mooring.manifest.settings import Settings, read_settings
from mooring.manifest.sources import environment_yml, pep621, requirements
from mooring.manifest.sources.declared import Declared, Groups
from mooring.manifest.tables import Table, TomlFile
from mooring.platforms import Platform

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def load(folder: Path) -> Manifest:
    """Load the manifest of a project.

    Args:
        folder: The project folder, or its mooring.toml, pyproject.toml, requirements file or
            environment.yml.

    Raises:
        InputError: There is no manifest, or it cannot be read.
        InputProblems: Something in it or in its sources is wrong; all of it is listed.
    """
    located = locate(folder)
    problems = Problems()
    table = _manifest_table(located, problems)
    settings = read_settings(table) if table else Settings()
    names = located.sources if settings.sources is None else settings.sources
    before = len(problems)
    decided = frozenset(name for entry in settings.indexes for name in entry.index.packages)
    declared = [_source(located, name, decided, problems) for name in names]
    settings = replace(settings, platforms=_platforms(table, settings, declared))
    merged, conda = _with_conda(_merged(declared, problems), declared, settings, problems)
    if table:
        if len(problems) == before:  # what a broken source declares is not known
            check_selections(table, settings.environments, merged)
        check_pythons(table, settings.python, settings.environments, declared)
        _check_image(table, settings)
        if not names and not conda and "dependencies" not in table and settings.sources is None:
            table.problem(
                (),
                "nothing is declared, and there is no pyproject.toml, requirements.in or "
                "environment.yml beside it",
                'write dependencies = ["..."], or name the files in `sources`',
            )
    indexes = merge_indexes(settings.indexes, merged.indexes, problems)
    problems.raise_any()
    return replace(_manifest(located, settings, merged, indexes), conda=conda)


def _manifest(
    located: Located, settings: Settings, declared: Declared, indexes: tuple[Index, ...]
) -> Manifest:
    path = located.manifest.path if located.manifest else None
    inputs = (path, *declared.inputs) if path else declared.inputs
    return Manifest(
        root=located.root,
        path=path,
        inputs=tuple(dict.fromkeys(inputs)),
        name=declared.name or _folder_name(located.root),
        version=declared.version,
        requires_python=declared.requires_python,
        python=settings.python,
        platforms=settings.platforms,
        dependencies=_once((*declared.dependencies, *settings.dependencies)),
        extras=declared.extras,
        groups=declared.groups,
        constraints=_once((*declared.constraints, *settings.constraints)),
        overrides=_once(settings.overrides),
        indexes=indexes,
        exclude_newer=settings.exclude_newer,
        resolver=settings.resolver,
        environments=settings.environments,
        image=settings.image,
        verify=settings.verify,
    )


def _manifest_table(located: Located, problems: Problems) -> Table | None:
    file = located.manifest
    if file is None:
        return None
    data = file.table(*located.keys)
    if data is None:
        problems.add(file.where(located.keys), "expected a table")
        return None
    return Table(file, problems, located.keys, data)


def _source(located: Located, name: str, decided: frozenset[str], problems: Problems) -> Declared:
    """Read one source; what is wrong is recorded, and what remains of it returned."""
    where = located.manifest.shown if located.manifest else name
    with problems.catch(f"{where}: sources"):
        if name == PYPROJECT and located.pyproject:
            return _project(located.pyproject, decided, problems)
        match name.rpartition(".")[2]:
            case "toml":
                file = TomlFile.read(inside(located.root, name), name)
                return _project(file, decided, problems)
            case "in" | "txt":
                return requirements.read(located.root, name, problems)
            case "yml" | "yaml":
                return environment_yml.read(located.root, name, problems)
            case _:
                raise InputError(
                    f"{quoted(name)} is no kind of source that this version reads",
                    hint="sources are pyproject.toml, requirements files (.in, .txt) and "
                    "environment.yml",
                )
    return Declared(inputs=())


def _project(file: TomlFile, decided: frozenset[str], problems: Problems) -> Declared:
    if not pep621.declares(file):
        raise InputError("neither [project] nor [dependency-groups] is in it", where=file.shown)
    return pep621.read(file, problems, decided=decided)


def _merged(declared: Sequence[Declared], problems: Problems) -> Declared:
    """Join the sources; the first that tells a name or version decides it."""
    return Declared(
        inputs=tuple(path for source in declared for path in source.inputs),
        name=next((source.name for source in declared if source.name), None),
        version=next((source.version for source in declared if source.version), None),
        requires_python=",".join(s.requires_python for s in declared if s.requires_python) or None,
        dependencies=tuple(r for source in declared for r in source.dependencies),
        extras=_joined((source.extras for source in declared), "extra", problems),
        groups=_joined((source.groups for source in declared), "group", problems),
        constraints=tuple(r for source in declared for r in source.constraints),
        indexes=tuple(index for source in declared for index in source.indexes),
    )


def _platforms(
    table: Table | None, settings: Settings, declared: Sequence[Declared]
) -> tuple[Platform, ...]:
    """Return the platforms of the manifest, else those that environment files name."""
    named = declared_platforms(source.conda for source in declared)
    if named is None or (table and "platforms" in table):
        return settings.platforms
    for environment in settings.environments if table else ():
        for number, platform in enumerate(environment.platforms or ()):
            if table and platform not in named:
                table.problem(
                    ("environments", environment.name, "platforms", number),
                    f"the platform {quoted(str(platform))} is not among those of the sources",
                    "write `platforms` into the manifest",
                )
    return named


def _with_conda(
    merged: Declared, declared: Sequence[Declared], settings: Settings, problems: Problems
) -> tuple[Declared, CondaInputs | None]:
    """Join what is declared of conda; its categories become groups, unless extras have the name."""
    files = [source.conda for source in declared if source.conda]
    conda = join_conda(settings.conda, files, settings.platforms, problems)
    if conda is None:
        return merged, None
    dependencies = list(merged.dependencies)
    extras, groups = dict(merged.extras), dict(merged.groups)
    for category in conda.categories:
        if category not in extras:
            groups.setdefault(category, ())
    for category, requirement in conda.pypi:
        if category == MAIN:
            dependencies.append(requirement)
        else:
            named = extras if category in extras else groups
            named[category] = _once((*named[category], requirement))
    merged = replace(
        merged,
        dependencies=tuple(dependencies),
        extras=tuple(extras.items()),
        groups=tuple(groups.items()),
    )
    return merged, conda.inputs


def _joined(parts: Iterable[Groups], what: str, problems: Problems) -> Groups:
    found: dict[str, tuple[Requirement, ...]] = {}
    for part in parts:
        for name, listed in part:
            if name in found:
                place = next((r.where for r in (*listed, *found[name])), "sources")
                problems.add(place, f"the {what} {quoted(name)} is declared by two sources")
            found.setdefault(name, listed)
    return tuple((name, _once(listed)) for name, listed in found.items())


def _check_image(table: Table, settings: Settings) -> None:
    if settings.image is None:
        return
    known = [environment.name for environment in settings.environments]
    name = settings.image.environment
    if name not in known:
        table.problem(
            ("image", "environment"),
            f"the environment {quoted(name)} does not exist",
            advice(name, known, what="environments"),
        )


def _once(listed: Iterable[Requirement]) -> tuple[Requirement, ...]:
    found: dict[str, Requirement] = {}
    for requirement in listed:
        found.setdefault(requirement.text, requirement)
    return tuple(found.values())


def _folder_name(root: Path) -> str:
    """Return a valid project name for a folder whose files tell none."""
    return _NOT_IN_NAMES.sub("-", root.name.lower()).strip("-") or "project"
