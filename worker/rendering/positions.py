"""Line and column of everything in a template.

Jinja's tokens and nodes know their line only. They carry whatever number the lexer gives them, so a number that also
knows its column reaches every node and every syntax error without a second parser.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

__all__ = ["Position", "PositionedParser", "column_of", "token_stream"]


class Position(int):
    """A 1-based line number with the 1-based column, counted in characters."""

    column: int

    def __new__(cls, line: int, column: int) -> Position:
        position = super().__new__(cls, line)
        position.column = column
        return position

    def __reduce__(self) -> tuple[Any, ...]:
        return (Position, (int(self), self.column))


def column_of(line: int | None) -> int:
    """The column of a line number that came out of a parse."""
    return line.column if isinstance(line, Position) else 1


def token_stream(
    environment: Environment, source: str, name: str | None, filename: str | None, state: str | None = None
) -> TokenStream:
    """The tokens of a source, each with its position. Syntax errors of the lexer carry one too."""
    lexer = environment.lexer
    raw = _positioned(source, lexer.tokeniter(source, name, filename, state))
    return TokenStream(lexer.wrap(raw, name, filename), name, filename)


def _positioned(source: str, tokens: Iterator[tuple[int, str, str]]) -> Iterator[tuple[int, str, str]]:
    """Follows the tokens through the source; only whitespace that `{%-` strips stands between two of them."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    offset = line_start = 0
    line = 1
    while True:
        try:
            _, kind, value = next(tokens)
        except StopIteration:
            return
        except TemplateSyntaxError as error:
            error.lineno = Position(line, offset - line_start + 1)
            raise
        start = source.find(value, offset)
        start = offset if start < 0 else start
        for end in (start, start + len(value)):
            crossed = source.count("\n", offset, end)
            if crossed:
                line += crossed
                line_start = source.rfind("\n", 0, end) + 1
            if end == start:
                position = Position(line, start - line_start + 1)
            offset = end
        yield position, kind, value


class PositionedParser(Parser):
    """Jinja's parser, pointing an unclosed tag at where it was opened instead of at the end of the source."""

    def __init__(self, environment: Environment, source: str, name: str | None, filename: str | None) -> None:
        self._opened: list[tuple[str, int]] = []
        super().__init__(environment, source, name, filename)

    def parse_statement(self) -> nodes.Node | list[nodes.Node]:
        """One statement; while it is parsed it counts as open."""
        token = self.stream.current
        self._opened.append((str(token.value), token.lineno))
        statement = super().parse_statement()
        self._opened.pop()
        return statement

    def fail_eof(self, end_tokens: tuple[str, ...] | None = None, lineno: int | None = None) -> Any:
        """The source ends within a statement."""
        if self._opened:
            tag, opened = self._opened[-1]
            self.fail(f"{{% {tag} %}} is never closed: {{% end{tag} %}} is missing", opened)
        super().fail_eof(end_tokens, lineno)
