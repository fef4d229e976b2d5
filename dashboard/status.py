"""Every state an operator can see: one table of (object kind, state) to colour kind, icon, label and meaning.

The badge macro, filters, exports and /help/statuses all read this table, so a word for a state is written once.
Colour kinds: ok, info, warn, bad, special, neutral. Icons are names in static/vendor/icons.svg; within one
object two states of the same kind never share an icon, so a badge survives greyscale print.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final


@dataclass(frozen=True, slots=True)
class Status:
    """How one state is shown: colour kind, icon name, label, and what it means for the operator."""

    kind: str
    icon: str
    label: str
    meaning: str


def _table(*rows: tuple[str, str, str, str, str]) -> dict[str, Status]:
    return {state: Status(kind, icon, label, meaning) for state, kind, icon, label, meaning in rows}


MESSAGE: Final = _table(
    ("queued", "neutral", "clock", "Queued", "Waiting for a worker. Nothing has been handed to a provider."),
    ("held", "special", "calendar-clock", "Held", "Kept back until its time or quiet hours end, then sent."),
    ("sending", "info", "loader", "Sending", "A worker is handing it to the provider right now."),
    ("sent", "info", "send", "Sent", "The provider took it. No receipt has arrived yet."),
    ("delivered", "ok", "circle-check", "Delivered", "The provider reports that it reached the recipient."),
    ("deferred", "warn", "timer", "Deferred", "The provider asked us to wait. We try again by ourselves."),
    ("failed", "bad", "circle-x", "Failed", "The provider refused it or every try failed. It is not tried again."),
    ("bounced", "bad", "corner-up-left", "Bounced", "The recipient's server sent it back. The address may be dead."),
    ("complained", "bad", "flag", "Complained", "The recipient marked it as spam. Later promotional mail is stopped."),
    ("suppressed", "special", "ban", "Suppressed", "Not sent: the recipient is on the suppression list."),
    ("expired", "neutral", "hourglass", "Expired", "Too old to be of use, so nothing more is tried."),
    ("cancelled", "neutral", "slash", "Cancelled", "Somebody cancelled it before it was handed over."),
    ("unknown", "warn", "circle-help", "Unknown", "A worker stopped while sending. It may or may not have arrived."),
)

CAMPAIGN: Final = _table(
    ("draft", "neutral", "circle-dashed", "Draft", "Being prepared. Nothing is planned yet."),
    ("needs_attention", "warn", "triangle-alert", "Needs attention", "It cannot go on until a person decides."),
    ("late", "warn", "calendar-x", "Late", "Its time passed while nothing ran. Choose to start it now or not at all."),
    ("waiting_for_approval", "special", "lock", "Waiting for approval", "A second person has to agree first."),
    ("scheduled", "special", "calendar-clock", "Scheduled", "It starts by itself at its time."),
    ("queued", "neutral", "clock", "Queued", "Waiting for a worker to begin."),
    ("preparing", "info", "list-checks", "Preparing", "Recipients are being counted and split into chunks."),
    ("running", "info", "send", "Running", "Messages are being sent."),
    ("waiting", "special", "hourglass", "Waiting", "It goes on by itself: its hours come, or a limit lets it."),
    ("pausing", "warn", "loader", "Pausing", "Messages already handed over still leave, then it stands still."),
    ("paused", "warn", "pause", "Paused", "Nothing is sent until somebody resumes it."),
    ("resuming", "info", "play", "Resuming", "Workers are being called back."),
    ("stalled", "bad", "octagon-alert", "Stalled", "No progress although it should run. Look at System."),
    ("cancelling", "neutral", "loader", "Cancelling", "Messages already handed over still leave, then it ends."),
    ("cancelled", "neutral", "slash", "Cancelled", "Ended by a person. What was not sent stays unsent."),
    ("finished", "ok", "circle-check", "Finished", "Every recipient has an outcome and none failed."),
    ("finished_with_failures", "warn", "circle-alert", "Finished with failures", "Done; some recipients failed."),
    ("failed", "bad", "circle-x", "Failed", "It could not run. The reason stands on its page."),
    ("archived", "neutral", "archive", "Archived", "Kept for the record and hidden from lists."),
)

IMPORT: Final = _table(
    ("uploading", "info", "upload", "Uploading", "Bytes are still arriving. You may leave and come back."),
    ("uploaded", "info", "file-check", "Uploaded", "The file is complete and is being read."),
    ("mapping", "warn", "columns-3", "Needs mapping", "Say which column holds the address."),
    ("checking", "info", "loader", "Checking", "Every row is read before anything is loaded."),
    ("ready", "special", "list-checks", "Ready to load", "The check is done. Load the valid rows or fix the file."),
    ("loading", "info", "database", "Loading", "Valid rows are being stored."),
    ("loaded", "ok", "circle-check", "Loaded", "Every row was stored."),
    ("loaded_with_rejects", "warn", "circle-alert", "Loaded with rejects", "Valid rows are stored, the others listed."),
    ("failed", "bad", "circle-x", "Failed", "It stopped. The reason stands on its page; nothing half-loaded remains."),
    ("cancelled", "neutral", "slash", "Cancelled", "Ended by a person. Nothing was stored."),
)

PROVIDER: Final = _table(
    ("healthy", "ok", "circle-check", "Healthy", "Messages pass as they should."),
    ("degraded", "warn", "triangle-alert", "Degraded", "Slow or failing for a share of the messages."),
    ("down", "bad", "circle-x", "Down", "No message passes. What waits is sent when it is back."),
    ("draining", "special", "hourglass", "Draining", "Finishes its queue and takes no new messages."),
    ("disabled", "neutral", "slash", "Disabled", "Switched off by a person."),
    ("untested", "neutral", "circle-dashed", "Untested", "Saved but never tried. Run Test connection."),
)

TEMPLATE: Final = _table(
    ("draft", "neutral", "circle-dashed", "Draft", "Never published. Campaigns cannot use it yet."),
    ("published", "ok", "circle-check", "Published", "This version is used by new sends."),
    ("unpublished_changes", "warn", "pencil", "Unpublished changes", "The draft differs from what is sent."),
    ("snapshot", "special", "camera", "Snapshot", "Kept as it was when a test or campaign used it."),
    ("superseded", "neutral", "history", "Superseded", "An older version, kept for what it has sent."),
    ("archived", "neutral", "archive", "Archived", "Kept for the record and not offered any more."),
)

USER: Final = _table(
    ("active", "ok", "circle-check", "Active", "May sign in."),
    ("invited", "special", "mail", "Invited", "Has not accepted the invitation yet."),
    ("locked", "warn", "lock", "Locked", "Too many wrong passwords. It unlocks by itself."),
    ("suspended", "bad", "ban", "Suspended", "May not sign in until an administrator allows it."),
    ("two_factor_on", "ok", "shield-check", "Two-factor on", "Signs in with a code from a device."),
    ("two_factor_off", "neutral", "shield-off", "Two-factor off", "Signs in with the password alone."),
)

SUPPRESSION: Final = _table(
    ("active", "special", "ban", "Suppressed", "No message in its scope is sent to this address."),
    ("lifted", "neutral", "undo-2", "Lifted", "Removed by a person with a reason."),
    ("expired", "neutral", "hourglass", "Expired", "Its time is over; messages are sent again."),
)

DEVICE: Final = _table(
    ("active", "ok", "check", "Active", "Notifications are sent to it."),
    ("gone", "neutral", "slash", "Gone", "Its vendor says that nobody is there any more; nothing is sent to it."),
)

EXPORT: Final = _table(
    ("queued", "neutral", "clock", "Queued", "Waiting for a worker to begin."),
    ("running", "info", "loader", "Running", "Rows are being written."),
    ("ready", "ok", "circle-check", "Ready", "The file can be downloaded."),
    ("failed", "bad", "circle-x", "Failed", "It stopped. Run it again."),
    ("expired", "neutral", "hourglass", "Expired", "The file was deleted by its age."),
    ("cancelled", "neutral", "slash", "Cancelled", "Ended by a person."),
)

OTP: Final = _table(
    ("requested", "neutral", "clock", "Requested", "A code was asked for."),
    ("sent", "info", "send", "Sent", "The provider took the code. No receipt has arrived yet."),
    ("delivered", "info", "inbox", "Delivered", "The code reached the recipient."),
    ("verified", "ok", "circle-check", "Verified", "The right code came back in time."),
    ("wrong_code", "warn", "triangle-alert", "Wrong code", "A wrong code was typed, and no right one since."),
    ("expired", "bad", "hourglass", "Expired", "The code was not used in time."),
    ("superseded", "neutral", "history", "Superseded", "A newer code took its place."),
    ("limited", "special", "ban", "Limited", "A limit refused the request."),
    ("failed", "bad", "circle-x", "Failed", "No provider took the code, or it came back."),
)

CHECK: Final = _table(
    ("passed", "ok", "circle-check", "Passed", "Nothing to do."),
    ("warning", "warn", "triangle-alert", "Warning", "It can go on; look at it first."),
    ("blocking", "bad", "octagon-alert", "Blocking", "It cannot go on until this is solved."),
    ("info", "info", "info", "Note", "Good to know."),
)

CALLBACK: Final = _table(
    ("new", "neutral", "clock", "New", "Kept, and waiting for the receipts lane."),
    ("read", "ok", "circle-check", "Read", "Its receipts were taken."),
    ("unreadable", "bad", "circle-x", "Unreadable", "The adapter could make nothing of it. It is kept."),
    ("refused", "warn", "ban", "Refused", "Its signature or the caller's network was wrong."),
)

SYSTEM: Final = _table(
    ("working", "ok", "circle-check", "Working", "It answers as it should."),
    ("missing", "bad", "circle-x", "Missing", "It does not answer. Messages wait until it is back; none is lost."),
    ("silent", "warn", "timer", "Silent", "No sign of life for 15 s: stopped, or killed. Others take its work over."),
)

API_KEY: Final = _table(
    ("active", "ok", "circle-check", "Active", "Applications can use it."),
    ("expired", "warn", "hourglass", "Expired", "Its last day is over. Requests with it are refused."),
    ("revoked", "neutral", "ban", "Revoked", "Ended by a person. Requests with it are refused."),
)

DKIM_KEY: Final = _table(
    ("enabled", "ok", "circle-check", "Signs", "Mail from its domain is signed with this key."),
    ("disabled", "neutral", "pause", "Does not sign", "It is kept, and signs nothing until somebody enables it."),
)

ENDPOINT: Final = _table(
    ("enabled", "ok", "circle-check", "Enabled", "The application is told what it subscribed to."),
    ("failing", "warn", "triangle-alert", "Failing", "Its last delivery failed. It is tried again by itself."),
    ("disabled", "neutral", "pause", "Disabled", "Disabled by a person. It is told nothing."),
    ("stopped", "bad", "octagon-alert", "Disabled by itself", "It failed for days, or is gone. It is told nothing."),
)

DELIVERY: Final = _table(
    ("pending", "info", "clock", "Waiting", "It waits for its first or its next try."),
    ("delivered", "ok", "circle-check", "Delivered", "The application took it."),
    ("failed", "bad", "circle-x", "Failed", "Every try failed. A person can deliver it again."),
)

EVENT: Final = _table(
    ("on", "ok", "circle-check", "On", "Its subscribed channels are sent when an application tells of it."),
    ("off", "neutral", "pause", "Off", "What applications tell of it is written down, and nothing is sent."),
)

EVENT_RECEIPT: Final = _table(
    ("accepted", "info", "clock", "Accepted", "It is to be sent; a channel still waits for its moment."),
    ("sent", "ok", "circle-check", "Sent", "Every channel was handed over, or is not needed."),
    ("filtered", "neutral", "filter", "Filtered", "A condition or a rule kept it from being sent."),
    ("invalid", "bad", "circle-x", "Invalid", "Its payload did not fit the variables, and was refused."),
)

EVENT_SEND: Final = _table(
    ("waiting", "info", "clock", "Waiting", "Its delay, or the channel before it, is waited for."),
    ("sent", "ok", "circle-check", "Sent", "There is a message for it."),
    ("not_needed", "neutral", "slash", "Not needed", "The channel before it was delivered."),
    ("skipped", "warn", "user-x", "Skipped", "The recipient has no address for this channel."),
    ("failed", "bad", "circle-x", "Failed", "It was given up."),
)

STATUSES: Final[dict[str, dict[str, Status]]] = {
    "message": MESSAGE,
    "campaign": CAMPAIGN,
    "job": CAMPAIGN,
    "import": IMPORT,
    "provider": PROVIDER,
    "template": TEMPLATE,
    "user": USER,
    "suppression": SUPPRESSION,
    "device": DEVICE,
    "export": EXPORT,
    "otp": OTP,
    "check": CHECK,
    "callback": CALLBACK,
    "system": SYSTEM,
    "api_key": API_KEY,
    "dkim": DKIM_KEY,
    "endpoint": ENDPOINT,
    "delivery": DELIVERY,
    "event": EVENT,
    "event_receipt": EVENT_RECEIPT,
    "event_send": EVENT_SEND,
}


def status_of(object_kind: str, state: str | Enum) -> Status:
    """Return how ``state`` of ``object_kind`` is shown.

    Raises LookupError naming the pair when the table has no such row: a state without words is a bug that a
    page test has to meet, not something to paint over.
    """
    key = str(state.value) if isinstance(state, Enum) else str(state)
    try:
        return STATUSES[object_kind][key]
    except KeyError:
        raise LookupError(f"dashboard/status.py has no row for {object_kind!r} in state {key!r}") from None


def rows() -> Iterator[tuple[str, str, Status]]:
    """Yield (object kind, state, status) in table order; "job" shares the campaign's rows and is left out."""
    for object_kind, table in STATUSES.items():
        if object_kind != "job":
            for state, status in table.items():
                yield object_kind, state, status
