"""The administrator's pages about webhook endpoints."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.endpoints import delivery_views, queries, services
from dashboard.endpoints.forms import EndpointForm
from dashboard.endpoints.kinds import KINDS
from dashboard.endpoints.models import WebhookEndpoint
from dashboard.forms import Difference, show_conflict, show_problem, text
from dashboard.htmx import canonical_url, redirect_to, respond
from dashboard.ids import parse_public_id
from dashboard.paging import pager
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires

bp = Blueprint("endpoints", __name__, url_prefix="/webhook-endpoints")
bp.register_blueprint(delivery_views.bp)


@bp.get("")
@requires("webhooks.manage")
def index() -> ResponseReturnValue:
    return respond("endpoints/index.html", endpoints=queries.listed(), shown=queries.SHOWN)


@bp.get("/new")
@requires("webhooks.manage")
def new() -> ResponseReturnValue:
    return _form_page(EndpointForm(formdata=None), None)


@bp.post("")
@requires("webhooks.manage")
def create() -> ResponseReturnValue:
    form = EndpointForm()
    if form.validate_on_submit():
        try:
            endpoint, secret = services.create_endpoint(
                name=text(form.name), url=text(form.url), kinds=form.kinds.data or []
            )
            return respond("endpoints/secret.html", endpoint=endpoint, secret=secret, made=True, status=201)
        except DomainError as problem:
            show_problem(form, problem)
    return _form_page(form, None, 422)


@bp.get('/<pid("whe"):endpoint_id>')
@requires("webhooks.manage")
def show(endpoint_id: int) -> ResponseReturnValue:
    endpoint = queries.get_endpoint(endpoint_id)
    state = request.args.get("state", "")
    page = queries.deliveries(endpoint_id, state=state, after=_cursor("after"), before=_cursor("before"))
    return respond(
        "endpoints/show.html",
        "results",
        push_url=True,
        endpoint=endpoint,
        rows=page.rows,
        pager=pager(page, canonical_url, lambda row: row.public_id),
        counts=queries.counts(endpoint_id),
        state=state,
    )


@bp.get('/<pid("whe"):endpoint_id>/edit')
@requires("webhooks.manage")
def edit(endpoint_id: int) -> ResponseReturnValue:
    endpoint = queries.get_endpoint(endpoint_id)
    return _form_page(EndpointForm(formdata=None, obj=endpoint), endpoint)


@bp.post('/<pid("whe"):endpoint_id>/edit')
@requires("webhooks.manage")
def update(endpoint_id: int) -> ResponseReturnValue:
    form = EndpointForm()
    status, differences = 422, None
    if form.validate_on_submit():
        try:
            services.update_endpoint(
                endpoint_id=endpoint_id, name=text(form.name), url=text(form.url), kinds=form.kinds.data or [],
                version=form.version.data,
            )  # fmt: skip
            return redirect_to(url_for("endpoints.show", endpoint_id=endpoint_id), "Saved.")
        except Conflict as problem:
            status, differences = 409, show_conflict(form, problem)
        except DomainError as problem:
            show_problem(form, problem)
    return _form_page(form, queries.get_endpoint(endpoint_id), status, differences)


@bp.post('/<pid("whe"):endpoint_id>/enable')
@requires("webhooks.manage")
def enable(endpoint_id: int) -> ResponseReturnValue:
    endpoint = services.set_enabled(endpoint_id=endpoint_id, enabled=True)
    return redirect_to(_page_of(endpoint_id), f"{endpoint.name} is told again from now on.")


@bp.get('/<pid("whe"):endpoint_id>/disable')
@requires("webhooks.manage")
def confirm_disable(endpoint_id: int) -> ResponseReturnValue:
    return respond("endpoints/disable.html", "dialog", endpoint=queries.get_endpoint(endpoint_id))


@bp.post('/<pid("whe"):endpoint_id>/disable')
@requires("webhooks.manage")
def disable(endpoint_id: int) -> ResponseReturnValue:
    endpoint = services.set_enabled(endpoint_id=endpoint_id, enabled=False)
    return redirect_to(_page_of(endpoint_id), f"{endpoint.name} is told nothing until somebody enables it.", "warn")


@bp.get('/<pid("whe"):endpoint_id>/rotate')
@requires("webhooks.manage")
def confirm_rotate(endpoint_id: int) -> ResponseReturnValue:
    return respond("endpoints/rotate.html", "dialog", endpoint=queries.get_endpoint(endpoint_id))


@bp.post('/<pid("whe"):endpoint_id>/rotate')
@requires("webhooks.manage")
def rotate(endpoint_id: int) -> ResponseReturnValue:
    endpoint, secret = services.rotate_secret(endpoint_id=endpoint_id)
    return respond("endpoints/secret.html", "dialog", endpoint=endpoint, secret=secret, made=False)


@bp.get('/<pid("whe"):endpoint_id>/delete')
@requires("webhooks.manage")
def confirm_delete(endpoint_id: int) -> ResponseReturnValue:
    endpoint = queries.get_endpoint(endpoint_id)
    return respond("endpoints/delete.html", "dialog", endpoint=endpoint, counts=queries.counts(endpoint_id))


@bp.post('/<pid("whe"):endpoint_id>/delete')
@requires("webhooks.manage")
def delete(endpoint_id: int) -> ResponseReturnValue:
    name = services.delete_endpoint(endpoint_id=endpoint_id)
    return redirect_to(url_for("endpoints.index"), f"{name} is deleted.")


def _cursor(name: str) -> int | None:
    try:
        return parse_public_id("whd", request.args.get(name, ""))
    except ValueError:
        return None


def _page_of(endpoint_id: int) -> str:
    return url_for("endpoints.show", endpoint_id=endpoint_id)


def _form_page(
    form: EndpointForm, endpoint: WebhookEndpoint | None, status: int = 200, differences: list[Difference] | None = None
) -> ResponseReturnValue:
    return respond(
        "endpoints/form.html", form=form, endpoint=endpoint, kinds=KINDS, differences=differences, status=status
    )
