"""Failures of compiling and rendering, told so that an editor can point at them.

TemplateSyntaxProblem   the template itself is wrong: raised by compile_email
RenderError             this template with these values cannot become a message: from render and the MIME builder
"""

from __future__ import annotations

__all__ = ["RenderError", "TemplateSyntaxProblem"]


class TemplateSyntaxProblem(Exception):
    """A part of a template does not compile.

    `line` and `column` are 1-based and count characters; `end_column` is exclusive and None where only a point is
    known. `code` is one of syntax_error, unknown_filter, unknown_test, not_supported, source_too_large, bad_header,
    bad_address.
    """

    def __init__(
        self,
        message: str,
        *,
        part: str,
        line: int = 1,
        column: int = 1,
        end_column: int | None = None,
        code: str = "syntax_error",
        suggestion: str | None = None,
    ) -> None:
        super().__init__(f"{part}, line {line}, column {column}: {message}")
        self.part = part
        self.line = line
        self.column = column
        self.end_column = end_column
        self.code = code
        self.message = message
        self.suggestion = suggestion


class RenderError(Exception):
    """One message cannot be made.

    `code` is one of undefined_variable, render_failed, output_too_large, too_slow, header_injection, bad_address.
    `variable` is the dotted path of the value at fault; `line` and `column` are 1-based and None where unknown.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        part: str = "",
        line: int | None = None,
        column: int | None = None,
        variable: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.part = part
        self.line = line
        self.column = column
        self.variable = variable
