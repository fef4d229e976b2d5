"""Where a search leads, and how it was understood."""

from __future__ import annotations

from flask import url_for

from dashboard.search.objects import Answer, answer_for
from dashboard.search.services import remember
from dashboard.search.terms import Term, TermKind, read_term


def destination(text: str) -> Answer:
    """The page for what was typed; `path` is "" where several things may be meant, or nothing."""
    term = read_term(text)
    if term.kind == TermKind.ID:
        return answer_for(term.value)
    if term.kind in (TermKind.ADDRESS, TermKind.PHONE):
        path = url_for("messages.index", who=remember(term.value), range="all")
        return Answer(path, explain(term))
    return Answer("", explain(term))


def explain(term: Term) -> str:
    """How a term was understood, in words for the person who typed it; without the address itself."""
    if term.kind == TermKind.ID:
        return answer_for(term.value).words
    return {
        TermKind.ADDRESS: "Understood as an email address, or its beginning. These are the messages to it.",
        TermKind.PHONE: "Understood as a phone number with its country. These are the messages to it.",
        TermKind.DIGITS: "Understood as a name, an id of a provider, or a phone number without its country.",
        TermKind.WORDS: "Understood as a name, or an id of a provider.",
    }[term.kind]
