"""The OpenAPI document arranged for a page: chapters of operations with their fields and a curl call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a table: `name` is dotted where it is inside another one."""

    name: str
    kind: str
    required: bool
    words: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be called."""

    id: str
    method: str
    path: str
    summary: str
    words: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    example: str
    answers: tuple[tuple[str, tuple[Field, ...]], ...]


@dataclass(slots=True)
class Chapter:
    """The operations of one resource."""

    name: str
    words: str
    operations: list[Operation] = field(default_factory=list)


def chapters(document: dict[str, Any]) -> list[Chapter]:
    """Every operation of the document under its tag, in the order of the document."""
    found = {tag["name"]: Chapter(tag["name"], tag.get("description", "")) for tag in document.get("tags", ())}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            found[operation["tags"][0]].operations.append(_operation(document, path, method, operation))
    return [chapter for chapter in found.values() if chapter.operations]


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> Operation:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    answers = (
        (status, answer.get("content", {}).get("application/json", {}).get("schema", {}))
        for status, answer in operation["responses"].items()
        if status.startswith("2")
    )
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        words=operation.get("description", "").replace("<br/>", " ").strip(),
        parameters=tuple(_parameter(document, parameter) for parameter in operation.get("parameters", ())),
        body=tuple(_fields(document, schema)),
        example=_example(document, schema),
        answers=tuple((status, tuple(_fields(document, found))) for status, found in answers),
    )


def _parameter(document: dict[str, Any], parameter: dict[str, Any]) -> Field:
    kind = _kind(document, parameter.get("schema", {}))
    return Field(
        parameter["name"], f"{kind}, {parameter['in']}", parameter["required"], parameter.get("description", "")
    )


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema behind a reference, and the one of `anything or null`."""
    if "$ref" in schema:
        return dict(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return schema


def _options(document: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """What a value may be, without null."""
    schema = _resolved(document, schema)
    options = [_resolved(document, option) for option in schema.get("anyOf", [schema])]
    return [option for option in options if option.get("type") != "null"]


def _kind(document: dict[str, Any], schema: dict[str, Any]) -> str:
    words = []
    for option in _options(document, schema):
        if "enum" in option:
            words.append(" or ".join(str(value) for value in option["enum"]))
        elif option.get("type") == "array":
            words.append(f"list of {_kind(document, option.get('items', {}))}")
        else:
            words.append(str(option.get("format") or option.get("const") or option.get("type", "anything")))
    return " or ".join(dict.fromkeys(words)) or "anything"


def _fields(document: dict[str, Any], schema: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[Field]:
    if depth == _DEEPEST or not schema:
        return
    for option in _options(document, schema):
        if option.get("type") == "array":
            yield from _fields(document, option.get("items", {}), f"{prefix}[].", depth + 1)
        for name, value in option.get("properties", {}).items():
            whole = f"{prefix.replace('.[]', '[]')}{name}"
            required = name in option.get("required", ())
            yield Field(whole, _kind(document, value), required, value.get("description", ""))
            inner = value if "items" in value or "anyOf" in value or "$ref" in value else {}
            yield from (
                Field(found.name.replace(".[]", "[]"), found.kind, found.required, found.words)
                for found in _fields(document, inner, f"{whole}.", depth + 1)
            )


def _example(document: dict[str, Any], schema: dict[str, Any]) -> str:
    examples = _resolved(document, schema).get("examples") if schema else None
    return json.dumps(examples[0], indent=2, ensure_ascii=False) if examples else ""
