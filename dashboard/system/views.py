"""Whether everything is up: for machines at /healthz and /metrics, for administrators at /system."""

from __future__ import annotations

from flask import Blueprint, Response, abort, jsonify, url_for
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from dashboard.current import current_settings
from dashboard.htmx import redirect_to, respond, target
from dashboard.security import public, requires
from dashboard.system import lanes, queries, services
from dashboard.system.exposition import exposition
from dashboard.system.measures import Measures, measure
from dashboard.system.scrapers import may_scrape
from worker.queues import Queue

bp = Blueprint("system", __name__)


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    health = queries.health()
    response = jsonify(health.as_json())
    response.status_code = 200 if health.healthy else 503
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/metrics")
@public
def metrics() -> ResponseReturnValue:
    if not may_scrape():
        refusal = "This needs METRICS_TOKEN as a bearer token, or an administrator's sign-in.\n"
        return Response(refusal, 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    answer = Response(exposition(_measures()), content_type=CONTENT_TYPE_LATEST)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.get("/system")
@requires("system.read")
def index() -> ResponseReturnValue:
    block = "live" if target() == "live" else "main"
    return respond(
        "system/index.html",
        block,
        health=queries.health(),
        processes=queries.processes(),
        measures=measure(),
        storage=queries.storage(),
        settings=current_settings(),
    )


@bp.get("/system/dead-letters/<lane>")
@requires("system.read")
def dead_letters(lane: str) -> ResponseReturnValue:
    queue, away, letters = _queue(lane), "", []
    try:
        letters = lanes.dead_letters(queue)
    except lanes.BrokerAway as problem:
        away = str(problem)
    return respond("system/dead_letters.html", lane=queue.value, letters=letters, away=away, shown=lanes.SHOWN)


@bp.post("/system/dead-letters/<lane>/<key>/requeue")
@requires("system.manage")
def requeue(lane: str, key: str) -> ResponseReturnValue:
    services.requeue_dead_letter(lane=_queue(lane), key=key)
    return _back(lane, "Put back on its lane.")


@bp.post("/system/dead-letters/<lane>/<key>/delete")
@requires("system.manage")
def delete(lane: str, key: str) -> ResponseReturnValue:
    services.delete_dead_letter(lane=_queue(lane), key=key)
    return _back(lane, "Deleted.")


@bp.post("/system/dead-letters/<lane>/requeue-all")
@requires("system.manage")
def requeue_all(lane: str) -> ResponseReturnValue:
    return _back(lane, f"{services.requeue_all(lane=_queue(lane))} put back on the lane.")


@bp.get("/system/dead-letters/<lane>/delete-all")
@requires("system.manage")
def confirm_delete_all(lane: str) -> ResponseReturnValue:
    queue = _queue(lane)
    return respond("system/delete_all.html", "dialog", lane=queue.value, count=_dead_count(queue))


@bp.post("/system/dead-letters/<lane>/delete-all")
@requires("system.manage")
def delete_all(lane: str) -> ResponseReturnValue:
    return _back(lane, f"{services.delete_all(lane=_queue(lane))} deleted.")


def _measures() -> Measures | None:
    try:
        return measure()
    except SQLAlchemyError:
        return None


def _dead_count(queue: Queue) -> int:
    try:
        return next(lane.dead for lane in lanes.lanes() if lane.name == queue.value)
    except lanes.BrokerAway:
        return 0


def _queue(lane: str) -> Queue:
    if lane not in list(Queue):
        abort(404)
    return Queue(lane)


def _back(lane: str, words: str) -> ResponseReturnValue:
    return redirect_to(url_for("system.dead_letters", lane=lane), words)
