from __future__ import annotations

import json
from collections.abc import Callable
from email.message import EmailMessage

from flask.testing import FlaskClient

from dashboard.accounts.models import Role
from dashboard.extensions import db, transaction
from dashboard.ids import new_id
from dashboard.providers.models import SandboxMail
from dashboard.sandbox import queries

HOSTILE = (
    '<html><body><script>alert(1)</script><form action="https://evil.example"></form>'
    '<p style="color:red">Hi</p></body></html>'
)


def add_mail(recipient: str = "ada@example.com", subject: str = "Hello", html: str = HOSTILE) -> SandboxMail:
    mail = EmailMessage()
    mail["Subject"], mail["To"], mail["From"] = subject, recipient, "desk@example.com"
    mail.set_content("The text part")
    mail.add_alternative(html, subtype="html")
    row = SandboxMail(
        provider_id=1, message_id=new_id(), recipient=recipient, sender="desk@example.com", subject=subject,
        raw=mail.as_bytes(),
    )  # fmt: skip
    with transaction():
        db.session.add(row)
    return row


def test_an_empty_inbox_says_how_to_fill_it(client: FlaskClient) -> None:
    assert "Send a test or run a campaign" in client.get("/sandbox/").text


def test_list_and_search(client: FlaskClient) -> None:
    add_mail("ada@example.com", "Spring sale")
    add_mail("grace@example.com", "Your order")
    assert "2 messages" in client.get("/sandbox/").text
    found = client.get("/sandbox/?q=spring", headers={"HX-Request": "true"}).text
    assert "Spring sale" in found
    assert "Your order" not in found
    where = client.post("/sandbox/find", data={"recipient": "grace"}).location
    assert "grace" not in where
    assert "Your order" in client.get(where).text


def test_the_views_of_a_mail(client: FlaskClient) -> None:
    mail = add_mail()
    base = f"/sandbox/{mail.public_id}"
    assert f"{base}/document" in client.get(base).text
    assert "The text part" in client.get(f"{base}?view=text").text
    assert "desk@example.com" in client.get(f"{base}?view=headers").text
    assert "multipart/alternative" in client.get(f"{base}?view=source").text
    assert client.get(f"{base}/mail.eml").mimetype == "message/rfc822"


def test_a_hostile_mail_stays_in_its_frame(client: FlaskClient) -> None:
    mail = add_mail()
    page = client.get(f"/sandbox/{mail.public_id}").text
    assert "alert(1)" not in page
    policy = client.get(f"/sandbox/{mail.public_id}/document").headers["Content-Security-Policy"]
    assert policy.startswith("sandbox;")
    assert "script-src" not in policy
    assert "https:" not in policy
    with_images = client.get(f"/sandbox/{mail.public_id}/document?images=1").headers["Content-Security-Policy"]
    assert "img-src data: https:" in with_images


def test_emptying_takes_an_administrator(client: FlaskClient, sign_in: Callable[[Role], FlaskClient]) -> None:
    add_mail()
    assert sign_in(Role.SENDER).post("/sandbox/empty").status_code == 403
    assert "Delete everything" in client.get("/sandbox/empty", headers={"HX-Request": "true"}).text
    assert client.post("/sandbox/empty").status_code == 303
    db.session.rollback()
    assert queries.count(queries.Filters()) == 0


def add_message(channel: str, source: dict[str, object]) -> SandboxMail:
    row = SandboxMail(
        provider_id=1, channel=channel, message_id=new_id(), recipient="+919820012345", sender="SHOPEX",
        subject="Hello", raw=json.dumps(source).encode(),
    )  # fmt: skip
    with transaction():
        db.session.add(row)
    return row


def test_a_text_message_on_a_phone_and_its_source(client: FlaskClient) -> None:
    sms = add_message(
        "sms", {"text": "Hi <b> " + "a" * 160, "category": "otp", "registered_template": "17", "to": "+919820012345"}
    )
    page = client.get(f"/sandbox/{sms.public_id}").text
    assert "Hi &lt;b&gt; " in page
    assert "SHOPEX" in page
    assert "Segment 2 begins" in page
    assert "GSM-7, 2 segments" in page
    assert "DLT template id" in page
    assert "&#34;otp&#34;" in client.get(f"/sandbox/{sms.public_id}?view=source").text
    assert client.get(f"/sandbox/{sms.public_id}/document").status_code == 404


def test_a_notification_on_locked_phones(client: FlaskClient) -> None:
    source = {"title": "T" * 70, "body": "Body", "image": "", "link": "app://x", "collapse_key": "", "category": "otp"}
    push = add_message("push", {**source, "data": {"order": "7"}})
    page = client.get(f"/sandbox/{push.public_id}").text
    assert "On Android" in page
    assert "On iPhone" in page
    assert "Beyond about 50 characters" in page
    assert "app://x" in page
    assert "Data: order" in page


def test_the_inbox_of_one_channel(client: FlaskClient) -> None:
    add_mail(subject="A mail")
    add_message("sms", {"text": "x", "category": "", "registered_template": ""})
    page = client.get("/sandbox/?channel=sms").text
    assert "1 message," in page
    assert "A mail" not in page
