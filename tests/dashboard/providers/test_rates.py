"""Limits of a provider: typed in its form and on its page, told in words, kept in the audit log."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from dashboard.audit.models import AuditEntry
from dashboard.extensions import db
from dashboard.problems import DomainError
from dashboard.providers.models import Provider
from dashboard.providers.rates import domain_lines, rate_words, read_domain_rates
from dashboard.providers.services import set_rate
from tests.factories.sending import new_provider


def fresh(provider: Provider) -> Provider:
    db.session.rollback()
    return db.session.get_one(Provider, provider.id)


def test_a_minute_a_day_and_domains_are_saved_with_the_form(client):
    box = new_provider()
    data = {
        "version": box.version,
        "name": "Box",
        "sender_address": ["desk@shop.example"],
        "sender_name": [""],
        "sender_default": "0",
        "rate_per_second": "50",
        "rate_per_minute": " 600 ",
        "rate_per_day": "50000",
        "domain_rates": "Gmail.com 20\n\nmail.example: 0.5",
    }
    answer = client.post(f"/providers/{box.public_id}/configuration", data=data)
    assert answer.status_code == 303
    saved = fresh(box)
    assert (saved.rate_per_second, saved.rate_per_minute, saved.rate_per_day) == (50, 600, 50_000)
    assert saved.domain_rates == {"gmail.com": 20, "mail.example": 0.5}
    again = client.get(f"/providers/{box.public_id}/configuration").text
    assert "gmail.com 20\nmail.example 0.5" in again
    assert 'value="50000"' in again
    page = client.get(f"/providers/{box.public_id}").text
    assert "gmail.com: 20 a second" in page


def test_a_line_that_is_no_limit_is_shown_at_its_field(client):
    box = new_provider()
    data = {"version": box.version, "name": "Box", "sender_address": ["desk@shop.example"], "domain_rates": "gmail 20"}
    answer = client.post(f"/providers/{box.public_id}/configuration", data=data)
    assert answer.status_code == 422
    assert "is not a domain with the messages a second" in answer.text
    assert fresh(box).domain_rates == {}


def test_the_page_of_a_provider_sets_all_three(client):
    box = new_provider(rate_per_minute=60)
    where = f"/providers/{box.public_id}/rate"
    assert client.post(where, data={"rate_per_minute": "many", "rate_per_second": "1"}).status_code == 422
    data = {"rate_per_second": "", "rate_per_minute": "30", "rate_per_day": "1000"}
    assert client.post(where, data=data).status_code == 303
    saved = fresh(box)
    assert (saved.rate_per_second, saved.rate_per_minute, saved.rate_per_day) == (0, 30, 1000)
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "provider.set_rate")).one()
    assert entry.before == {"rate_per_second": 0, "rate_per_minute": 60}
    assert entry.after == {"rate_per_second": 0, "rate_per_minute": 30, "rate_per_day": 1000}


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ({}, "as fast as it can"),
        ({"rate_per_second": 400}, "at most 400 a second"),
        ({"rate_per_second": 5, "rate_per_day": 10}, "at most 5 a second and 10 a day"),
        (
            {"rate_per_second": 5, "rate_per_minute": 9, "rate_per_day": 10},
            "at most 5 a second, 9 a minute and 10 a day",
        ),
    ],
)
def test_limits_in_words(app, rates, words):
    assert rate_words(new_provider(**rates)) == words


@pytest.mark.parametrize("line", ["gmail.com", "gmail.com fast", "gmail.com 0", "gmail.com -1", "gmail.com nan", "20"])
def test_lines_that_are_no_limit(line):
    with pytest.raises(DomainError, match="is not a domain") as refused:
        read_domain_rates(f"mail.example 5\n{line}")
    assert refused.value.field == "domain_rates"


def test_lines_are_written_as_they_are_read():
    rates = read_domain_rates("b.example 2\na.example=0.25")
    assert domain_lines(rates) == "a.example 0.25\nb.example 2"
    assert read_domain_rates(domain_lines(rates)) == rates
    with pytest.raises(DomainError, match="at most 200"):
        read_domain_rates("\n".join(f"d{number}.example 1" for number in range(201)))


@pytest.mark.parametrize("name", ["rate_per_minute", "rate_per_day"])
def test_numbers_out_of_range_are_refused(app, name):
    with pytest.raises(DomainError) as refused:
        set_rate(provider_id=new_provider().id, **{name: -1})
    assert refused.value.field == name
