"""The list of templates: filters and pages."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.message_templates import queries, services
from dashboard.message_templates.queries import TemplateFilter, list_templates
from tests.factories.message_templates import change, new_template

pytestmark = pytest.mark.usefixtures("app")


def names(**filters: str) -> list[str]:
    return [row.template.name for row in list_templates(TemplateFilter(**filters)).rows]


@pytest.fixture
def some_templates(app: object) -> None:
    new_template("Welcome", tags=["onboarding", "Grüße"])
    new_template("Spring sale", category="promotional", published=True, tags=["sale"])
    changed = new_template("Receipt", published=True)
    change(changed, subject="Changed")
    archived = new_template("Old news", published=True)
    services.archive_template(template_id=archived.id)


@pytest.mark.usefixtures("some_templates")
def test_filters() -> None:
    assert names() == ["Receipt", "Spring sale", "Welcome"]
    assert names(q="sPRing") == ["Spring sale"]
    assert names(q="100%") == []
    assert names(category="promotional") == ["Spring sale"]
    assert names(tag="sale") == ["Spring sale"]
    assert names(tag="Grüße") == ["Welcome"]
    assert names(tag="Gr") == []
    assert names(state="draft") == ["Welcome"]
    assert names(state="published") == ["Spring sale"]
    assert names(state="unpublished_changes") == ["Receipt"]
    assert names(state="archived") == ["Old news"]
    assert names(state="nonsense") == []


@pytest.mark.usefixtures("some_templates")
def test_rows_tell_state_and_version() -> None:
    row = list_templates(TemplateFilter(q="receipt")).rows[0]
    assert (row.state, row.number, row.campaigns) == ("unpublished_changes", 1, 0)


@pytest.mark.usefixtures("some_templates")
def test_choices_offer_what_can_be_sent() -> None:
    assert [name for _, name in queries.choices()] == ["Receipt", "Spring sale"]
    assert [name for _, name in queries.choices("promotional")] == ["Spring sale"]


@pytest.mark.usefixtures("some_templates")
def test_tags_of_what_is_not_archived() -> None:
    assert queries.all_tags() == ["Grüße", "onboarding", "sale"]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 6))
def test_pages_show_every_template_once_in_both_directions(app: object, size: int) -> None:
    existing = names()
    for number in range(len(existing), 7):
        new_template(f"Template {number}")
    everything = [row.template.name for row in list_templates(TemplateFilter(), size=100).rows]
    forwards, page = [], list_templates(TemplateFilter(), size=size)
    assert page.newer is None
    while True:
        forwards.append([row.template.name for row in page.rows])
        if page.older is None:
            break
        page = list_templates(TemplateFilter(), after=page.older, size=size)
    assert [name for names_ in forwards for name in names_] == everything
    backwards = [forwards[-1]]
    while page.newer is not None:
        page = list_templates(TemplateFilter(), before=page.newer, size=size)
        backwards.insert(0, [row.template.name for row in page.rows])
    assert [name for names_ in backwards for name in names_] == everything


def test_a_broken_cursor_is_the_first_page() -> None:
    new_template()
    for cursor in ("nonsense", "1-tpl_", "9" * 40 + "-tpl_0000000000000"):
        assert len(list_templates(TemplateFilter(), after=cursor).rows) == 1


def test_required_variables_leave_guarded_ones_out() -> None:
    template = new_template(html="{{ a }}{{ b|default('x') }}{% if c is defined %}{{ c }}{% endif %}")
    version = queries.working_version(template)
    assert queries.template_variables(version) == {"first_name", "a", "b", "c"}
    assert queries.required_variables(version) == {"first_name", "a"}
