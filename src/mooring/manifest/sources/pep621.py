"""pyproject.toml: the `[project]` table (PEP 621) and dependency groups (PEP 735)."""

from __future__ import annotations

from dataclasses import replace

from mooring.manifest.model import Requirement
from mooring.manifest.problems import Problems, quoted
from mooring.manifest.requirement import MAX_CHARACTERS, canonical_name, checked_specifiers
from mooring.manifest.requirement_lists import requirements
from mooring.manifest.sources.declared import Declared, Groups
from mooring.manifest.sources.groups import read_groups
from mooring.manifest.sources.uv_tables import read_origins
from mooring.manifest.tables import Table, TomlFile, control_character


def declares(file: TomlFile) -> bool:
    """Whether the file has a `[project]` or a `[dependency-groups]` table."""
    return "project" in file.data or "dependency-groups" in file.data


def dynamic_files(file: TomlFile) -> tuple[str, ...]:
    """Return the requirements files that setuptools takes dynamic dependencies from."""
    dynamic = (file.table("project") or {}).get("dynamic")
    table = file.table("tool", "setuptools", "dynamic", "dependencies") or {}
    if not isinstance(dynamic, list) or "dependencies" not in dynamic:
        return ()
    named = table.get("file")
    names = named if isinstance(named, list) else [named]
    return tuple(n for n in names if isinstance(n, str) and not control_character(n))


def read(file: TomlFile, problems: Problems, *, decided: frozenset[str] = frozenset()) -> Declared:
    """Read what a pyproject.toml declares in the standards' own tables.

    Args:
        file: The parsed file.
        problems: Receives what is wrong, each with file, line and key path.
        decided: Packages whose index the manifest names; uv's sources for them do not count.
    """
    top = Table(file, problems, (), file.data)
    groups_table = top.table("dependency-groups")
    groups = read_groups(groups_table) if groups_table else ()
    project = top.table("project")
    declared = _project(project) if project else Declared(inputs=())
    listed = (declared.dependencies, *(r for _, r in (*declared.extras, *groups)))
    required = {requirement.name for part in listed for requirement in part}
    # The project's own name appears in its extras ("name[all]"): that needs no source.
    origins = read_origins(file, problems, frozenset(required - {declared.name}), decided)
    return replace(
        declared,
        inputs=(file.path,),
        dependencies=origins.applied(declared.dependencies),
        extras=tuple((name, origins.applied(listed)) for name, listed in declared.extras),
        groups=tuple((name, origins.applied(listed)) for name, listed in groups),
        indexes=origins.indexes,
    )


def _project(project: Table) -> Declared:
    _refuse_dynamic(project)
    return Declared(
        inputs=(),
        name=_name(project),
        version=_version(project),
        requires_python=_requires_python(project),
        requires_python_where=lambda: project.where("requires-python"),
        dependencies=requirements(project, "dependencies"),
        extras=_extras(project),
    )


def _name(project: Table) -> str | None:
    if "name" not in project:
        project.problem((), "the project has no name", 'write name = "..." below [project]')
    name = project.string("name")
    if name is not None:
        with project.catch("name"):
            return canonical_name(name)
    return None


def _version(project: Table) -> str | None:
    from packaging.version import InvalidVersion, Version  # kept off the start-up path

    version = project.string("version")
    if version is None:
        return None
    try:
        if len(version) > MAX_CHARACTERS:
            raise InvalidVersion
        Version(version)
    except (InvalidVersion, ValueError):
        project.problem("version", f"{quoted(version)} is not a version (PEP 440)")
        return None
    return version.strip()


def _requires_python(project: Table) -> str | None:
    text = project.string("requires-python")
    if text is not None:
        with project.catch("requires-python"):
            return checked_specifiers(text) or None
    return None


def _extras(project: Table) -> Groups:
    table = project.table("optional-dependencies")
    found: dict[str, tuple[Requirement, ...]] = {}
    for key in table.data if table else ():
        assert table is not None
        with table.catch(key):
            name = canonical_name(key)
            if name in found:
                table.problem(key, f"the extra {quoted(name)} is declared twice")
            found[name] = requirements(table, key)
    return tuple(found.items())


def _refuse_dynamic(project: Table) -> None:
    """Record a problem for requirements that only the build backend can tell."""
    for number, key in project.numbered("dynamic"):
        if key not in ("dependencies", "optional-dependencies"):
            continue
        place = ("dynamic", number)
        if key in project:
            project.problem(place, f"{key} is both written down and declared dynamic")
            continue
        project.problem(
            place,
            f"the {key} are dynamic: only the build backend can tell them, by running code",
            _instead_of_dynamic(project.file, key),
        )


def _instead_of_dynamic(file: TomlFile, key: str) -> str:
    names = dynamic_files(file) if key == "dependencies" else ()
    if names:
        listed = ", ".join(f'"{name}"' for name in names)
        return f"setuptools reads them from a file: set sources = [{listed}] in [tool.mooring]"
    return f"write them into [project] {key}, or set `sources` to a requirements file"
