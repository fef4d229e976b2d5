"""One-time codes: send, verify, send again, ask for the state. No answer ever has a code in it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import datetime
from math import ceil
from typing import Annotated, Any, Final, Literal

from flask import Response
from pydantic import AfterValidator, Field, JsonValue, StrictBool, StrictFloat, StrictInt

from dashboard.api.errors import error_answer
from dashboard.api.idempotency import Once, this_once
from dashboard.api.identifiers import PublicId, found_id
from dashboard.api.resource import PREFIX, Input, Output, Reply, as_response, caller, needs, resource
from dashboard.api.sending import ProviderId, TemplateName
from dashboard.api_keys.models import Scope
from dashboard.extensions import transaction, utc_now
from dashboard.ids import public_id
from dashboard.otp import queries
from dashboard.otp.asking import Ask, Draft, Means
from dashboard.otp.models import OtpRequest
from dashboard.otp.resending import resend_code
from dashboard.otp.sending import Manner, send_codes
from dashboard.otp.verifying import Result, Verification, verify_code

api = resource("OTP", "One-time codes: send, verify, send again. Codes themselves are in no answer.")

Code = Annotated[
    str, Field(min_length=1, max_length=40, description="As it was typed; blanks and hyphens are ignored.")
]
RequestId = Annotated[str, Field(min_length=1, max_length=40, description="Id from the answer to send (otp_…).")]
Purpose = Annotated[
    str, Field(max_length=80, description="What the code is for, such as login. It works for that only.")
]
Mode = Annotated[Literal["sync", "async"], Field(description="sync calls the provider within the request.")]
Deadline = Annotated[StrictFloat | StrictInt, Field(ge=0.05, le=60, description="How long sync waits.")]
_EXAMPLE: Final[Any] = {"phone": "+919876543210", "purpose": "login", "ip": "192.0.2.7"}


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise ValueError("is no IP address") from error


class RequestPath(Input):
    request: PublicId


class MeansIn(Input):
    """What one channel uses in place of the configuration's."""

    template: TemplateName | None = None
    provider: ProviderId | None = None


class OtpSendIn(Input):
    """Where a code is to go. Every channel of the configuration that has an address here is used."""

    model_config = {"extra": "forbid", "json_schema_extra": {"examples": [_EXAMPLE]}}

    phone: str | None = Field(None, max_length=20, description="With country code, such as +919876543210.")
    email: str | None = Field(None, max_length=320)
    configuration: str | None = Field(None, min_length=1, max_length=80, description="Id or name; else the default.")
    purpose: Purpose = ""
    ip: Annotated[str, AfterValidator(_address)] | None = Field(
        None, max_length=45, description="Address of the person who wants in: limits are counted by it."
    )
    length: Literal[4, 6, 8] | None = None
    expiry_seconds: StrictInt | None = Field(None, ge=30, le=86_400)
    same_code: StrictBool | None = Field(None, description="One code for both channels.")
    sms: MeansIn | None = None
    email_with: MeansIn | None = Field(None, description="Template and provider of the email.")
    variables: dict[str, JsonValue] = Field({}, description="More values for the templates; code is always ours.")
    mode: Mode = "sync"
    deadline_seconds: Deadline = 20

    def ask(self) -> Ask:
        """The same for the services."""
        given = {"sms": self.sms, "email": self.email_with}
        return Ask(
            caller=caller(),
            email=self.email,
            phone=self.phone,
            purpose=self.purpose,
            ip=self.ip or "",
            length=self.length,
            expiry_seconds=self.expiry_seconds,
            same_code=self.same_code,
            means={name: Means(one.template, one.provider) for name, one in given.items() if one is not None},
            variables=self.variables,
        )


class OtpVerifyIn(Input):
    request_id: RequestId
    code: Code
    purpose: Purpose = ""


class OtpResendIn(Input):
    request_id: RequestId
    mode: Mode = "sync"
    deadline_seconds: Deadline = 20


class OtpSentOut(Output):
    """A code on one channel."""

    request_id: str
    channel: str
    destination: str
    state: str = Field(description="sent, failed, suppressed, unknown; queued where workers send it.")
    code: str | None = Field(None, description="Why it failed: the provider's code, or ours. Never the one-time code.")
    detail: str | None = Field(None, description="The provider's words.")
    message: str | None = Field(description="Id of the message, for GET /messages/{message}.")
    expires_at: datetime
    resend_after_seconds: int = Field(description="When the code can be sent again.")


class OtpSendOut(Output):
    """What became of the codes, one for each channel used."""

    success: bool = Field(description="At least one is on its way.")
    mode: str
    codes: list[OtpSentOut]


class OtpVerifyOut(Output):
    """The code was right. It does not work again."""

    verified: bool
    request_id: str
    channel: str
    destination: str
    purpose: str


class OtpStatusOut(Output):
    """A request for a code, without the code."""

    request_id: str
    state: str = Field(
        description="requested, sent, delivered, verified, wrong_code, expired, superseded, limited, failed."
    )
    channel: str
    destination: str
    purpose: str
    attempts: int
    attempts_left: int
    sends: int
    message: str | None
    created_at: datetime
    expires_at: datetime
    resend_after_seconds: int
    verified_at: datetime | None


@api.post("/otp/send", responses={200: OtpSendOut, 202: OtpSendOut})
@needs(Scope.OTP, once=False)
def send(body: OtpSendIn) -> Reply:
    """Send a code

    Through the provider within the request, unless mode is async. A code that was sent before to the same destination
    for the same purpose stops working. 429 with Retry-After where a limit, the wait between two codes or a lock-out
    refuses.
    """
    configuration = queries.named_configuration(body.configuration)
    return _once(body.mode, body.deadline_seconds, lambda manner: send_codes(body.ask(), configuration, manner))


@api.post("/otp/resend", responses={200: OtpSendOut, 202: OtpSendOut})
@needs(Scope.OTP, once=False)
def resend(body: OtpResendIn) -> Reply:
    """Send a code again

    Under the same request id: a new code, or the old one, as configured. Tries stay counted. 404 alike for unknown,
    used and expired ids; 429 with Retry-After before the wait is over.
    """
    number = queries.number_of("otp", body.request_id)

    def again(manner: Manner) -> list[Draft] | None:
        draft = resend_code(number, caller(), manner)
        return None if draft is None else [draft]

    return _once(body.mode, body.deadline_seconds, again)


@api.post("/otp/verify", responses={200: OtpVerifyOut})
@needs(Scope.OTP)
def verify(body: OtpVerifyIn) -> Reply:
    """Verify a code

    Each call is one try. 422 wrong_code while tries remain, 429 locked after the last one, 404 not_valid alike for
    unknown, expired, used and superseded ids.
    """
    number = queries.number_of("otp", body.request_id)
    return _answer(verify_code(request_id=number, code=body.code, purpose=body.purpose))


@api.get("/otp/<request>", responses={200: OtpStatusOut})
@needs(Scope.OTP)
def show(path: RequestPath) -> Reply:
    """State of a code"""
    attempt = queries.attempt(found_id("otp", path.request, "request for a code"))
    row = attempt.request
    return OtpStatusOut(
        request_id=row.public_id,
        state=attempt.state,
        channel=row.channel,
        destination=row.destination,
        purpose=row.purpose,
        attempts=row.attempts,
        attempts_left=max(0, row.max_attempts - row.attempts),
        sends=row.sends,
        message=public_id("msg", row.message_id) if row.message_id else None,
        created_at=row.created_at,
        expires_at=row.expires_at,
        resend_after_seconds=_seconds_to(row.resend_at),
        verified_at=row.verified_at,
    )


def _once(mode: str, seconds: float, work: Callable[[Manner], list[Draft] | None]) -> Response:
    """Its key is reserved with the rows of the code, since no transaction may wait for a provider."""
    once = this_once(caller().id)
    kept: list[Response] = []

    def first() -> bool:
        found = once.reserve(f"{PREFIX}/messages") if once is not None else None
        if found is not None:
            kept.append(found)
        return found is None

    drafts = work(Manner(float(seconds) if mode == "sync" else None, first))
    if drafts is None:
        return kept[0]
    response = as_response((_sent(drafts, mode), 200 if mode == "sync" else 202))
    _keep(once, response)
    return response


def _keep(once: Once | None, response: Response) -> None:
    if once is not None:
        with transaction():
            once.keep(response)


def _sent(drafts: list[Draft], mode: str) -> OtpSendOut:
    codes = [_code(draft) for draft in drafts]
    success = any(one.state in ("sent", "queued", "unknown") for one in codes)
    return OtpSendOut(success=success, mode=mode, codes=codes)


def _code(draft: Draft) -> OtpSentOut:
    now = utc_now()
    return OtpSentOut(
        request_id=public_id("otp", draft.id),
        channel=draft.channel,
        destination=draft.destination,
        state=draft.state.value,
        code=draft.code or None,
        detail=draft.detail or None,
        message=public_id("msg", draft.message_id) if draft.message_id else None,
        expires_at=draft.expires_at or now,
        resend_after_seconds=_seconds_to(draft.resend_at or now),
    )


def _answer(verification: Verification) -> Reply:
    """A refusal is returned and not raised: its try has to stay counted."""
    row: OtpRequest | None = verification.request
    if row is None:
        return error_answer(
            404,
            Result.NOT_VALID.value,
            "This code cannot be verified.",
            field="request_id",
            hint="The id is unknown, or its code was used, replaced or too old. Send a new one.",
        )
    if verification.result is Result.WRONG:
        left = f"{verification.left} tr{'y is' if verification.left == 1 else 'ies are'} left."
        return error_answer(422, Result.WRONG.value, "The code is wrong.", field="code", hint=left)
    if verification.result is Result.LOCKED:
        return error_answer(
            429,
            Result.LOCKED.value,
            "The code is wrong, and this was the last try.",
            field="code",
            hint="A new code can be asked for after the seconds in Retry-After.",
            headers={"Retry-After": str(max(1, verification.lockout_seconds))},
        )
    return OtpVerifyOut(
        verified=True,
        request_id=row.public_id,
        channel=row.channel,
        destination=row.destination,
        purpose=row.purpose,
    )


def _seconds_to(moment: datetime) -> int:
    return max(0, ceil((moment - utc_now()).total_seconds()))
