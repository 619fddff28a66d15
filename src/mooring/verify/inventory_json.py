"""An inventory as the document `inventory/1`, and back from a file that nobody vouches for.

Both directions follow the types of `verify.inventory`: a field that is added there is written and
read. What has its default value is left out. Text is written in ASCII, so that a name that is no
UTF-8 comes back to the same bytes.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from mooring.errors import InputError
from mooring.files import read_text
from mooring.urls import redact
from mooring.verify.inventory import Distribution, Inventory, SeenFile

SCHEMA = "inventory/1"
FILE_LIMIT = 64 << 20
_TEXT_LIMIT = 64 << 10
_NUMBER_LIMIT = 1 << 62


def write(inventory: Inventory) -> str:
    """Return the document as text: sorted, without credentials, the same bytes every time."""
    return json.dumps(document(inventory), indent=1, sort_keys=True) + "\n"


def document(inventory: Inventory) -> dict[str, object]:
    """Return the document; see docs/reference/inventory.md."""
    ordered = dataclasses.replace(
        inventory,
        distributions=tuple(
            dataclasses.replace(each, files=_files(each))
            for each in sorted(inventory.distributions, key=lambda d: (d.site, d.info))
        ),
    )
    return {"schema": SCHEMA, **_written(ordered)}


def _files(distribution: Distribution) -> tuple[SeenFile, ...]:
    """Return the files by path, without where this machine's caches are."""
    files = (
        file if file.shared is None else dataclasses.replace(file, shared=None)
        for file in distribution.files
    )
    return tuple(sorted(files, key=lambda file: file.path))


def read_file(path: Path) -> Inventory:
    """Read a saved inventory.

    Raises:
        InputError: The file is absent, too large, or not as `inventory/1` says.
    """
    return read(read_text(path, limit=FILE_LIMIT), str(path))


def read(text: str, where: str) -> Inventory:
    """Parse a saved inventory; nothing in it is taken for granted.

    Args:
        text: The file's content.
        where: How messages name it.

    Raises:
        InputError: It is not as `inventory/1` says; the message names the place in the document.
    """
    data = _parse(text, where)
    if not isinstance(data, dict) or not isinstance(data.get("schema"), str):
        raise InputError(
            "this is no inventory", where=where, hint="`mooring inventory --output FILE` makes one"
        )
    if data.pop("schema") != SCHEMA:
        raise InputError(
            "this inventory has another schema", where=where, hint=f"this Mooring reads {SCHEMA}"
        )
    try:
        inventory = _read_object(Inventory, data, "")
    except _Wrong as wrong:
        place, message = wrong.args
        raise InputError(message, where=f"{where}: {place}" if place else where) from wrong
    assert isinstance(inventory, Inventory)
    return inventory


class _Wrong(Exception):
    """A value that does not fit: (place in the document, message)."""


def _parse(text: str, where: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        message = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"not valid JSON: {message}", where=where) from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A field of the inventory's classes; `default` is `MISSING` where there is none."""

    name: str
    kind: Any
    default: object
    required: bool


@functools.cache
def fields_of(kind: Any) -> tuple[Field, ...]:
    """Return the fields of one of the inventory's classes, with their types and defaults."""
    hints = get_type_hints(kind)
    found = []
    for field in dataclasses.fields(kind):
        if not field.compare:
            continue  # carried along for who compares, and no part of what was seen
        required = field.default is dataclasses.MISSING
        kind_of = hints[field.name]
        found.append(Field(name=field.name, kind=kind_of, default=field.default, required=required))
    return tuple(found)


def _fields_of(value: object) -> tuple[Field, ...]:
    kind: Any = type(value)
    return fields_of(kind)


def _written(value: object) -> Any:
    """Return a value of the inventory as JSON has it."""
    if isinstance(value, str):
        return redact(value) if "://" in value else value
    if isinstance(value, tuple | list):
        return [_written(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _written(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        found = ((field, getattr(value, field.name)) for field in _fields_of(value))
        return {
            field.name: _written(item)
            for field, item in found
            if field.required or item != field.default
        }
    return value


def _read_object(kind: Any, data: Mapping[str, object], place: str) -> object:
    fields = {field.name: field for field in fields_of(kind)}
    for key in data:
        if key not in fields:
            raise _Wrong(place, f"unknown key {key[:100]!a}")
    for field in fields.values():
        if field.required and field.name not in data:
            raise _Wrong(place, f"the key {field.name!r} is missing")
    return kind(
        **{
            key: _read_value(fields[key].kind, value, f"{place}.{key}" if place else key)
            for key, value in data.items()
        }
    )


def _read_value(kind: Any, value: object, place: str) -> object:
    """Return a value as the type of its field says."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _read_optional(kind, value, place)
    if origin is Literal:
        if value not in get_args(kind) or not isinstance(value, str):
            raise _Wrong(place, f"expected one of {', '.join(map(str, get_args(kind)))}")
        return value
    if origin is Sequence:
        return _read_tuple([*get_args(kind), ...], value, place)
    if origin is tuple:
        return _read_tuple(get_args(kind), value, place)
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise _Wrong(place, "expected an object")
        return _read_object(kind, value, place)
    return _read_plain(kind, value, place)


def _read_optional(kind: Any, value: object, place: str) -> object:
    if value is None:
        return None
    (wanted,) = (each for each in get_args(kind) if each is not types.NoneType)
    return _read_value(wanted, value, place)


def _read_tuple(kinds: Sequence[Any], value: object, place: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise _Wrong(place, "expected a list")
    if kinds[-1] is Ellipsis:
        kinds = [kinds[0]] * len(value)
    if len(kinds) != len(value):
        raise _Wrong(place, f"expected {len(kinds)} items")
    return tuple(
        _read_value(kind, item, f"{place}[{number}]")
        for number, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _read_plain(kind: Any, value: object, place: str) -> object:
    if type(value) is not kind:  # true is no number, and 1.0 no whole one
        names = {str: "a string", int: "a whole number", bool: "true or false"}
        raise _Wrong(place, f"expected {names.get(kind, 'another type')}")
    if isinstance(value, str) and len(value) > _TEXT_LIMIT:
        raise _Wrong(place, "the text is too long")
    if isinstance(value, int) and not -_NUMBER_LIMIT < value < _NUMBER_LIMIT:
        raise _Wrong(place, "the number is too large")
    return value
