"""Reads an answer into one verdict for each message of the call."""

from collections.abc import Sequence

from worker.providers.base import OutgoingSms, Result
from worker.providers.declarative.finding import Document, find, parts, read
from worker.providers.declarative.gateway import AnswerRules, Kind
from worker.providers.http_wire.calls import Reply, Unreadable
from worker.providers.http_wire.session import TakeApart
from worker.providers.http_wire.verdicts import (
    Verdict,
    by_status,
    everyone,
    failed,
    misconfigured,
    retry,
    sent,
    short,
    unknown,
)

_VERDICTS = {"permanent": failed, "retry": retry, "configuration": misconfigured, "unknown": unknown}


def judge(rules: AnswerRules, reply: Reply, messages: Sequence[OutgoingSms]) -> Sequence[Verdict]:
    """One verdict for each message. Raises Unreadable where a good status comes with a body nobody understands,
    TakeApart where all are refused together."""
    try:
        document = read(reply.body, rules.format)
    except Unreadable:
        plain = Document(reply.text)
        kind = _by_phrase(rules, plain.text)
        if kind is not None:
            return everyone(_verdict(kind, f"http_{reply.status}", short(plain.text), reply), messages)
        if reply.ok:
            raise
        return everyone(by_status(reply), messages)
    call_id = find(document, rules.call_id)
    found = parts(document, rules.items) if rules.items else []
    if not found:
        verdict = _one(rules, document, reply, call_id)
        if verdict.result is Result.FAILED:
            raise TakeApart(verdict)
        return everyone(verdict, messages)
    whole = len(found) == 1 < len(messages) and not find(found[0], rules.recipient)
    if rules.recipient and not whole:
        return _by_recipient(rules, found, reply, messages, call_id)
    verdicts = [_one(rules, part, reply, call_id) for part in found]
    if len(verdicts) == len(messages):
        return verdicts
    if len(messages) == 1:
        # An answer for each part of a long text: sent anew, the parts that went would come twice.
        return [next((verdict for verdict in verdicts if verdict.result is Result.SENT), verdicts[0])]
    if whole and verdicts[0].result is Result.FAILED:
        raise TakeApart(verdicts[0])
    if whole and verdicts[0].result is not Result.SENT:
        return everyone(verdicts[0], messages)
    raise Unreadable(f"There are {len(verdicts)} answers to {len(messages)} messages.")


def _by_recipient(
    rules: AnswerRules, found: Sequence[Document], reply: Reply, messages: Sequence[OutgoingSms], call_id: str
) -> list[Verdict]:
    """Vendors leave numbers out or change their order; two messages to one number are answered in turn."""
    answers: dict[str, list[Verdict]] = {}
    for part in found:
        answers.setdefault(_national(find(part, rules.recipient)), []).append(_one(rules, part, reply, call_id))
    nothing = unknown("no_answer", "The vendor's answer says nothing about this number.")
    if len(found) == len(messages) == 1:
        return [_one(rules, found[0], reply, call_id)]
    verdicts = []
    for message in messages:
        waiting = answers.get(_national(message.to))
        verdicts.append(waiting.pop(0) if waiting else nothing)
    return verdicts


def _national(number: str) -> str:
    """The last ten digits: with or without country code, plus sign or zero it is the same number within one batch."""
    return "".join(filter(str.isdigit, number))[-10:]


def _one(rules: AnswerRules, document: Document, reply: Reply, call_id: str) -> Verdict:
    detail = short(find(document, rules.detail) or document.text)
    if reply.ok and _is_accepted(rules, document):
        ids = (find(document, place) for place in rules.message_ids)
        return sent(next((id_ for id_ in ids if id_), call_id))
    code = find(document, rules.code)
    kind = rules.codes.get(code) if code else None
    kind = kind or _by_phrase(rules, f"{detail} {document.text}")
    if kind is None and not reply.ok:
        return by_status(reply, detail, code)
    if kind is None and not code:
        raise Unreadable("The answer holds neither an acceptance nor an error.")
    return _verdict(kind or rules.otherwise, code or f"http_{reply.status}", detail, reply)


def _is_accepted(rules: AnswerRules, document: Document) -> bool:
    if rules.refused and find(document, rules.refused):
        return False
    found = find(document, rules.accepted)
    return bool(found) and (not rules.accepted_values or found.lower() in map(str.lower, rules.accepted_values))


def _by_phrase(rules: AnswerRules, text: str) -> Kind | None:
    folded = text.casefold()
    return next((kind for phrase, kind in rules.phrases.items() if phrase.casefold() in folded), None)


def _verdict(kind: Kind, code: str, detail: str, reply: Reply) -> Verdict:
    return _VERDICTS[kind](code, detail or code).after(reply)
