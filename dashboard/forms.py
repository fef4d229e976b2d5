"""What every form needs: its text as text, a refusal of a service at its field, and what a 409 compares."""

from __future__ import annotations

from typing import Any

from wtforms import Field, Form
from wtforms.form import BaseForm
from wtforms.validators import NumberRange, ValidationError

from dashboard.problems import Conflict, DomainError, Problem

Difference = tuple[str, str, Any, Any]


class Between(NumberRange):
    """A range of numbers that also refuses in words what has more digits than a float holds."""

    def __call__(self, form: BaseForm, field: Field) -> None:
        """Raises ValidationError for what is outside."""
        try:
            super().__call__(form, field)
        except OverflowError:
            raise ValidationError(str(self.message or "That number is far too large.")) from None


def text(field: Field) -> str:
    """What was typed, "" where the field was not sent."""
    return field.data or ""


def show_problem(form: Form, problem: Problem) -> None:
    """Put the problem's words at its field, or at the top of the form where it names none that the form has."""
    name = problem.field if isinstance(problem, DomainError) else None
    field = form[name] if name and name in form else None
    if field is None:
        form.form_errors.append(problem.message)
    else:
        field.errors = [*field.errors, problem.message]


def show_conflict(form: Form, conflict: Conflict) -> list[Difference]:
    """For a 409: (field id, label, typed, saved now) of every field that differs, for the macro `ui.conflict`.

    The form keeps what was typed; its `version` becomes the present one, so that saving again is a decision.
    """
    differences = []
    for field in form:
        if field.name in ("version", "csrf_token") or not hasattr(conflict.current, field.name):
            continue
        theirs = getattr(conflict.current, field.name)
        if (field.data or "") != (theirs or ""):
            differences.append((field.id, field.label.text, field.data, theirs))
    form["version"].data = conflict.current.version
    form["version"].raw_data = None  # the field shows what was sent rather than `data` where it has it
    return differences
