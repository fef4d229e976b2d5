"""Finds what an answer says, at places that are written as one text.

JSON: keys and positions with dots between them, "data.0.id"; XML: a path as ElementTree knows it, with "@name" at its
end for an attribute, ".//MID@TID"; "regex:..." anywhere, over the text, its first group where it has one. In a text
without structure every place is such a pattern, with or without the prefix.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from xml.etree import ElementTree as ET

from worker.providers.declarative.gateway import AnswerFormat
from worker.providers.http_wire.calls import Unreadable, read_json

_PREFIX = "regex:"
_MOST_TEXT = 20_000  # characters that a pattern looks at: operators write patterns, and some are slow
_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Document:
    """An answer, or a part of one. `root` is parsed JSON, an XML element, or None for a text."""

    text: str
    root: Any = None


def read(body: bytes, format_: AnswerFormat) -> Document:
    """The answer in its format. Raises Unreadable."""
    text = body.decode("utf-8", "replace")
    if format_ == "json":
        return Document(text, read_json(body))
    if format_ == "xml":
        return Document(text, _read_xml(text))
    return Document(text)


def find(document: Document, place: str) -> str:
    """The text at a place, empty where there is none. Truth values are "true" and "false"."""
    if not place:
        return ""
    if place.startswith(_PREFIX) or document.root is None:
        found = pattern(place).search(document.text[:_MOST_TEXT])
        return (found.group(found.lastindex or 0) or "").strip() if found else ""
    if isinstance(document.root, ET.Element):
        return _find_in_xml(document.root, place)
    return _as_text(_step_through(document.root, place))


def parts(document: Document, place: str) -> list[Document]:
    """The documents within one: elements of a JSON list, XML elements, or the lines of a text that match.

    A place "." is the whole: a list gives its elements, anything else itself.
    """
    if document.root is None:
        matching = pattern(place)
        return [Document(line) for line in document.text.splitlines() if matching.search(line[:_MOST_TEXT])]
    if isinstance(document.root, ET.Element):
        return [Document(ET.tostring(element, encoding="unicode"), element) for element in document.root.findall(place)]
    found = document.root if place == "." else _step_through(document.root, place)
    if isinstance(found, list):
        return [Document(json.dumps(element, ensure_ascii=False), element) for element in found]
    return [Document(document.text, found)] if isinstance(found, dict) else []


@cache
def pattern(place: str) -> re.Pattern[str]:
    """The compiled pattern of a place. Raises re.error."""
    return re.compile(place.removeprefix(_PREFIX))


def _step_through(value: Any, place: str) -> Any:
    for key in place.split("."):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _read_xml(text: str) -> ET.Element:
    """Entities are never resolved: the type declaration is taken away, and one that defines some is refused."""
    if "<!ENTITY" in text.upper():
        raise Unreadable("The answer defines entities, which is refused.")
    try:
        return ET.fromstring(_DOCTYPE.sub("", text.strip(), count=1))  # noqa: S314 - no entities, see above
    except ET.ParseError as error:
        raise Unreadable(f"The answer is no XML: {error}.") from error


def _find_in_xml(root: ET.Element, place: str) -> str:
    path, _, attribute = place.partition("@")
    element = root if path in ("", ".") else root.find(path)
    if element is None:
        return ""
    return (element.get(attribute, "") if attribute else "".join(element.itertext())).strip()
