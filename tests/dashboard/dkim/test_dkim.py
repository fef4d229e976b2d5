"""DKIM keys: adding, publishing, enabling, deleting; the private half is never shown; workers sign with them."""

from __future__ import annotations

from collections.abc import Callable

import dkim
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.accounts.models import Role
from dashboard.audit.models import AuditEntry
from dashboard.current import current_settings
from dashboard.dkim import queries, services
from dashboard.dkim.models import DkimKey
from dashboard.extensions import db, transaction
from dashboard.jobs.models import Job
from dashboard.messages.content import content_of
from dashboard.messages.models import Message
from dashboard.problems import DomainError
from dashboard.providers.models import SandboxMail
from tests.factories.sending import new_job, people
from tests.worker.engine.slices import deliver
from worker.engine.plan import CannotSend, load_plan
from worker.rendering.dkim import DkimAlgorithm, generate_key

pytestmark = pytest.mark.usefixtures("app")
HTMX = {"HX-Request": "true"}
FORM = {"domain": "Example.COM.", "selector": "Spring-1", "algorithm": "rsa-sha256", "pem": ""}


def one_key() -> DkimKey:
    db.session.rollback()
    return db.session.scalars(select(DkimKey)).one()


def enabled_key(
    algorithm: DkimAlgorithm = DkimAlgorithm.RSA, selector: str = "s1", domain: str = "example.com"
) -> DkimKey:
    key = services.create_key(domain=domain, selector=selector, algorithm=algorithm)
    return services.set_enabled(key_id=key.id, enabled=True)


def test_add_publish_enable_disable_delete(client: FlaskClient) -> None:
    assert "No key yet" in client.get("/providers/dkim").text
    assert client.get("/providers/dkim/new").status_code == 200
    answer = client.post("/providers/dkim", data=FORM)
    assert answer.status_code == 303
    key = one_key()
    assert (key.domain, key.selector, key.enabled) == ("example.com", "spring-1", False)
    page = client.get(answer.location).text
    assert "spring-1._domainkey.example.com" in page
    assert key.dns_record.startswith("v=DKIM1; k=rsa; p=MIIB")
    assert key.dns_record in page
    assert "It does not sign yet" in page
    client.post(f"/providers/dkim/{key.public_id}/enable")
    assert one_key().enabled
    refused = client.post(f"/providers/dkim/{key.public_id}/delete", headers=HTMX)
    assert (refused.status_code, "Disable it first" in refused.text) == (422, True)
    client.post(f"/providers/dkim/{key.public_id}/disable")
    assert not one_key().enabled
    assert "<html" not in client.get(f"/providers/dkim/{key.public_id}/delete", headers=HTMX).text
    assert client.post(f"/providers/dkim/{key.public_id}/delete").status_code == 303
    assert client.get(f"/providers/dkim/{key.public_id}").status_code == 404
    actions = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions == ["dkim.create", "dkim.enable", "dkim.disable", "dkim.delete"]


def test_the_private_key_is_never_shown(client: FlaskClient) -> None:
    pem = generate_key(DkimAlgorithm.RSA)
    client.post("/providers/dkim", data=FORM | {"pem": pem})
    key = one_key()
    middle = pem.splitlines()[3]
    pages = [client.get(path).text for path in ("/providers/dkim", f"/providers/dkim/{key.public_id}", "/audit")]
    entry = db.session.scalars(select(AuditEntry)).one()
    assert middle not in key.private_key
    assert not [
        page for page in [*pages, str(entry.after), str(entry.before)] if middle in page or "PRIVATE KEY" in page
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"domain": "nonsense"}, "Enter a domain"),
        ({"domain": "a b.example"}, "Enter a domain"),
        ({"selector": "a b"}, "Use letters, digits and hyphens"),
        ({"selector": ""}, "Enter a selector"),
        ({"pem": "not a key"}, "not a private key"),
        ({"algorithm": "md5"}, "Not a valid choice"),
    ],
)
def test_what_cannot_be_used_is_refused_at_its_field(client: FlaskClient, changes: dict[str, str], words: str) -> None:
    answer = client.post("/providers/dkim", data=FORM | changes)
    assert answer.status_code == 422
    assert words in answer.text
    assert db.session.scalar(select(DkimKey)) is None


def test_a_selector_is_used_once(client: FlaskClient) -> None:
    client.post("/providers/dkim", data=FORM)
    answer = client.post("/providers/dkim", data=FORM)
    assert (answer.status_code, "Choose another one" in answer.text) == (422, True)


def test_the_kind_is_that_of_ones_own_key(client: FlaskClient) -> None:
    client.post("/providers/dkim", data=FORM | {"pem": generate_key(DkimAlgorithm.ED25519)})
    assert one_key().algorithm == "ed25519-sha256"


def test_domains_in_another_alphabet_are_kept_as_dns_has_them() -> None:
    assert queries.domain_of("ada@Bücher.example") == "xn--bcher-kva.example"


def sandboxed(job: Job) -> list[bytes]:
    deliver(job.id)
    return list(db.session.scalars(select(SandboxMail.raw).where(SandboxMail.provider_id == job.provider_id)))


def test_workers_sign_with_the_enabled_keys_of_the_domain() -> None:
    job = new_job(people(2))
    domain = job.from_address.rpartition("@")[2]
    rsa = enabled_key(domain=domain)
    enabled_key(DkimAlgorithm.ED25519, "s2", domain)
    enabled_key(selector="s3", domain=f"other.{domain}")
    services.create_key(domain=domain, selector="later", algorithm=DkimAlgorithm.RSA)
    record = rsa.dns_record.encode()
    mails = sandboxed(job)
    assert len(mails) == 2
    for mail in mails:
        assert mail.count(b"DKIM-Signature:") == 2
        head, _, rest = mail.partition(b"DKIM-Signature: v=1; a=ed25519")
        second = b"\r\n".join(rest.split(b"\r\n")).partition(b"\r\nFrom:")[2]
        assert dkim.verify(head + b"From:" + second, dnsfunc=lambda name, timeout=5: record)
        assert b"List-Unsubscribe-Post" in mail


def test_without_a_key_nothing_is_signed() -> None:
    assert not [mail for mail in sandboxed(new_job(people(1))) if b"DKIM" in mail]


def test_a_disabled_key_stops_signing_with_the_next_slice() -> None:
    job = new_job(people(1))
    key = enabled_key(domain=job.from_address.rpartition("@")[2])
    load_plan(db.engine, current_settings(), job.id)
    services.set_enabled(key_id=key.id, enabled=False)
    assert not [mail for mail in sandboxed(job) if b"DKIM" in mail]


def test_what_is_shown_of_a_sent_message_leaves_the_signature_out() -> None:
    job = new_job(people(1))
    enabled_key(domain=job.from_address.rpartition("@")[2])
    deliver(job.id)
    shown = content_of(db.session.scalars(select(Message)).one())
    assert "List-Unsubscribe" in shown.source
    assert "DKIM" not in shown.source


def test_a_key_of_another_installation_pauses_the_job_with_the_reason() -> None:
    job = new_job(people(1))
    key = enabled_key(domain=job.from_address.rpartition("@")[2])
    with transaction():
        db.session.get_one(DkimKey, key.id).private_key = "gAAAAnonsense"
    with pytest.raises(CannotSend, match="DKIM key"):
        load_plan(db.engine, current_settings(), job.id)


def test_only_administrators_write(sign_in: Callable[..., FlaskClient]) -> None:
    client = sign_in(Role.SENDER)
    assert client.get("/providers/dkim").status_code == 200
    assert "Add key" not in client.get("/providers/dkim").text
    assert client.get("/providers/dkim/new").status_code == 403
    assert client.post("/providers/dkim", data=FORM).status_code == 403


def test_a_key_that_signs_is_not_deleted() -> None:
    with pytest.raises(DomainError):
        services.delete_key(key_id=enabled_key().id)
