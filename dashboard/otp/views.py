"""Pages of one-time codes: configurations in words, the test bench, attempts with their reasons."""

from __future__ import annotations

from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.api_keys.services import Caller
from dashboard.forms import show_problem, text
from dashboard.htmx import canonical_url, redirect_to, respond
from dashboard.messages.masking import shown
from dashboard.otp import figures, queries, services, words
from dashboard.otp.asking import Ask
from dashboard.otp.destinations import normalised
from dashboard.otp.forms import BenchForm, ConfigurationForm, FindForm, TryForm
from dashboard.otp.models import OtpConfiguration, OtpRequest
from dashboard.otp.sending import Manner, send_codes
from dashboard.otp.verifying import Result, verify_code
from dashboard.paging import pager
from dashboard.problems import Conflict, DomainError, RateLimited
from dashboard.providers.queries import provider_choices
from dashboard.search.services import recall, remember
from dashboard.security import requires

bp = Blueprint("otp", __name__, url_prefix="/otp")
_TRIES = {
    Result.VERIFIED: ("The code is right.", "ok"),
    Result.WRONG: ("The code is wrong.", "warn"),
    Result.LOCKED: ("The code is wrong, and this was the last try.", "bad"),
    Result.NOT_VALID: ("This code cannot be verified any more.", "bad"),
}


@bp.get("")
@requires("otp.read")
def index() -> ResponseReturnValue:
    return respond("otp/index.html", rows=queries.configurations(), words=words)


@bp.get("/new")
@requires("otp.write")
def new() -> ResponseReturnValue:
    form = _form(formdata=None)
    form.fill(services.unsaved())
    return respond("otp/form.html", form=form, row=None, words=words)


@bp.post("/new")
@requires("otp.write")
def create() -> ResponseReturnValue:
    form = _form()
    if form.validate_on_submit():
        try:
            row = services.create_configuration(form.values())
            return redirect_to(url_for("otp.show", configuration_id=row.id), f"{row.name} is ready. Try it.")
        except DomainError as problem:
            show_problem(form, problem)
    return respond("otp/form.html", status=422, form=form, row=None, words=words)


@bp.get('/<pid("otc"):configuration_id>')
@requires("otp.read")
def show(configuration_id: int) -> ResponseReturnValue:
    row = queries.configuration(configuration_id)
    form = _form(formdata=None)
    form.fill(row)
    return respond("otp/form.html", form=form, row=row, words=words)


@bp.post('/<pid("otc"):configuration_id>')
@requires("otp.write")
def update(configuration_id: int) -> ResponseReturnValue:
    form, status = _form(), 422
    if form.validate_on_submit():
        try:
            row = services.update_configuration(
                configuration_id=configuration_id, values=form.values(), version=form.version.data
            )
            return redirect_to(url_for("otp.show", configuration_id=row.id), f"{row.name} is saved.")
        except Conflict as problem:
            status = 409
            show_problem(form, problem)
            form.version.data, form.version.raw_data = problem.current.version, None
        except DomainError as problem:
            show_problem(form, problem)
    return respond("otp/form.html", status=status, form=form, row=_row(configuration_id), words=words)


@bp.post('/<pid("otc"):configuration_id>/default')
@requires("otp.write")
def make_default(configuration_id: int) -> ResponseReturnValue:
    row = services.make_default(configuration_id=configuration_id)
    return redirect_to(url_for("otp.index"), f"Requests that name no configuration use {row.name} now.")


@bp.get('/<pid("otc"):configuration_id>/delete')
@requires("otp.write")
def confirm_delete(configuration_id: int) -> ResponseReturnValue:
    return respond("otp/delete.html", "dialog", row=_row(configuration_id))


@bp.post('/<pid("otc"):configuration_id>/delete')
@requires("otp.write")
def delete(configuration_id: int) -> ResponseReturnValue:
    try:
        name = services.delete_configuration(configuration_id=configuration_id)
    except DomainError as problem:
        return redirect_to(url_for("otp.show", configuration_id=configuration_id), problem.message, "bad")
    return redirect_to(url_for("otp.index"), f"{name} is deleted.")


@bp.get("/test")
@requires("otp.test")
def bench() -> ResponseReturnValue:
    form = _bench_form(formdata=None)
    form.configuration_id.data = queries.number_of("otc", request.args.get("configuration"))
    return respond("otp/bench.html", form=form)


@bp.post("/test")
@requires("otp.test")
def send() -> ResponseReturnValue:
    form = _bench_form()
    if form.validate_on_submit():
        try:
            return redirect_to(url_for("otp.trial", request_id=_send_to_me(form)))
        except (DomainError, RateLimited) as problem:
            form.form_errors.append(problem.message)
    return respond("otp/bench.html", status=422, form=form)


@bp.get('/test/<pid("otp"):request_id>')
@requires("otp.test")
def trial(request_id: int) -> ResponseReturnValue:
    return _trial(request_id, TryForm(formdata=None))


@bp.post('/test/<pid("otp"):request_id>')
@requires("otp.test")
def verify(request_id: int) -> ResponseReturnValue:
    form = TryForm()
    if not form.validate_on_submit():
        return _trial(request_id, form, status=422)
    _of_bench(request_id)
    tried = verify_code(request_id=request_id, code=text(form.code), purpose="test")
    message, kind = _TRIES[tried.result]
    return redirect_to(url_for("otp.trial", request_id=request_id), message, kind)


@bp.get("/attempts")
@requires("otp.read")
def attempts() -> ResponseReturnValue:
    names = ("days", "channel", "country", "outcome")
    given = {name: request.args[name] for name in names if request.args.get(name)}
    filters = figures.AttemptFilters(**given, address=recall(request.args.get("who", "")) or "")
    after, before = (queries.number_of("otp", request.args.get(name)) for name in ("after", "before"))
    page = queries.attempts(filters.conditions(), after=after, before=before, size=50)
    return respond(
        "otp/attempts.html", "results", push_url=True, title="Attempts",
        rows=queries.with_messages(page.rows), pager=pager(page, canonical_url, lambda row: row.public_id),
        filters=filters, figures=figures, funnel=figures.funnel(filters), find=FindForm(formdata=None),
        countries=[(code, code) for code in figures.countries()], shown=shown, words=words,
    )  # fmt: skip


@bp.post("/attempts/find")
@requires("otp.read")
def find() -> ResponseReturnValue:
    typed = text(FindForm().address).strip()
    try:
        address = normalised("email" if "@" in typed else "sms", typed)
    except DomainError as problem:
        return redirect_to(url_for("otp.attempts"), problem.message, "warn")
    return redirect_to(url_for("otp.attempts", who=remember(address), days="30"))


@bp.get('/attempts/<pid("otp"):request_id>')
@requires("otp.read")
def attempt(request_id: int) -> ResponseReturnValue:
    found = queries.attempt(request_id)
    events = list(queries.events_of(request_id))
    configuration = queries.configuration(found.request.configuration_id)
    return respond(
        "otp/attempt.html", attempt=found, events=events, configuration=configuration, shown=shown, words=words
    )


def _row(configuration_id: int) -> OtpConfiguration:
    return queries.configuration(configuration_id)


def _form(**options: None) -> ConfigurationForm:
    form = ConfigurationForm(**options)
    for channel in ("sms", "email"):
        form[f"{channel}_template_id"].choices = [("", "None"), *queries.template_choices(channel)]
        providers = [(str(number), name) for number, name in provider_choices(channel)]
        form[f"{channel}_provider_id"].choices = [("", "The OTP route"), *providers]
    return form


def _bench_form(**options: None) -> BenchForm:
    form = BenchForm(**options)
    form.configuration_id.choices = [(row.id, row.name) for row in queries.configurations()]
    mine = (("sms", current_user.phone), ("email", current_user.email))
    form.channel.choices = [(channel, address) for channel, address in mine if address]
    if form.channel.data is None and form.channel.choices:
        form.channel.data = form.channel.choices[0][0]
    return form


def _send_to_me(form: BenchForm) -> int:
    """Send a code to the person at the screen; the id of its request."""
    chosen = form.channel.data
    ask = Ask(
        caller=Caller(0, current_user.username, frozenset(), frozenset(), 0, current_user.id),
        phone=current_user.phone if chosen == "sms" else None,
        email=current_user.email if chosen == "email" else None,
        purpose="test",
        ip=request.remote_addr or "",
        user_id=current_user.id,
    )
    drafts = send_codes(ask, queries.configuration(form.configuration_id.data), Manner())
    return (drafts or [])[-1].id


def _of_bench(request_id: int) -> OtpRequest:
    """A code of the bench; those of applications are tried by applications."""
    row = queries.attempt(request_id).request
    if row.user_id is None:
        abort(404)
    return row


def _trial(request_id: int, form: TryForm, status: int = 200) -> ResponseReturnValue:
    row = _of_bench(request_id)
    return respond(
        "otp/trial.html", "live", status=status, form=form, attempt=queries.attempt(request_id),
        events=list(queries.events_of(row.id)), words=words, left=words.remaining(row),
    )  # fmt: skip
