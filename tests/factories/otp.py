"""Configurations of one-time codes with all it takes to send them, and the codes out of the sandbox."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select

from dashboard.extensions import db
from dashboard.message_templates.models import Category
from dashboard.otp.models import OtpConfiguration
from dashboard.otp.services import create_configuration
from dashboard.providers.models import SandboxMail
from tests.factories.api_keys import new_route
from tests.factories.sending import SANDBOXES, new_provider, new_template
from worker.rendering.content import EmailContent
from worker.rendering.sms import SmsContent

SMS = SmsContent("{{ code }} is your code. It works for {{ minutes }} minutes.")
EMAIL = EmailContent(subject="Your code", html="<p>Code: {{ code }}</p>", text="Code: {{ code }}")


def new_configuration(**values: Any) -> OtpConfiguration:
    """A configuration for both channels, through sandboxes that are the routes of one-time codes."""
    for channel in ("sms", "email"):
        new_route(Category.OTP, new_provider(SANDBOXES[channel]))
    ids = {f"{content.channel}_template_id": new_template(content, Category.OTP)[0].id for content in (SMS, EMAIL)}
    return create_configuration({"name": "Sign-in", "resend_wait_seconds": 0, **ids, **values})


def code_from_sandbox(recipient: str) -> str:
    """The code of the newest message that a sandbox took for a recipient."""
    db.session.rollback()
    wanted = select(SandboxMail).where(SandboxMail.recipient == recipient).order_by(SandboxMail.id.desc())
    mail = db.session.scalars(wanted.limit(1)).one()
    found = re.search(r'(?:Code: |"text": ?")([0-9A-Z]{4,8})', mail.raw.decode())
    assert found, mail.raw
    return found[1]
