"""What the fields of a template may hold, told in words for the person who typed them."""

from __future__ import annotations

import json
import re
from typing import Any

from worker.rendering.addresses import MAXIMUM_COPIES, check_address, split_display_name
from worker.rendering.errors import TemplateSyntaxProblem
from worker.rendering.headers import check_custom_header_name

_BREAK = re.compile(r"[\r\n\x00\x0b\x0c\x85\u2028\u2029]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
#: Words of the template language, which no variable can be called.
_LANGUAGE_WORDS = frozenset(
    {
        *("and", "block", "caller", "call", "else", "elif", "endfor", "endif", "extends", "false", "filter", "for"),
        *("if", "import", "in", "include", "is", "loop", "macro", "none", "not", "or", "recursive", "self", "set"),
        *("super", "true", "varargs", "kwargs", "with", "without", "context", "range", "dict", "cycler", "joiner"),
        *("lipsum", "namespace", "False", "None", "True"),
    }
)


def part_words(part: str, channel: str = "email") -> str:
    """A part's name as the channel's editor calls it."""
    if part == "text" and channel == "sms":
        return "Message"
    known = {
        "subject": "Subject",
        "html": "HTML",
        "text": "Text part",
        "from_name": "Sender name",
        "reply_to": "Reply-to",
        "cc": "Cc",
        "bcc": "Bcc",
        "sample": "Sample values",
        "json": "JSON",
        "title": "Title",
        "body": "Body",
        "image": "Image",
        "link": "Link",
        "collapse_key": "Replaces",
        "registered_text": "Registered text",
        "registered_template": "DLT template id",
    }
    if part.startswith("data:"):
        return f"Data {part.removeprefix('data:')}"
    if part.startswith("header:"):
        return f"Header {part.removeprefix('header:')}"
    return known.get(part, part or "Template")


def line_problem(text: str) -> str | None:
    """Why a text cannot stand on one header line."""
    if _BREAK.search(text):
        return "This must be one line: a line break here could add a header of its own. Remove it."
    return None


def header_problem(name: str, value: str, seen: set[str]) -> str | None:
    """Why a custom header is refused; `seen` holds the lower-case names before it and takes this one up."""
    lower = name.lower()
    if not name:
        return "Give the header a name, or remove the row."
    try:
        check_custom_header_name(name)
    except TemplateSyntaxProblem as problem:
        return f"This header is refused: {problem.message}."
    if lower in seen:
        return f"{name} is there twice. Keep one of them."
    seen.add(lower)
    if not value.strip():
        return f"Give {name} a value, or remove the row."
    return line_problem(value)


def has_code(text: str) -> bool:
    """Whether a text contains anything that rendering fills in."""
    return "{{" in text or "{%" in text


def address_problem(text: str) -> str | None:
    """Why a text is not one email address (a display name before it is fine)."""
    try:
        check_address(split_display_name(text)[1])
    except ValueError as error:
        return f"“{text}” is not an email address: {error}."
    return None


def address_words(text: str) -> list[str]:
    """The addresses of a field that takes several: one a line, or with commas between."""
    return [word for piece in re.split(r"[,;\n]", text) if (word := piece.strip())]


def addresses_problem(words: list[str], most: int = MAXIMUM_COPIES) -> str | None:
    """Why a list of addresses is refused."""
    if len(words) > most:
        return f"{len(words)} addresses are too many; {most} is the most."
    return next((problem for word in words if (problem := address_problem(word))), None)


def name_problem(name: str) -> str | None:
    """Why a text cannot be a variable's name."""
    if not _NAME.fullmatch(name):
        return "A name starts with a letter and has letters, digits and underscores only, such as first_name."
    if name in _LANGUAGE_WORDS:
        return f"“{name}” is a word of the template language. Choose another name."
    return None


def path_problem(text: str) -> str | None:
    """Why a text cannot name a value: a variable, or one inside it (order.copies)."""
    return next((problem for name in text.split(".") if (problem := name_problem(name))), None)


class JsonProblem(ValueError):
    """Typed JSON is no object of variables; the text says where and why. `line` and `column` count from 1."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def read_object(text: str) -> dict[str, Any]:
    """The variables in a JSON object; an empty text has none. Raises JsonProblem."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise JsonProblem(
            f"line {error.lineno}, column {error.colno}: {error.msg}", error.lineno, error.colno
        ) from error
    except UnicodeEncodeError as error:
        raise JsonProblem("half of a surrogate pair (\\ud800 to \\udfff) is no character") from error
    except RecursionError as error:
        raise JsonProblem("lists and objects are nested too deeply") from error
    except JsonProblem:
        raise
    except ValueError as error:
        raise JsonProblem("a number has too many digits") from error
    if not isinstance(value, dict):
        raise JsonProblem('an object is expected: {"first_name": "Asha"}')
    for name in value:
        problem = name_problem(name)
        if problem:
            raise JsonProblem(f"“{name}”: {problem}")
    return value


def _refuse_constant(word: str) -> Any:
    raise JsonProblem(f"{word} is no JSON number")
