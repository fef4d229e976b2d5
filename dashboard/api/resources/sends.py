"""Whole requests: what became of all their messages, and cancelling them."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from dashboard.api.resource import Input, Output, Reply, needs, resource
from dashboard.api_keys.models import Scope
from dashboard.ids import parse_public_id, public_id
from dashboard.jobs.queries import totals_of
from dashboard.problems import NotFound
from dashboard.sends.queries import jobs_of
from dashboard.sends.services import cancel_send

api = resource("Sends", "Requests for messages as a whole.")


class SendPath(Input):
    send: str = Field(max_length=40, description="Id of a request (snd_…).")


class SendPartOut(Output):
    """One channel of a request."""

    job: str
    channel: str
    state: str = Field(description="running, pausing, paused, cancelling, cancelled or finished.")
    counts: dict[str, int] = Field(description="Messages by state; they add up to the recipients.")


class SendStateOut(Output):
    """A request and the numbers of its messages."""

    id: str
    reference: str
    metadata: dict[str, str]
    send_at: datetime | None
    created_at: datetime
    jobs: list[SendPartOut]


@api.get("/sends/<send>", responses={200: SendStateOut})
@needs(Scope.SEND, Scope.REPORTS)
def show(path: SendPath) -> Reply:
    """State of a request"""
    return _state(_id(path))


@api.post("/sends/<send>/cancel", responses={200: SendStateOut})
@needs(Scope.SEND)
def cancel(path: SendPath) -> Reply:
    """Cancel a request

    What is on its way is finished, what is still queued is cancelled. 409 where nothing is left to cancel.
    """
    send_id = _id(path)
    cancel_send(send_id=send_id)
    return _state(send_id)


def _id(path: SendPath) -> int:
    try:
        return parse_public_id("snd", path.send)
    except ValueError as error:
        raise NotFound("There is no request with this id.") from error


def _state(send_id: int) -> SendStateOut:
    found = jobs_of(send_id)
    if not found:
        raise NotFound("There is no request with this id.")
    owner = found[0][0]
    totals = totals_of(job.id for _, job in found)
    jobs = [
        SendPartOut(
            job=job.public_id,
            channel=job.channel,
            state=job.state,
            counts={state: count for state, count in totals[job.id].parts() if count},
        )
        for _, job in found
    ]
    return SendStateOut(
        id=public_id("snd", send_id),
        reference=owner.reference,
        metadata={name: str(value) for name, value in owner.data.items()},
        send_at=owner.send_at,
        created_at=owner.created_at,
        jobs=jobs,
    )
