"""One object of each kind in the states that people meet, made by the services that the pages use."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, select

from dashboard.api_keys.models import Scope
from dashboard.api_keys.services import Caller, create_key
from dashboard.audiences import import_services
from dashboard.audiences.models import AudienceImport, ImportState
from dashboard.audiences.services import load_rows
from dashboard.audit.models import AuditEntry
from dashboard.campaigns.models import Campaign, ScheduleKind
from dashboard.campaigns.services import create_campaign, launch_campaign, schedule_campaign
from dashboard.dkim import services as dkim_services
from dashboard.endpoints.services import create_endpoint
from dashboard.endpoints.services import send_test as send_hello
from dashboard.events import services as event_services
from dashboard.events.conditions import Conditions, Group, Row
from dashboard.events.receiving import Incoming, keep_invalid, receive
from dashboard.events.schema import InvalidPayload, infer
from dashboard.extensions import db, transaction, utc_now
from dashboard.message_templates.preview_choice import PreviewChoice
from dashboard.message_templates.preview_data import collect
from dashboard.message_templates.send_tests import send_test
from dashboard.message_templates.services import Draft, create_template, publish, save_draft
from dashboard.message_templates.starters import starter
from dashboard.messages.models import Message
from dashboard.otp import services as otp_services
from dashboard.otp.asking import Ask
from dashboard.otp.sending import Manner, send_codes
from dashboard.otp.verifying import verify_code
from dashboard.providers.models import Provider, SandboxMail
from dashboard.providers.services import From, create_provider
from dashboard.providers.trials import send_trial
from dashboard.push_tokens.models import Platform
from dashboard.push_tokens.services import register
from dashboard.reports import pages as report_pages
from dashboard.search.services import remember
from dashboard.suppressions.models import Suppression
from dashboard.suppressions.services import suppress
from dashboard.suppressions.tokens import unsubscribe_token
from dashboard.variables.services import create_variable
from dashboard.webhooks.models import Callback, CallbackState
from tests.browser.desk import Desk
from tests.factories.audiences import map_import
from tests.installations import until
from worker.rendering.dkim import DkimAlgorithm
from worker.rendering.sms import SmsContent

HEADER = ("email", "first_name", "discount", "ends_on", "code")
TOLD: dict[str, Any] = {
    "order": {"id": "A-1", "status": "cancelled", "items": [{"sku": "S-1", "count": 1}]},
    "customer": {"first_name": "Ada"},
}
PEOPLE = (
    "email,first_name,city,points\n"
    "ada@example.com,Ada,London,12\n"
    "grace@example.com,Grace,New York,7\n"
    "not an address,Nobody,Nowhere,0\n"
    ",Blank,Nowhere,0\n"
    "ada@example.com,Ada again,London,3\n"
    "linus@example.com,Linus,Helsinki,\n"
)


@dataclass
class Objects:
    """Ids by the names that the routes use, with the states where a page has several looks."""

    template: int = 0
    phone_templates: dict[str, int] = field(default_factory=dict)
    phone_mails: dict[str, int] = field(default_factory=dict)
    test_job: int = 0
    audience: int = 0
    imports: dict[str, int] = field(default_factory=dict)
    providers: dict[str, int] = field(default_factory=dict)
    campaigns: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)
    dkim_keys: dict[str, int] = field(default_factory=dict)
    otp: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    receipts: dict[str, int] = field(default_factory=dict)
    mail: int = 0
    callback: int = 0
    variable: int = 0
    user: int = 0
    api_key: int = 0
    endpoint: int = 0
    delivery: int = 0
    suppression: int = 0
    device: int = 0
    audit_entry: int = 0
    search_token: str = ""
    reports: tuple[str, ...] = ()
    unsubscribe_token: str = ""


def make_objects(desk: Desk) -> Objects:
    """Everything that `places.py` visits beyond the demonstration; takes some seconds of real work."""
    made = Objects(user=desk.person().id)
    with desk.data():
        make_data(made)
    until(lambda: _imports_rest(desk, made), 60, "the imports are not checked")
    with desk.data():
        import_services.start_load(import_id=made.imports["loaded"])
    for job in ("failing", "tested", "tried", "sms", "push"):
        desk.await_job(made.jobs[job])
    until(lambda: _imports_rest(desk, made), 60, "the import is not loaded")
    with desk.data():
        _results(made)
    return made


def make_data(made: Objects) -> None:
    """All of it as far as no worker is needed, for the user in `made`, beside the demonstration."""
    _template(made)
    _phone_templates(made)
    _imports(made)
    _providers(made)
    _campaigns(made)
    _otp(made)
    _events(made)
    made.variable = create_variable(name="season", value="Spring", description="The season of the shop").id
    made.api_key = create_key(name="Tour shop", scopes=[Scope.SEND], requests_per_minute=60)[0].id
    _endpoint(made)
    with transaction():
        suppress(address="gone@example.com", note="asked by phone")
    made.suppression = _first(select(Suppression.id))
    made.device = register(token="tour-token", platform=Platform.ANDROID, customer_id="C-1001").id


def _endpoint(made: Objects) -> None:
    """Nobody listens at the address, so its delivery waits for another try."""
    endpoint, _ = create_endpoint(name="Tour shop", url="http://127.0.0.1:9/hooks", kinds=["campaign.finished"])
    made.endpoint, made.delivery = endpoint.id, send_hello(endpoint_id=endpoint.id).id


def _template(made: Objects) -> None:
    """Two published versions and a draft."""
    chosen = starter("spring_sale")
    template = create_template(name="Tour letter", category="promotional", starter_key=chosen.key)
    made.template = template.id
    publish(template_id=template.id, note="The first")
    for subject in ("A second subject, {{ first_name }}", "A third, unpublished"):
        content = replace(chosen.content, subject=subject)
        draft = Draft(name="Tour letter", category="promotional", content=content, sample=chosen.sample)
        save_draft(template_id=template.id, draft=draft, version=None)
        if "second" in subject:
            publish(template_id=template.id, note="The second")
    tested = send_test(
        template_id=template.id, content=chosen.content, attachment_ids=[], addresses=["me@example.com"],
        data=collect(PreviewChoice.read({}), chosen.sample), sent_by=made.user,
    )  # fmt: skip
    made.jobs["tested"] = tested.id


def _phone_templates(made: Objects) -> None:
    """A text message and a notification with drafts of their own, each sent once to a phone."""
    for key, address in (("sms_sale", "+919820012345"), ("push_sale", "device-of-the-tour")):
        chosen = starter(key)
        channel = chosen.content.channel
        template = create_template(name=f"Tour {channel}", category="promotional", starter_key=key)
        made.phone_templates[channel] = template.id
        tested = send_test(
            template_id=template.id, content=chosen.content, attachment_ids=[], addresses=[address],
            data=collect(PreviewChoice.read({}), chosen.sample), sent_by=made.user,
        )  # fmt: skip
        made.jobs[channel] = tested.id


def _otp(made: Objects) -> None:
    """A configuration, a code of the bench that is under way, and one that was typed wrong too often."""
    template = create_template(name="Tour code", category="otp", starter_key="sms_code")
    publish(template_id=template.id, note="")
    sender = From("TOURSH", "", is_default=True)
    provider = create_provider(name="Tour phones", vendor="sandbox_sms", settings={}, senders=[sender])
    configuration = otp_services.create_configuration(
        {"name": "Tour", "sms_template_id": template.id, "sms_provider_id": provider.id, "max_attempts": 1}
    )
    made.otp["configuration"] = configuration.id
    bench = Caller(0, "tour", frozenset(), frozenset(), 0, made.user)
    for name, number in (("trial", "+919820012345"), ("locked", "+919820012346")):
        drafts = send_codes(Ask(bench, phone=number, user_id=made.user), configuration, Manner())
        assert drafts
        made.otp[name] = drafts[0].id
    verify_code(request_id=made.otp["locked"], code="wrong")


def _events(made: Objects) -> None:
    """One that is on with a log, one that is off, and one that a variable keeps from being on."""
    rows = (("order.status", "is", "cancelled"), ("order.items.sku", "is", "S-1"))
    for state, title in (("on", "Order cancelled"), ("off", "Order packed"), ("blocked", "Order returned")):
        template = create_template(name=f"Tour: {title}", category="transactional", starter_key="sms_sale")
        text = "{{ nobody }}" if state == "blocked" else "Order {{ order.id }} is {{ order.status }}"
        draft = Draft(name=template.name, category="transactional", content=SmsContent(text), sample={})
        save_draft(template_id=template.id, draft=draft, version=None)
        publish(template_id=template.id, note="")
        names = event_services.Names(title, title.lower().replace(" ", "_"), "Told by the shop.", "Orders", "Changes")
        event = event_services.create_event(names=names, variables=infer(TOLD))
        made.events[state] = event.id
        deliveries = {
            "sms": event_services.Delivery(True, template.id, delay_seconds=600),
            "push": event_services.Delivery(),
        }
        event_services.save_deliveries(event_id=event.id, deliveries=deliveries)
        conditions = Conditions((Group(tuple(Row(*row) for row in rows)),))
        event_services.save_conditions(event_id=event.id, conditions=conditions)
        rules = event_services.Rules(idempotency_path="order.id", cap_count=3)
        event_services.save_rules(event_id=event.id, rules=rules)
        event_services.switch_event(event_id=event.id, enabled=state == "on")
    _received(made)


def _received(made: Objects) -> None:
    for name, status in (("accepted", "cancelled"), ("filtered", "packed")):
        told = Incoming({**TOLD, "order": {**TOLD["order"], "id": name, "status": status}}, {"phone": "+919820012345"})
        made.receipts[name] = receive("order_cancelled", told).receipt.id
    problem = InvalidPayload("payload.order is missing.", field="payload.order", code="missing")
    made.receipts["invalid"] = keep_invalid("order_cancelled", Incoming({}, {"phone": "+919820012345"}), problem).id


def _imports(made: Objects) -> None:
    audience = load_rows(audience_name="Tour people", header=HEADER, rows=_rows(400))
    made.audience = audience.id
    for state in ("mapping", "ready", "loaded", "failed"):
        data = b"\x00\x00" if state == "failed" else PEOPLE.encode()
        row = import_services.create_import(audience_id=audience.id, source="upload", filename=f"{state}.csv")
        row = import_services.receive_all(import_id=row.id, source=io.BytesIO(data))
        made.imports[state] = row.id
        if state in ("ready", "loaded"):
            map_import(row)
    waiting = import_services.create_import(audience_id=audience.id, source="upload", filename="later.csv", size=100)
    made.imports["uploading"] = waiting.id


def _rows(count: int) -> Iterator[tuple[str, ...]]:
    return ((f"tour{number}@example.com", f"Name {number}", "20 %", "Sunday", "SPRING-1") for number in range(count))


def _providers(made: Objects) -> None:
    sender = From("tour@example.com", "The tour", is_default=True)
    for name, rate, settings in (
        ("Slow", 1.0, {}),
        ("Failing", 0.0, {"fail_percent": 30, "bounce_percent": 10}),
    ):
        provider = create_provider(
            name=name, vendor="sandbox", settings=settings, senders=[sender], rate_per_second=rate
        )
        made.providers[name.lower()] = provider.id
    settings = {"host": "127.0.0.1", "port": 9, "security": "none", "username": "desk", "password": "not shown"}
    settings |= {"bounce_address": "bounces@example.com", "bounce_protocol": "imap", "bounce_host": "127.0.0.1"}
    settings |= {"bounce_port": 9, "bounce_username": "desk", "bounce_password": "not shown"}
    made.providers["smtp"] = create_provider(name="Relay", vendor="smtp", settings=settings, senders=[sender]).id
    for name in ("enabled", "disabled"):
        key = dkim_services.create_key(domain="example.com", selector=name, algorithm=DkimAlgorithm.RSA)
        made.dkim_keys[name] = dkim_services.set_enabled(key_id=key.id, enabled=name == "enabled").id
    made.callback = _callback(made.providers["smtp"])
    tried = send_trial(
        provider_id=made.providers["failing"],
        address="me@example.com",
        sender_id=None,
        tester="Tour",
        tester_id=made.user,
    )
    made.jobs["tried"] = tried.id


def _callback(provider_id: int) -> int:
    """One that could not be read: its page has the most to show."""
    row = Callback(
        provider_id=provider_id,
        state=CallbackState.UNREADABLE,
        method="POST",
        query={"source": "tour"},
        headers={"content-type": "application/json"},
        body=b'{"broken": ',
        problem="The body is not JSON.",
    )
    with transaction() as session:
        session.add(row)
        session.flush()
        return row.id


def _campaigns(made: Objects) -> None:
    def new(name: str, provider: str) -> Campaign:
        made.campaigns[name] = (
            campaign := create_campaign(
                name=f"Tour, {name}", actor_id=made.user, template_id=made.template, audience_id=made.audience,
                provider_id=made.providers[provider],
            )
        ).id  # fmt: skip
        return campaign

    new("draft", "failing")
    create_campaign(name="Tour, empty", actor_id=made.user)
    for name, provider in (("running", "slow"), ("failing", "failing")):
        made.jobs[name] = launch_campaign(campaign_id=new(name, provider).id, actor_id=made.user).id
    with transaction():
        scheduled = new("scheduled", "failing")
        scheduled.schedule_kind, scheduled.schedule_zone = ScheduleKind.ONCE, "Europe/Berlin"
        scheduled.schedule_local = (utc_now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    schedule_campaign(campaign_id=scheduled.id, actor_id=made.user)


def _imports_rest(desk: Desk, made: Objects) -> bool:
    """Whether no worker is at one of them."""
    with desk.data():
        at_work = (ImportState.CHECKING, ImportState.LOADING)
        found = select(AudienceImport.id).where(
            AudienceImport.id.in_(made.imports.values()), AudienceImport.state.in_(at_work)
        )
        return db.session.scalar(found) is None


def _results(made: Objects) -> None:
    for state in ("sent", "failed", "bounced"):
        found = select(Message.id).where(Message.job_id == made.jobs["failing"], Message.state == state)
        made.messages[state] = _first(found)
    made.messages["test"] = _first(select(Message.id).where(Message.job_id == made.jobs["tested"]))
    made.mail = _first(select(SandboxMail.id).where(SandboxMail.channel == "email"))
    for channel in made.phone_templates:
        made.phone_mails[channel] = _first(select(SandboxMail.id).where(SandboxMail.channel == channel))
        made.messages[channel] = _first(select(Message.id).where(Message.channel == channel))
        made.providers[channel] = _first(select(Provider.id).where(Provider.channel == channel))
    made.audit_entry = _first(select(AuditEntry.id).where(AuditEntry.after.is_not(None)))
    made.search_token = remember("person0007@example.com")
    made.reports = tuple(report_pages.QUESTIONS)
    made.unsubscribe_token = unsubscribe_token(made.messages["sent"])


def _first(statement: Select[tuple[int]]) -> int:
    found = db.session.scalars(statement.limit(1)).first()
    assert found is not None, f"nothing to visit: {statement}"
    return found
