"""The `[tool.mooring]` table of a pylock.toml: what Mooring itself says about the lock."""

from __future__ import annotations

from collections.abc import Mapping

from mooring.digests import DIGEST_PATTERN
from mooring.errors import InputError
from mooring.lock.formats.pylock_rules import Refused, plain_text
from mooring.lock.formats.toml_text import array, inline, table
from mooring.lock.inputs import OPTIONAL_INPUTS, inputs_digest
from mooring.lock.model import EnvironmentSelection, Provenance, Target
from mooring.platforms import Platform, PythonVersion

TOOL_SCHEMA = 1
_MAX_DEPTH = 6


def provenance_lines(provenance: Provenance, packages_digest: str) -> list[str]:
    """Return the lines of `[tool.mooring]` and of its inputs."""
    environments = (
        {"name": e.name, "extras": e.extras, "groups": e.groups} for e in provenance.environments
    )
    targets = (
        {"environment": t.environment, "platform": str(t.platform), "python": str(t.python)}
        for t in provenance.targets
    )
    return [
        "",
        "[tool.mooring]",
        f"schema = {TOOL_SCHEMA}",
        f"inputs-digest = {inline(inputs_digest(provenance.inputs))}",
        f"packages-digest = {inline(packages_digest)}",
        f"environments = {array(inline(e) for e in environments)}",
        f"targets = {array(inline(t) for t in targets)}",
        *table("tool.mooring.inputs", provenance.inputs),
    ]


def parse_provenance(raw: object) -> Provenance | None:
    """Return what the table says, or None when it is absent or of a later schema.

    Raises:
        Refused: A value has the wrong type or form.
    """
    if raw is None:
        return None
    top = _mapping("tool.mooring", raw)
    if "inputs" not in top or top.get("schema") != TOOL_SCHEMA:
        return None
    inputs = _mapping("tool.mooring.inputs", top["inputs"])
    _json_like("tool.mooring.inputs", inputs, 0)
    return Provenance(
        inputs={**inputs, **{k: None for k in OPTIONAL_INPUTS if k not in inputs}},
        environments=tuple(_environment(k, t) for k, t in _tables(top, "environments")),
        targets=tuple(_target(k, t) for k, t in _tables(top, "targets")),
        packages_digest=_digest(top, "packages-digest"),
    )


def _environment(key: str, raw: Mapping[str, object]) -> EnvironmentSelection:
    return EnvironmentSelection(
        name=_text(key, raw, "name"),
        extras=_texts(key, raw, "extras"),
        groups=_texts(key, raw, "groups"),
    )


def _target(key: str, raw: Mapping[str, object]) -> Target:
    platform, python = _text(key, raw, "platform"), _text(key, raw, "python")
    try:
        return Target(
            environment=_text(key, raw, "environment"),
            platform=Platform.parse(platform, f"{key}.platform"),
            python=PythonVersion.parse(python, f"{key}.python"),
        )
    except InputError as error:
        raise Refused(error.where or key, error.message, error.hint) from error


def _digest(raw: Mapping[str, object], name: str) -> str | None:
    if name not in raw:
        return None
    value = _text("tool.mooring", raw, name)
    if DIGEST_PATTERN.fullmatch(value) is None:
        raise Refused(f"tool.mooring.{name}", "a digest is written sha256:<64 hex digits>")
    return value


def _tables(raw: Mapping[str, object], name: str) -> list[tuple[str, Mapping[str, object]]]:
    value = raw.get(name, [])
    if not isinstance(value, list):
        raise Refused(f"tool.mooring.{name}", "an array of tables is expected")
    keys = (f"tool.mooring.{name}[{number}]" for number in range(len(value)))
    return [(key, _mapping(key, item)) for key, item in zip(keys, value)]


def _mapping(key: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise Refused(key, "a table is expected")
    return value


def _text(key: str, raw: Mapping[str, object], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str):
        raise Refused(f"{key}.{name}", "a text is expected")
    return plain_text(f"{key}.{name}", value)


def _texts(key: str, raw: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = raw.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refused(f"{key}.{name}", "an array of texts is expected")
    return tuple(plain_text(f"{key}.{name}", item) for item in value)


def _json_like(key: str, value: object, depth: int) -> None:
    """Refuse what cannot be hashed as JSON or nests without end."""
    if depth > _MAX_DEPTH:
        raise Refused(key, "the table is nested too deeply")
    match value:
        case str():
            plain_text(key, value)
        case bool() | int():
            pass
        case Mapping():
            for name, item in value.items():
                _json_like(f"{key}.{plain_text(key, name)}", item, depth + 1)
        case list():
            for number, item in enumerate(value):
                _json_like(f"{key}[{number}]", item, depth + 1)
        case _:
            raise Refused(key, f"a {type(value).__name__} is not expected here")
