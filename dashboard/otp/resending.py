"""Sending a code once more, under the same request id: a new code, or the old one where it is configured so."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import bindparam, update

from dashboard.api_keys.services import Caller
from dashboard.crypto import CannotDecrypt, decrypt
from dashboard.current import current_settings
from dashboard.direct import Batch
from dashboard.extensions import db, utc_now
from dashboard.ids import public_id
from dashboard.otp import limits, queries
from dashboard.otp.asking import Ask, Draft, Means, part_for
from dashboard.otp.codes import new_seed
from dashboard.otp.models import OtpConfiguration, OtpRequest, OtpState, Resend
from dashboard.otp.sending import Book, Manner, dispatch, draft_hash, kept_seed
from dashboard.problems import NotFound

_LINK = update(OtpRequest).where(OtpRequest.id == bindparam("request")).values(message_id=bindparam("message"))
UNKNOWN = "There is no code to send again under this id: it is unknown, used, or its time is over. Ask for a new one."


def resend_code(request_id: int | None, caller: Caller, manner: Manner) -> Draft | None:
    """Send the code of a request again; None where `manner.first` said no.

    Tries stay counted. Raises NotFound alike for unknown, expired, used and superseded requests, and Limited.
    """
    row = db.session.get(OtpRequest, request_id) if request_id is not None else None
    if row is None or not _is_open(row):
        raise NotFound(UNKNOWN)
    configuration = queries.configuration(row.configuration_id)
    draft, ask = _draft(row, configuration), _ask(row, caller)

    book = Book(lambda draft: _book(ask, configuration, draft), _link, "resent")
    sent = dispatch(ask, [draft], book, manner)
    return sent[0] if sent else None


def _is_open(row: OtpRequest) -> bool:
    return row.state == OtpState.OPEN and row.expires_at > utc_now() and row.attempts < row.max_attempts


def _ask(row: OtpRequest, caller: Caller) -> Ask:
    return Ask(caller, purpose=row.purpose, ip=row.ip, variables=dict(row.variables))


def _draft(row: OtpRequest, configuration: OtpConfiguration) -> Draft:
    means = Means(
        template=public_id("tpl", row.template_id) if row.template_id else None,
        provider=public_id("prv", row.provider_id) if row.provider_id else None,
    )
    part, target = part_for(row.channel, configuration, means, db.session.connection())
    return Draft(
        id=row.id,
        group_id=row.group_id,
        channel=row.channel,
        destination=row.destination,
        country=row.country,
        length=row.length,
        alphabet=row.alphabet,
        expiry_seconds=row.expiry_seconds,
        seed=_seed(row, configuration),
        part=part,
        target=target,
    )


def _seed(row: OtpRequest, configuration: OtpConfiguration) -> str:
    """The old seed where the code is to be repeated and can be; else a new one, which is always safe."""
    if configuration.resend != Resend.SAME or not row.seed:
        return new_seed()
    try:
        return str(decrypt(current_settings().key, row.seed)["seed"])
    except CannotDecrypt:
        return new_seed()


def _link(batch: Batch, draft: Draft) -> None:
    batch.then(lambda connection: connection.execute(_LINK, {"request": draft.id, "message": draft.message_id}))


def _book(ask: Ask, configuration: OtpConfiguration, draft: Draft) -> None:
    """Guarded: of two resends at once the second finds the wait of the first. Inside the transaction of the message."""
    now = utc_now()
    limits.spend(configuration, channel=draft.channel, destination=draft.destination, ip=ask.ip)
    draft.resend_at = now + timedelta(seconds=configuration.resend_wait_seconds)
    guard = (OtpRequest.id == draft.id, OtpRequest.state == OtpState.OPEN, OtpRequest.expires_at > now)
    changed = update(OtpRequest).where(
        *guard, OtpRequest.resend_at <= now, OtpRequest.attempts < OtpRequest.max_attempts
    )
    values = {
        "code_hash": draft_hash(draft, ask.purpose),
        "seed": kept_seed(configuration, draft),
        "expires_at": draft.expires_at,
        "resend_at": draft.resend_at,
        "sends": OtpRequest.sends + 1,
    }
    statement = changed.values(**values).returning(OtpRequest.id).execution_options(synchronize_session=False)
    if db.session.execute(statement).first() is None:
        row = db.session.get(OtpRequest, draft.id, populate_existing=True)
        if row is None or not _is_open(row):
            raise NotFound(UNKNOWN)
        raise limits.Limited("resend_wait", row.resend_at)
