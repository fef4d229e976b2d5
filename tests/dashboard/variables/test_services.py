"""Global variables: names, values, renaming through templates, deleting."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.extensions import db, transaction
from dashboard.jobs.services import freeze_globals
from dashboard.message_templates import queries as template_queries
from dashboard.message_templates import services as template_services
from dashboard.message_templates.models import Template
from dashboard.problems import Conflict, DomainError, NotFound
from dashboard.variables import queries, services
from dashboard.variables.models import Variable, VariableKind
from tests.factories.message_templates import change, content, new_template

pytestmark = pytest.mark.usefixtures("app")


def new_variable(name: str = "shop_name", value: str = "Bluebird") -> Variable:
    return services.create_variable(name=name, value=value)


def published_html(template: Template) -> str:
    db.session.expire_all()
    version = template_queries.published_version(template_queries.template(template.id))
    assert version is not None
    return str(version.content["html"])


def draft_html(template: Template) -> str | None:
    draft = template_queries.draft_of(template)
    return None if draft is None else str(draft.content["html"])


def test_a_new_variable_is_part_of_the_next_job() -> None:
    new_variable()
    assert freeze_globals() == {"shop_name": "Bluebird"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "invalid_name"),
        ("two words", "invalid_name"),
        ("1st", "invalid_name"),
        ("loop", "invalid_name"),
        ("unsubscribe_url", "reserved"),
        ("message_id", "reserved"),
        ("email", "reserved"),
        ("company_name", "taken"),
        ("shop_name", "taken"),
    ],
)
def test_names_that_are_refused(name: str, code: str) -> None:
    new_variable()
    with pytest.raises(DomainError) as caught:
        new_variable(name)
    assert (caught.value.field, caught.value.code) == ("name", code)


def test_update_and_its_conflict() -> None:
    variable = new_variable()
    services.update_variable(variable_id=variable.id, value="Second", version=1)
    with pytest.raises(Conflict):
        services.update_variable(variable_id=variable.id, value="Third", version=1)
    assert queries.variable(variable.id).value == "Second"


def test_read_only_ones_are_not_changed_here() -> None:
    row = queries.list_variables(VariableKind.READ_ONLY)[0].variable
    for act in (
        lambda: services.update_variable(variable_id=row.id, value="x", version=None),
        lambda: services.rename_variable(variable_id=row.id, name="other"),
        lambda: services.delete_variable(variable_id=row.id),
    ):
        with pytest.raises(DomainError, match="Settings"):
            act()


def test_rename_rewrites_drafts_and_publishes_new_versions() -> None:
    variable = new_variable()
    both = new_template("Both", html="{{ shop_name }}", published=True)
    change(both, html="<b>{{ shop_name|upper }}</b> {% for shop_name in [1] %}{{ shop_name }}{% endfor %}")
    draft_only = new_template("Draft only", html="{{ shop_name }} and {{ shop_name }}")
    published_only = new_template("Published only", html="{{ shop_name }}", published=True, sample={"shop_name": "X"})
    untouched = new_template("Untouched", html="{{ shop }}", published=True)

    changed = services.rename_variable(variable_id=variable.id, name="store")

    assert [template.name for template in changed] == ["Both", "Draft only", "Published only"]
    assert published_html(both) == "{{ store }}"
    assert draft_html(both) == "<b>{{ store|upper }}</b> {% for shop_name in [1] %}{{ shop_name }}{% endfor %}"
    assert draft_html(draft_only) == "{{ store }} and {{ store }}"
    assert (published_html(published_only), draft_html(published_only)) == ("{{ store }}", None)
    assert template_queries.template(published_only.id).sample == {"store": "X"}
    assert published_html(untouched) == "{{ shop }}"
    newest = template_queries.version_number(both, 2)
    assert newest.note == "Variable shop_name renamed to store"
    assert template_queries.version_number(both, 1).content["html"] == "{{ shop_name }}"
    assert queries.variable(variable.id).name == "store"


def test_rename_makes_an_open_editor_notice() -> None:
    variable = new_variable()
    template = new_template(html="{{ shop_name }}")
    seen = template.version
    services.rename_variable(variable_id=variable.id, name="store")
    with pytest.raises(Conflict):
        template_services.save_draft(
            template_id=template.id, draft=template_services.Draft("Welcome", "transactional", content()), version=seen
        )


def test_rename_keeps_cc_variables_headers_and_subjects_in_step() -> None:
    variable = new_variable("manager", "boss@example.com")
    template = new_template(subject="{{ manager }}", cc_variable="manager", published=True)
    services.rename_variable(variable_id=variable.id, name="account_manager")
    version = template_queries.published_version(template_queries.template(template.id))
    assert version is not None
    assert (version.content["subject"], version.content["cc_variable"]) == ("{{ account_manager }}", "account_manager")


@pytest.mark.parametrize(
    "html",
    [
        "{{ shop_name }}{{ store }}",
        "{% for store in stores %}{{ shop_name }}{% endfor %}",
        "{% set store = 1 %}{{ shop_name }}",
    ],
)
def test_rename_to_a_name_that_a_template_uses_otherwise_changes_nothing(html: str) -> None:
    variable = new_variable()
    first = new_template("A", html="{{ shop_name }}", published=True)
    new_template("B", html=html)
    with pytest.raises(DomainError, match="“B”") as caught:
        services.rename_variable(variable_id=variable.id, name="store")
    assert caught.value.field == "name"
    assert published_html(first) == "{{ shop_name }}"
    assert queries.variable(variable.id).name == "shop_name"


def test_rename_to_the_same_or_a_taken_name() -> None:
    variable = new_variable()
    new_variable("store")
    for name in ("shop_name", "store", "loop"):
        with pytest.raises(DomainError):
            services.rename_variable(variable_id=variable.id, name=name)


def pinned_campaign(**values: Any) -> Campaign:
    template = new_template("Pinned", html="{{ shop_name }}", published=True)
    first = template.published_version_id
    change(template, html="<p>without</p>")
    template_services.publish(template_id=template.id)
    with transaction():
        campaign = Campaign(name="Black Friday", template_id=template.id, template_version_id=first, **values)
        db.session.add(campaign)
    return campaign


def test_a_campaign_with_a_fixed_version_holds_the_name() -> None:
    variable = new_variable()
    pinned_campaign(state=CampaignState.SCHEDULED)
    with pytest.raises(DomainError, match="Black Friday"):
        services.rename_variable(variable_id=variable.id, name="store")
    with pytest.raises(DomainError, match="Black Friday"):
        services.delete_variable(variable_id=variable.id)


def test_a_campaign_that_is_through_holds_nothing() -> None:
    variable = new_variable()
    pinned_campaign(state=CampaignState.FINISHED)
    services.delete_variable(variable_id=variable.id)
    with pytest.raises(NotFound):
        queries.variable(variable.id)


def test_delete_is_refused_while_used_and_names_the_users() -> None:
    variable = new_variable()
    new_template("Draft", html="{{ shop_name }}")
    archived = new_template("Old", html="{{ shop_name }}", published=True)
    template_services.archive_template(template_id=archived.id)
    with pytest.raises(DomainError) as caught:
        services.delete_variable(variable_id=variable.id)
    assert "“Draft”, “Old” (archived)" in caught.value.message


def test_delete_of_an_unused_one() -> None:
    variable = new_variable()
    assert services.delete_variable(variable_id=variable.id) == "shop_name"
    assert freeze_globals() == {}


def test_use_counts_are_of_templates() -> None:
    new_variable()
    template = new_template("One", html="{{ shop_name }}", published=True)
    change(template, html="{{ shop_name }}!")
    new_template("Two", subject="{{ shop_name }}")
    rows = {row.variable.name: row.uses for row in queries.list_variables(VariableKind.EDITABLE)}
    assert rows == {"shop_name": 2}


names = st.from_regex(r"v[a-z]{1,8}", fullmatch=True)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=names, new=names, others=st.lists(names, max_size=4))
def test_there_and_back_again_is_where_it_was(app: object, old: str, new: str, others: list[str]) -> None:
    if old == new or new in others:
        return
    html = " ".join(f"{{{{ {name} }}}}" for name in [old, *others, old])
    variable = services.create_variable(name=old, value="x")
    template = new_template(f"{old} {new} {others}", html=html, published=True)
    try:
        services.rename_variable(variable_id=variable.id, name=new)
        assert old not in template_queries.variables_of_id(template_queries.template(template.id).published_version_id)
        services.rename_variable(variable_id=variable.id, name=old)
        assert published_html(template) == html
    finally:
        with transaction() as session:
            session.delete(queries.variable(variable.id))
            for version in template_queries.versions_of(template):
                session.delete(version[0])
            session.flush()
            session.delete(template_queries.template(template.id))
