"""`[tool.mooring.image]`: the container image, every value checked against its grammar."""

from __future__ import annotations

import re

from mooring.errors import InputError
from mooring.manifest.model import DEFAULT_ENVIRONMENT, EngineName, ImageSpec
from mooring.manifest.places import relative_path
from mooring.manifest.problems import quoted
from mooring.manifest.system import SystemBase, is_package_name
from mooring.manifest.tables import Table

RESERVED_LABELS = "dev.mooring."
ENGINES: tuple[EngineName, ...] = ("auto", "oci", "docker")

# A reference, or a saved image: a folder or file after its prefix, or a path that ends in `.tar`.
_BASE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._:/@-]*"
    r"|(?:oci|oci-archive|docker-archive):[A-Za-z0-9._/@:+-]+"
    r"|[A-Za-z0-9._/][A-Za-z0-9._/@:+-]*\.tar"
)
_REPOSITORY = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
)
_TEMPLATE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?")
_USER_PART = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.IGNORECASE)
_WORDS_HINT = 'write one word an item: ["python", "-m", "app"]'
_MAX_ID = 2**32 - 2
_DEFAULTS = ImageSpec()


def read_image(table: Table) -> ImageSpec:
    """Return the declared image; wrong values are recorded as problems and left out."""
    image = ImageSpec(
        base=_matching(table, "base", _BASE, "an image reference", "python:3.12-slim"),
        template=_template(table),
        repository=_matching(
            table, "repository", _REPOSITORY, "a repository without tag", "example.com/team/name"
        ),
        environment=table.string("environment") or DEFAULT_ENVIRONMENT,
        files=_files(table),
        env=_pairs(table, "env", _VARIABLE, "a variable's name"),
        labels=_pairs(table, "labels", _LABEL, "a label's name"),
        entrypoint=_command(table, "entrypoint"),
        cmd=_command(table, "cmd"),
        workdir=_workdir(table),
        user=_user(table),
        ports=_ports(table),
        smoke=_command(table, "smoke"),
        healthcheck=_command(table, "healthcheck"),
        engine=table.choice("engine", ENGINES, one="engine", many="engines") or "auto",
        bytecode=table.boolean("bytecode") if "bytecode" in table else None,
        system=_system(table),
    )
    for name, _ in image.labels:
        if name.startswith(RESERVED_LABELS):
            table.problem(("labels", name), f"labels under {RESERVED_LABELS} are set by Mooring")
    table.refuse_unknown()
    return image


def _matching(
    table: Table, key: str, pattern: re.Pattern[str], what: str, example: str
) -> str | None:
    value = table.string(key)
    if value is not None and (not pattern.fullmatch(value) or len(value) > 512):
        table.problem(key, f"{quoted(value)} is not {what}", f'write it like "{example}"')
        return None
    return value


def _template(table: Table) -> str:
    value = table.string("template")
    if value is None:
        return _DEFAULTS.template
    if "/" not in value and _TEMPLATE_NAME.fullmatch(value):
        return value
    with table.catch("template"):
        return relative_path(value)
    return _DEFAULTS.template


def _files(table: Table) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for number, value in table.numbered("files"):
        with table.catch("files", number):
            path = relative_path(value)
            if path in found:
                raise InputError(f"{quoted(path)} is listed twice")
            found[path] = None
    return tuple(found)


def _system(table: Table) -> tuple[str, ...]:
    if "system" not in table:
        return ()
    base = table.data.get("base")
    if not isinstance(base, str) or SystemBase.parse(base) is None:
        table.problem(
            "system",
            "system packages need a base that is assembled from packages",
            'write base = "debian:bookworm"; for another base, install them with RUN in a template',
        )
    found: dict[str, None] = {}
    for number, value in table.numbered("system"):
        with table.catch("system", number):
            if not is_package_name(value):
                raise InputError(
                    f"{quoted(value)} is not a package's name",
                    hint='write the name alone, like "libgomp1": versions are locked',
                )
            if value in found:
                raise InputError(f"{quoted(value)} is listed twice")
            found[value] = None
    return tuple(found)


def _pairs(
    table: Table, key: str, pattern: re.Pattern[str], what: str
) -> tuple[tuple[str, str], ...]:
    below = table.table(key)
    found = []
    for name in below.data if below else ():
        assert below is not None
        value = below.string(name)
        if not pattern.fullmatch(name):
            below.problem(name, f"{quoted(name)} is not {what}")
        elif value is not None:
            found.append((name, value))
    return tuple(found)


def _command(table: Table, key: str) -> tuple[str, ...]:
    if key in table and isinstance(table.data[key], str):
        # No shell takes the line apart in an image, so its words are written one by one.
        table.problem(key, "expected a list, found a string", _WORDS_HINT)
        return ()
    words = table.strings(key)
    if words and not words[0]:
        table.problem((key, 0), "the command has no program")
    return words


def _workdir(table: Table) -> str:
    value = table.string("workdir")
    if value is None:
        return _DEFAULTS.workdir
    if not value.startswith("/") or ".." in value.split("/") or "\\" in value:
        table.problem(
            "workdir",
            f"{quoted(value)} is not an absolute path in the image",
            'write it like "/app", without `..` and backslashes',
        )
    return value


def _user(table: Table) -> str:
    value = table.string("user")
    if value is None:
        return _DEFAULTS.user
    parts = value.split(":")
    if len(parts) > 2 or not all(_is_user_part(part) for part in parts):
        table.problem(
            "user", f"{quoted(value)} is not a user", 'write "65532:65532" (uid:gid) or a name'
        )
    return value


def _is_user_part(text: str) -> bool:
    if text.isascii() and text.isdecimal():
        return len(text) <= 10 and int(text) <= _MAX_ID
    return _USER_PART.fullmatch(text) is not None


def _ports(table: Table) -> tuple[int, ...]:
    found: dict[int, None] = {}
    for number, value in enumerate(table.items("ports")):
        if type(value) is not int or not 0 < value < 65536:
            table.problem(
                ("ports", number), f"{quoted(str(value))} is not a port", "ports are 1 to 65535"
            )
        elif value in found:
            table.problem(("ports", number), f"the port {value} is listed twice")
        else:
            found[value] = None
    return tuple(found)
