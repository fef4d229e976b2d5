"""Every page of the desk with the objects it needs: what the tour visits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flask import Flask, url_for

from tests.browser.objects import Objects

#: Routes that answer GET with something else than a page.
NOT_PAGES = frozenset(
    {
        "static", "system.healthz", "system.metrics", "webhooks.called",
        # for programs
        "api.openapi",
        # files
        "audiences.imports.rejects", "audiences.sample", "audit.export", "messages.export", "reports.export",
        "sandbox.download", "suppressions.export",
        # documents of frames, under a policy of their own
        "campaigns.samples.document", "messages.document", "sandbox.document", "templates.previews.document",
        # fragments that only a page asks for
        "campaigns.runs.progress", "campaigns.runs.row", "home.show_tile", "home.tray", "templates.tests.progress",
        # leads to the step of a campaign that wants attention
        "campaigns.editing.start",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """One address to visit and the status that it answers with.

    `who` is admin, viewer, nobody, halfway (password given, code not), beginning (half-way in the set-up of a second
    factor) or protected (has one).
    """

    endpoint: str
    path: str
    who: str = "admin"
    status: int = 200

    @property
    def section(self) -> str:
        return self.endpoint.partition(".")[0]


def sections(app: Flask) -> list[str]:
    """The resources that have pages."""
    return sorted({endpoint.partition(".")[0] for endpoint in pages(app)} | {"errors"})


def pages(app: Flask) -> set[str]:
    """The endpoints of all pages."""
    rules = [rule for rule in app.url_map.iter_rules() if not rule.rule.startswith("/api/v1/")]
    return {rule.endpoint for rule in rules if "GET" in (rule.methods or ())} - NOT_PAGES


def places(app: Flask, made: Objects) -> list[Place]:
    """Every page at least once; those with several looks in each of them."""
    with app.test_request_context():
        found = [*_without_parameters(app), *_of_objects(made), *_account(), *_looks(made)]
    return [*found, *_errors()]


def _without_parameters(app: Flask) -> Iterator[Place]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint in pages(app) and not rule.arguments and not rule.endpoint.startswith("accounts."):
            yield Place(rule.endpoint, url_for(rule.endpoint))


def _each(endpoints: str, **values: object) -> Iterator[Place]:
    for endpoint in endpoints.split():
        yield Place(endpoint, url_for(endpoint, **values))


def _of_objects(made: Objects) -> Iterator[Place]:
    yield from _of_templates(made.template)
    yield from _of_audiences(made)
    yield from _of_campaigns(made)
    yield from _of_messages(made)
    yield from _of_providers(made)
    yield from _of_the_rest(made)


def _of_templates(template: int) -> Iterator[Place]:
    yield from _each(
        "templates.show templates.edit templates.clone templates.versions.index templates.versions.confirm "
        "templates.versions.confirm_discard templates.tests.index templates.tests.new",
        template_id=template,
    )
    yield from _each("templates.versions.compare", template_id=template, left=1, right=2)
    yield from _each("templates.versions.compare_draft", template_id=template, left=2)
    yield from _each("templates.versions.confirm_restore", template_id=template, number=1)


def _of_audiences(made: Objects) -> Iterator[Place]:
    audience = made.audience
    yield from _each(
        "audiences.show audiences.edit audiences.confirm_delete audiences.records.index audiences.uploads.new",
        audience_id=audience,
    )
    yield from _each("audiences.records.show", audience_id=audience, record_no=0)
    yield from _each("audiences.imports.confirm_cancel", import_id=made.imports["mapping"])
    for identifier in made.imports.values():
        yield from _each("audiences.imports.show", import_id=identifier)


def _of_campaigns(made: Objects) -> Iterator[Place]:
    campaigns = made.campaigns
    yield from _each(
        "campaigns.editing.details campaigns.editing.audience campaigns.editing.content campaigns.editing.schedule "
        "campaigns.editing.review_step campaigns.samples.index campaigns.starting.launch_dialog "
        "campaigns.delete_dialog",
        campaign_id=campaigns["draft"],
    )
    yield from _each("campaigns.starting.schedule_dialog", campaign_id=campaigns["scheduled"])
    dialogs = "campaigns.runs.pause_dialog campaigns.runs.cancel_dialog campaigns.runs.throttle_dialog"
    yield from _each(dialogs, campaign_id=campaigns["running"])
    yield from _each(
        "campaigns.runs.show campaigns.runs.retry_dialog",
        campaign_id=campaigns["failing"],
        job_id=made.jobs["failing"],
    )
    for identifier in campaigns.values():
        yield from _each("campaigns.show", campaign_id=identifier)


def _of_messages(made: Objects) -> Iterator[Place]:
    yield from _each("messages.show", message_id=made.messages["bounced"])
    yield from _each("messages.confirm_resend", message_id=made.messages["failed"])
    yield from _each("sandbox.show", mail_id=made.mail)
    for channel, mail in made.phone_mails.items():
        yield from _each("sandbox.show", mail_id=mail)
        yield from _each("messages.show", message_id=made.messages[channel], tab="content")
        template = made.phone_templates[channel]
        yield from _each("templates.show templates.edit templates.tests.new", template_id=template)


def _of_providers(made: Objects) -> Iterator[Place]:
    yield from _each("providers.begin", vendor="smtp")
    yield from _each("providers.begin", vendor="http_gateway")
    for identifier in made.providers.values():
        yield from _each("providers.show providers.edit", provider_id=identifier)
    yield from _each(
        "providers.history providers.receipts.index providers.receipts.confirm_renew "
        "providers.state.confirm_archive providers.state.confirm_disable",
        provider_id=made.providers["smtp"],
    )
    for name in ("smtp", "sms", "push"):
        yield from _each("providers.trials.new", provider_id=made.providers[name])
    yield from _each("providers.trials.show", provider_id=made.providers["failing"], job_id=made.jobs["tried"])
    yield from _each("providers.receipts.show", provider_id=made.providers["smtp"], callback_id=made.callback)
    yield from _each("providers.routing.edit", channel="email", category="otp")
    yield from _each("providers.routing.confirm_switch", channel="email")
    for identifier in made.dkim_keys.values():
        yield from _each("dkim.show dkim.confirm_delete", key_id=identifier)


def _of_the_rest(made: Objects) -> Iterator[Place]:
    yield from _each(
        "variables.show variables.edit variables.confirm_delete variables.confirm_rename", variable_id=made.variable
    )
    yield from _each(
        "users.show users.confirm_reset_password users.confirm_reset_second_factor users.confirm_suspend",
        user_id=made.user,
    )
    yield from _each("api_keys.show api_keys.confirm_rotate api_keys.confirm_revoke", key_id=made.api_key)
    yield from _each("otp.show otp.confirm_delete", configuration_id=made.otp["configuration"])
    yield from _each("otp.trial otp.attempt", request_id=made.otp["trial"])
    yield from _each("otp.attempt", request_id=made.otp["locked"])
    yield from _each(
        "endpoints.show endpoints.edit endpoints.confirm_disable endpoints.confirm_rotate endpoints.confirm_delete",
        endpoint_id=made.endpoint,
    )
    yield from _each("endpoints.deliveries.show", endpoint_id=made.endpoint, delivery_id=made.delivery)
    yield from _of_events(made)
    yield from _each("suppressions.confirm_lift", suppression_id=made.suppression)
    yield from _each("push_tokens.confirm_remove", token_id=made.device)
    yield from _each("audit.show", entry_id=made.audit_entry)
    yield from _each("system.dead_letters system.confirm_delete_all", lane="bulk")
    for name in made.reports:
        yield from _each("reports.show", name=name)
    yield Place("public.show", url_for("public.show", token=made.unsubscribe_token), who="nobody")


def _of_events(made: Objects) -> Iterator[Place]:
    yield from _each("events.show", event_id=made.events["off"])
    for state in ("on", "blocked"):  # the other parts of one that is off look as those of the blocked one
        yield from _each(
            "events.show events.parts.variables events.parts.conditions events.parts.deliveries events.parts.rules "
            "events.trials.new events.log.index",
            event_id=made.events[state],
        )
    for identifier in made.receipts.values():
        yield from _each("events.log.show events.log.confirm_replay", event_id=made.events["on"], receipt_id=identifier)
    yield from _each("events.history.index", event_id=made.events["on"])
    yield from _each("events.history.compare", event_id=made.events["on"], left=1, right=2)
    yield from _each("events.history.confirm_restore", event_id=made.events["on"], number=1)
    yield from _each("events.edit events.confirm_on events.confirm_delete", event_id=made.events["blocked"])
    yield from _each("events.confirm_on", event_id=made.events["off"])
    yield from _each("events.confirm_off events.confirm_delete", event_id=made.events["on"])
    yield from _each("events.log.index", event_id=made.events["on"], state="filtered")
    for part in ("events.show", "events.parts.conditions", "events.parts.variables", "events.parts.rules"):
        yield Place(part, url_for(part, event_id=made.events["on"]), who="viewer")


def _account() -> Iterator[Place]:
    yield Place("accounts.login", url_for("accounts.login"), who="nobody")
    for endpoint in ("accounts.second_step.show", "accounts.second_step.recovery"):
        yield Place(endpoint, url_for(endpoint), who="halfway")
    yield from _each("accounts.me accounts.password accounts.security")
    yield from _each("accounts.two_factor.confirm_renewal accounts.two_factor.confirm_turn_off")
    yield Place("accounts.two_factor.show", url_for("accounts.two_factor.show"), who="beginning")
    yield Place("accounts.security", url_for("accounts.security"), who="protected")


def _looks(made: Objects) -> Iterator[Place]:
    """The same pages with other content: tabs, filters, nothing found."""
    for tab in ("content", "text", "headers", "data", "related"):
        yield from _each("messages.show", message_id=made.messages["sent"], tab=tab)
    yield from _each("messages.show", message_id=made.messages["test"])
    for view in ("text", "source", "headers"):
        yield from _each("sandbox.show", mail_id=made.mail, view=view)
    yield from _each("messages.index", who=made.search_token, range="all")
    yield from _each("messages.index", status="complained")
    yield from _each("otp.attempts", country="NO")
    yield from _each("search.index", term=made.search_token)
    yield from _each("templates.index audiences.index users.index sandbox.index", q="nothing is called so")
    yield from _each("push_tokens.index", customer="nobody")
    yield from _each("events.index", q="nothing is called so")
    yield from _each("events.index", state="on", channel="email")
    yield from _each("providers.index", archived="1")
    yield from _each("templates.edit", template_id=made.template, view="mobile")


def _errors() -> Iterable[Place]:
    yield Place("errors.missing", "/there-is-no-such-page", status=404)
    yield Place("errors.missing", "/campaigns/cmp_0000000000000", status=404)
    yield Place("errors.forbidden", "/users", who="viewer", status=403)
