"""The gallery at /_ui: every component with made-up data, for looking at and for the tests of the look.

Only installations whose ENVIRONMENT is "development" have the route.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateTimeLocalField,
    EmailField,
    FileField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    widgets,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3
from wtforms.validators import Email, InputRequired

from dashboard.htmx import respond
from dashboard.security import PREVIEW_POLICY, requires

blueprint = Blueprint("gallery", __name__)

PREVIEW: Final = (
    "<!doctype html><title>Preview</title><body style='margin:0;font:16px/1.5 sans-serif;background:#fff;color:#222'>"
    "<div style='max-width:560px;margin:0 auto;padding:32px'><h1 style='font-size:24px'>Your order is on its way</h1>"
    "<p>Hello Ada, the parcel with order 88-1203 left our house this morning.</p>"
    "<p><a href='#' style='background:#2753c4;color:#fff;padding:12px 20px;border-radius:6px;text-decoration:none'>"
    "Follow it</a></p></div>"
)


class GalleryForm(FlaskForm):
    """One field of every kind that ui.field draws."""

    name = StringField("Name", [InputRequired("Give it a name.")], description="Operators see it in every list.")
    address = EmailField("Reply-to", [Email("Write one address, such as help@example.org.")])
    rate = IntegerField("Messages per second", default=50)
    category = SelectField(
        "Category", choices=[SelectChoice("transactional", "Transactional"), SelectChoice("promotional", "Promotional")]
    )
    start = DateTimeLocalField("Start", description="In your zone, `Europe/Berlin`.")
    password = PasswordField("SMTP password", description="Leave it empty to keep the one that is stored.")
    tracked = BooleanField("Count link clicks", default=True, description="Links are rewritten to this installation.")
    policy = RadioField(
        "When a worker stops while sending",
        choices=[SelectChoice("resend", "Send again"), SelectChoice("leave", "Leave as unknown")],
        default="resend",
    )
    channels = SelectMultipleField(
        "Channels",
        choices=[SelectChoice("email", "Email"), SelectChoice("sms", "SMS"), SelectChoice("push", "Push")],
        default=["email"],
        widget=widgets.ListWidget(prefix_label=False),
        option_widget=widgets.CheckboxInput(),
    )
    attachment = FileField("Attachment")
    body = TextAreaField("Body", default="<p>Hello {{ first_name|default('there') }},</p>\n<p>{{ order.number }}</p>\n")


def _timeline(now: datetime) -> list[dict[str, Any]]:
    start = now - timedelta(minutes=4)
    steps: list[tuple[str, str, str, float, str]] = [
        ("ok", "circle-check", "Accepted with campaign Black Friday, wave 2", 0.0, ""),
        ("ok", "braces", "Rendered from Order shipped, version 7", 0.073, ""),
        ("warn", "timer", "mail-eu asked us to wait", 5.2, "451 4.7.1 Greylisted, try again in 2 minutes"),
        ("info", "send", "Taken by mail-eu", 128.0, "250 2.0.0 queued as 8812AF"),
        ("bad", "corner-up-left", "Bounced: the mailbox does not exist", 2.6, "550 5.1.1 user unknown"),
    ]
    moment = start
    timeline = []
    for kind, icon, text, delta, detail in steps:
        moment += timedelta(seconds=delta)
        wait = "waited 2 min: the provider's own words" if delta > 60 else ""
        timeline.append(
            {"kind": kind, "icon": icon, "text": text, "time": moment, "delta": delta, "detail": detail, "wait": wait}
        )
    return timeline


def _messages(now: datetime) -> list[dict[str, Any]]:
    states = ("delivered", "sent", "deferred", "bounced", "suppressed", "queued", "sending", "unknown", "failed")
    names = ("ada.lovelace", "grace.hopper", "katherine.johnson", "edsger.dijkstra", "barbara.liskov")
    return [
        {
            "id": f"msg_01jd{index:06}",
            "state": states[index % len(states)],
            "recipient": f"{names[index % len(names)]}{index}@example.org",
            "attempts": 1 + index % 3,
            "latency": 180 + index * 7,
            "created": now - timedelta(minutes=index * 3, seconds=index),
        }
        for index in range(24)
    ]


_SAMPLES: dict[str, Any] = {
    "volumes": [12, 14, 9, 22, 31, 28, 40, 37, 44, 41, 52, 49],
    "gallery_sort": lambda sort: f"/_ui?sort={sort}",
    "page": {"newer_url": None, "older_url": "/_ui?after=1", "summary": "24 of 12\u202f480 messages"},
    "variables": [
        {"name": "first_name", "source": "record", "sample": "Ada"},
        {"name": "order.number", "source": "event", "sample": "88-1203"},
        {"name": "company_name", "source": "global", "sample": "Example Ltd"},
    ],
    "diagnostics": [
        {
            "part": "body",
            "severity": "warning",
            "line": 2,
            "column": 7,
            "end_column": 19,
            "message": "No sample value",
        }
    ],
}


@blueprint.get("/_ui")
@requires("home.read")
def index() -> ResponseReturnValue:
    """Show every component; ?errors=1 shows the form after a refusal."""
    form = GalleryForm(data=None, meta={"csrf": False})
    if request.args.get("errors"):
        form.process(data={"name": "", "address": "help@"})
        form.validate()
    now = datetime.now(UTC)
    search = request.args.get("q", "")
    return respond(
        "gallery/index.html",
        "results",
        push_url=True,
        search=search,
        title="Gallery",
        form=form,
        now=now,
        timeline=_timeline(now),
        messages=[message for message in _messages(now) if search in message["recipient"]],
        **_SAMPLES,
    )


@blueprint.get("/_ui/dialog")
@requires("home.read")
def confirm() -> ResponseReturnValue:
    """A dialog as pages write them."""
    return render_template("gallery/dialog.html")


@blueprint.get("/_ui/options")
@requires("home.read")
def options() -> ResponseReturnValue:
    """The list of a combobox for what was typed in ?q=."""
    names = ("Customers 2026", "Newsletter readers", "Press", "Beta testers")
    term = request.args.get("q", "").lower()
    return render_template("gallery/options.html", names=[name for name in names if term in name.lower()])


@blueprint.route("/_ui/upload", methods=["PUT", "POST"])
@requires("home.read")
def upload() -> ResponseReturnValue:
    """Take the slices of an upload and forget them."""
    return {"offset": request.args.get("offset", 0, type=int) + len(request.get_data())}


@blueprint.get("/_ui/preview")
@requires("home.read")
def preview() -> ResponseReturnValue:
    """A mail in its own sandboxed document."""
    return PREVIEW, 200, {"Content-Security-Policy": PREVIEW_POLICY}
