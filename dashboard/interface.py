"""What templates see: the ``ui`` macros, filters for times and numbers, hashed static addresses, the shell."""

from datetime import datetime
from pathlib import Path
from typing import Any, Final

from flask import Flask
from jinja2 import Environment
from markupsafe import Markup, escape
from wtforms import Field, widgets
from wtforms.fields import BooleanField, FileField, MultipleFileField, RadioField

from dashboard import assets, figures, gallery, shell, status, timefmt
from dashboard.current import current_settings

MACRO_FOLDER: Final = "_ui"


class Macros:
    """Every macro of templates/_ui/*.html as an attribute: ``{{ ui.badge("message", message.state) }}``.

    A global instead of ``{% import %}``, because names imported at the top of a template are undefined when
    jinja2-fragments renders one block of it alone. Raises AttributeError that names the missing macro.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._home: dict[str, str] = {}

    def _find_homes(self) -> None:
        for name in self._environment.list_templates(filter_func=lambda n: n.startswith(f"{MACRO_FOLDER}/")):
            module = self._environment.get_template(name).module
            for attribute in vars(module):
                if not attribute.startswith("_"):
                    self._home[attribute] = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if not self._home:
            self._find_homes()
        if name not in self._home:
            raise AttributeError(f"no macro {name!r} in templates/{MACRO_FOLDER}/")
        return getattr(self._environment.get_template(self._home[name]).module, name)

    def names(self) -> list[str]:
        """Return the macro names in alphabetical order."""
        self._find_homes()
        return sorted(self._home)


def html_attributes(values: dict[str, Any]) -> Markup:
    """Render keyword arguments as HTML attributes with a leading space.

    ``hx_post`` becomes ``hx-post``, ``class_`` becomes ``class``; True gives a bare attribute, None and False none.
    Values are plain text, also the result of ``tojson``, which escapes no quotes.
    """
    parts = []
    for name, value in values.items():
        if value is None or value is False:
            continue
        attribute = name.rstrip("_").replace("_", "-")
        parts.append(
            Markup(" {}").format(attribute) if value is True else Markup(' {}="{}"').format(attribute, str(value))
        )
    return Markup("").join(parts)


def control_kind(field: Field) -> str:
    """Return how ui.field draws a WTForms field: switch, radio, checks, select, textarea, password, file or input."""
    if isinstance(field, BooleanField):
        return "switch"
    if isinstance(field, RadioField):
        return "radio"
    if isinstance(field, (FileField, MultipleFileField)):
        return "file"
    widget = field.widget
    if isinstance(widget, (widgets.ListWidget, widgets.TableWidget)):
        return "checks"
    if isinstance(widget, widgets.Select):
        return "select"
    if isinstance(widget, widgets.TextArea):
        return "textarea"
    kind = getattr(widget, "input_type", "text")
    return {"password": "password", "hidden": "hidden"}.get(kind, "input")


def described(text: object) -> Markup:
    """Escape ``text`` and turn `code` in backticks into <code>: labels and hints stay plain strings in Python."""
    pieces = str(text).split("`")
    if len(pieces) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if index % 2 else escape(piece) for index, piece in enumerate(pieces)
    )


def local_input(value: datetime | None) -> str:
    """Return the value of a datetime-local input in the zone in use, "" for None."""
    return timefmt.local(value).strftime("%Y-%m-%dT%H:%M") if value else ""


FILTERS: Final = {
    "number": figures.number,
    "bytes": figures.byte_size,
    "percent": figures.percent,
    "initials": figures.initials,
    "duration": timefmt.duration,
    "relative": timefmt.relative,
    "absolute": timefmt.absolute,
    "exact": timefmt.exact,
    "iso": timefmt.iso,
    "local_input": local_input,
    "html_attributes": html_attributes,
    "control_kind": control_kind,
    "described": described,
    "sparkline_points": figures.sparkline_points,
    "segments": figures.segments,
}


def init_app(app: Flask) -> None:
    """Register macros, filters, tests of state words, static addresses and the shell on ``app``."""
    environment = app.jinja_env
    environment.filters.update(FILTERS)
    environment.globals["ui"] = Macros(environment)
    environment.globals["has_endpoint"] = lambda endpoint: endpoint in app.view_functions
    environment.globals["status_of"] = status.status_of
    environment.globals["status_rows"] = status.rows
    environment.globals["statuses"] = status.STATUSES
    environment.globals["zone_name"] = timefmt.zone_name
    environment.globals["current_zone"] = timefmt.current_zone
    assets.init_app(app)
    shell.init_app(app)
    with app.app_context():
        if current_settings().environment == "development":
            app.register_blueprint(gallery.blueprint)


def template_folder() -> Path:
    """Return the folder of the templates, for tests that read every one of them."""
    return Path(__file__).parent / "templates"
