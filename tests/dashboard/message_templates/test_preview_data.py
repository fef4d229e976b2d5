"""Where the values of a preview come from."""

from __future__ import annotations

import pytest

from dashboard.audiences.models import Audience
from dashboard.extensions import db, transaction
from dashboard.message_templates.preview_choice import PreviewChoice
from dashboard.message_templates.preview_data import collect
from dashboard.variables.models import Variable
from tests.factories.message_templates import new_audience

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def audience(app: object) -> Audience:
    return new_audience(
        "Customers",
        [
            ("ann@example.com", {"first_name": "Ann", "city": "Oslo"}),
            ("bob@example.com", {"first_name": "Bob", "city": ""}),
            ("carolin@example.com", {"first_name": "Carolin von und zu Hohenstein", "city": "Garmisch"}),
            (None, {"first_name": "Dee"}),
        ],
    )


def choose(**values: str) -> PreviewChoice:
    return PreviewChoice.read(values)


def test_layers_and_their_precedence(audience: Audience) -> None:
    with transaction() as session:
        session.add_all([Variable(name="city", value="Everywhere"), Variable(name="shop", value="Bluebird")])
    data = collect(choose(data=audience.public_id, row="0"), {})
    assert data.values["city"] == "Oslo"
    assert (data.origins["city"], data.origins["shop"]) == ("record", "global")
    assert data.origins["unsubscribe_url"] == "system"
    assert data.recipient == "ann@example.com"


def test_sample_values_stand_in_for_a_record() -> None:
    data = collect(choose(), {"first_name": "Asha"})
    assert data.values["first_name"] == "Asha"
    assert data.origins["first_name"] == "sample"
    assert "@" in data.values["email"]


@pytest.mark.parametrize(
    ("values", "row"),
    [
        ({"row": "2"}, 2),
        ({"step": "first", "row": "2"}, 0),
        ({"step": "next", "row": "2"}, 3),
        ({"step": "next", "row": "3"}, 3),
        ({"step": "previous", "row": "0"}, 0),
        ({"step": "longest"}, 2),
        ({"step": "missing"}, 1),
        ({"step": "search", "who": "CAROL"}, 2),
        ({"step": "search", "who": "bob@example.com"}, 1),
    ],
)
def test_steps(audience: Audience, values: dict[str, str], row: int) -> None:
    place = collect(choose(data=audience.public_id, **values), {}).place
    assert place is not None
    assert (place.row, place.count) == (row, 4)


def test_the_record_with_gaps_is_about_what_the_template_needs(audience: Audience) -> None:
    data = collect(
        choose(data=audience.public_id, step="missing"), {}, needed={"city", "first_name", "unsubscribe_url"}
    )
    assert data.place is not None
    assert data.place.row in (1, 3)


def test_random_is_one_of_them(audience: Audience) -> None:
    place = collect(choose(data=audience.public_id, step="random"), {}).place
    assert place is not None
    assert place.row in range(4)


@pytest.mark.parametrize("values", [{"step": "search", "who": "nobody"}, {"row": "99"}, {"step": "search"}])
def test_what_is_not_found_is_said_and_the_first_one_shown(audience: Audience, values: dict[str, str]) -> None:
    data = collect(choose(data=audience.public_id, **values), {})
    assert data.place is not None
    assert data.place.row == 0
    assert "first one" in data.problem


def test_an_audience_without_records() -> None:
    empty = new_audience("Empty", [])
    assert "empty" in collect(choose(data=empty.public_id), {}).problem
    with transaction():
        audience = db.session.get(Audience, empty.id)
        assert audience is not None
        audience.current_version_id = None
    assert "no records" in collect(choose(data=empty.public_id), {}).problem


def test_typed_json_is_the_layer_of_a_call() -> None:
    data = collect(
        choose(data="json", data_json='{"first_name": "Zed", "email": "z@example.com"}'), {"first_name": "A"}
    )
    assert data.values["first_name"] == "Zed"
    assert data.origins["first_name"] == "JSON"
    assert data.recipient == "z@example.com"


def test_broken_json_has_a_place() -> None:
    data = collect(choose(data="json", data_json='{"a": }'), {})
    assert (data.line, data.column) == (1, 7)
    assert data.problem


def test_choice_in_the_address_and_back(audience: Audience) -> None:
    choice = choose(data=audience.public_id, row="3", view="mobile", strict="1", images="1", who="x@example.com")
    query = {key: value for key, value in choice.query().items() if value}
    assert query == {"data": audience.public_id, "row": "3", "view": "mobile", "strict": "1", "images": "1"}
    assert PreviewChoice.read(query) == choice.at(3)


@pytest.mark.parametrize("values", [{"view": "x"}, {"data": "adn_x"}, {"row": "-1"}, {"row": "9" * 30}, {"step": "x"}])
def test_nonsense_in_the_address_is_the_default(values: dict[str, str]) -> None:
    assert choose(**values) == PreviewChoice()
