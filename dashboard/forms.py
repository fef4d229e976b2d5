"""What every form needs: its text as text, and a service's refusal at the field that the person sees."""

from __future__ import annotations

from wtforms import Field, Form

from dashboard.problems import DomainError, Problem


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
