"""What a standard event is, and the pieces that its texts are made of.

Texts take the company's name and addresses from the global variables and do without those that nobody has filled in.
SMS keep to GSM-7 and end with the sender's name, as registered texts have to; `{#var#}` stands for every variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dashboard.events.models import ValueType
from dashboard.events.schema import EventVariable, samples, type_of
from dashboard.message_templates.models import Category
from worker.rendering.content import Content, EmailContent
from worker.rendering.push import DataSource, PushContent
from worker.rendering.sms import SmsContent

_LAYOUT: Final = (Path(__file__).parent / "layout.html").read_text(encoding="utf-8")
_SIGNED: Final = "{{ company_name|default('Your shop', true) }}"
_HELLO: Final = "Hello {{ first_name|default('there') }},"
_EXPRESSION: Final = re.compile(r"\{\{.*?\}\}")


@dataclass(frozen=True, slots=True)
class StandardEvent:
    """One event of the set. `key` becomes its slug; `once` is the variable that tells repetitions apart."""

    key: str
    name: str
    group: str
    description: str
    variables: tuple[EventVariable, ...]
    contents: tuple[Content, ...]
    category: Category = Category.TRANSACTIONAL
    once: str = ""
    rules: Mapping[str, Any] = field(default_factory=dict)

    @property
    def payload(self) -> dict[str, Any]:
        """An example, made of the samples."""
        return samples(self.variables)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that it has texts for."""
        return tuple(content.channel for content in self.contents)


def given(path: str, sample: Any, *, pii: bool = False) -> EventVariable:
    """A variable that every payload brings; its type is that of the sample."""
    return EventVariable(path, type_of(sample), required=True, sample=sample, pii=pii)


def first_name() -> EventVariable:
    """How the customer is called, where that is known."""
    return EventVariable("first_name", ValueType.TEXT, required=False, sample="Asha", pii=True)


def email(
    subject: str,
    heading: str,
    text: str,
    *,
    greets: bool = True,
    facts: Sequence[tuple[str, str]] = (),
    lines: str = "",
    button: tuple[str, str] | None = None,
    promotional: bool = False,
) -> EmailContent:
    """An email in the common layout, a line of the text for each paragraph.

    `lines` names a list of {name, quantity}, `button` is (words, address).
    """
    paragraphs = (f"{_HELLO} {text}" if greets else text).splitlines()
    body = [f'<p class="ink" style="{_PARAGRAPH}">{words}</p>' for words in paragraphs]
    if facts:
        body.append(_table([_row(name, value) for name, value in facts]))
    if lines:
        row = _row("{{ item.name }}", "{{ item.quantity }}&nbsp;×")
        body.append(_table([f"{{% for item in {lines} %}}", row, "{% endfor %}"]))
    if button:
        body.append(f'<p style="margin:0 0 24px"><a href="{button[1]}" style="{_BUTTON}">{button[0]}</a></p>')
    values = {"HEADING": heading, "BODY": "\n  ".join(body), "FOOT": _UNSUBSCRIBE if promotional else ""}
    html = re.sub(r"@(HEADING|BODY|FOOT)@", lambda found: values[found[1]], _LAYOUT)
    return EmailContent(subject=subject, html=html)


def sms(text: str, *, promotional: bool = False) -> SmsContent:
    """A text message with the sender's name at its end; its registered text has a slot for every variable."""
    ended = f"{text} Stop: {{{{ unsubscribe_url }}}}" if promotional else text
    whole = f"{ended} - {_SIGNED}"
    return SmsContent(whole, registered_text=_EXPRESSION.sub("{#var#}", whole))


def push(title: str, body: str, *, replaces: str = "", data: Mapping[str, str] | None = None) -> PushContent:
    """A notification; a later one with the same `replaces` takes its place."""
    entries = tuple(DataSource(key, value) for key, value in (data or {}).items())
    return PushContent(title=title, body=body, collapse_key=replaces, data=entries)


def _table(rows: Sequence[str]) -> str:
    inner = "\n    ".join(rows)
    return (
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" class="rule" '
        f'style="margin:0 0 24px;border-top:1px solid #dfe3ea">\n    {inner}\n  </table>'
    )


def _row(name: str, value: str) -> str:
    cell = "padding:12px 0;border-bottom:1px solid #dfe3ea;font-size:15px"
    return (
        f'<tr><td class="soft rule" style="{cell};color:#5b6472">{name}</td>'
        f'<td class="ink rule" align="right" style="{cell};color:#333a45">{value}</td></tr>'
    )


_PARAGRAPH: Final = "margin:0 0 20px;font-size:16px;line-height:1.6;color:#333a45"
_BUTTON: Final = (
    "display:inline-block;padding:13px 26px;border-radius:8px;background:#2753c4;color:#ffffff;"
    "font-size:16px;font-weight:600;text-decoration:none"
)
_UNSUBSCRIBE: Final = (
    '<br>You get this because you are our customer. <a href="{{ unsubscribe_url }}" style="color:inherit">'
    "Unsubscribe</a>"
)
