"""Jobs under way: their numbers, pause, resume, cancel."""

from __future__ import annotations

from dashboard.api.identifiers import PublicId, found_id
from dashboard.api.resource import Input, Reply, needs, resource
from dashboard.api.runs import RunOut, run_out
from dashboard.api_keys.models import Scope
from dashboard.jobs import services
from dashboard.jobs.queries import job_of_id

api = resource("Jobs", "Batches of sending: runs of campaigns and requests of applications.")


class JobPath(Input):
    job: PublicId


@api.get("/jobs/<job>", responses={200: RunOut})
@needs(Scope.SEND, Scope.CAMPAIGNS, Scope.REPORTS)
def show(path: JobPath) -> Reply:
    """A job and its numbers"""
    return run_out(job_of_id(_id(path)))


@api.post("/jobs/<job>/pause", responses={200: RunOut})
@needs(Scope.CAMPAIGNS)
def pause(path: JobPath) -> Reply:
    """Pause a job

    It stops within a window of messages; what the provider has cannot be called back.
    """
    return run_out(services.pause_job(job_id=_id(path)))


@api.post("/jobs/<job>/resume", responses={200: RunOut})
@needs(Scope.CAMPAIGNS)
def resume(path: JobPath) -> Reply:
    """Go on with a paused job"""
    return run_out(services.resume_job(job_id=_id(path)))


@api.post("/jobs/<job>/cancel", responses={200: RunOut})
@needs(Scope.SEND, Scope.CAMPAIGNS)
def cancel(path: JobPath) -> Reply:
    """Cancel what a job has not sent"""
    return run_out(services.cancel_job(job_id=_id(path)))


def _id(path: JobPath) -> int:
    return found_id("run", path.job, "job")
