"""The JSON Schema of `inventory/1`, made from the types that are written and read.

`python -m tests.inventory_schema` writes the published file anew.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Sequence
from typing import Any, Literal, Union, get_args, get_origin

from tests.house import SOURCE

from mooring.verify.inventory import Inventory
from mooring.verify.inventory_json import SCHEMA, fields_of

PUBLISHED = SOURCE / "verify" / "schema" / "inventory-1.schema.json"

_PLAIN = {str: {"type": "string"}, int: {"type": "integer"}, bool: {"type": "boolean"}}


def schema() -> dict[str, Any]:
    """Return the schema (JSON Schema, draft 2020-12)."""
    named: dict[str, Any] = {}
    body = _object(Inventory, named)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "description": "What is in a Python environment, as `mooring inventory` saw it.",
        **body,
        "properties": {"schema": {"const": SCHEMA}, **body["properties"]},
        "required": ["schema", *body["required"]],
        "$defs": named,
    }


def text() -> str:
    """Return the published file."""
    return json.dumps(schema(), indent=2) + "\n"


def _object(kind: Any, named: dict[str, Any]) -> dict[str, Any]:
    fields = fields_of(kind)
    return {
        "type": "object",
        "properties": {field.name: _value(field.kind, named) for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def _value(kind: Any, named: dict[str, Any]) -> dict[str, Any]:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_value(part, named) for part in parts]}
    if kind is types.NoneType:
        return {"type": "null"}
    if origin is Literal:
        return {"enum": list(parts)}
    if origin is Sequence or (origin is tuple and parts[-1] is Ellipsis):
        return {"type": "array", "items": _value(parts[0], named)}
    if origin is tuple:
        items = [_value(part, named) for part in parts]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "items": False}
    if dataclasses.is_dataclass(kind):
        name = kind.__name__  # type: ignore[union-attr]  # a class, no instance of one
        if name not in named:
            named[name] = {}
            named[name] = _object(kind, named)
        return {"$ref": f"#/$defs/{name}"}
    return _PLAIN[kind]


if __name__ == "__main__":
    PUBLISHED.parent.mkdir(exist_ok=True)
    PUBLISHED.write_text(text(), encoding="utf-8")
