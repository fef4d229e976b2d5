"""What happens to campaigns: each is a function of one that is under way, which adds what may be doubled by it."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

from dashboard.jobs.models import JobState
from dashboard.jobs.services import cancel_job, pause_job, resume_job
from tests.chaos.campaigns import CONNECTIONS, Campaign

#: At most so many messages stand as being sent by one worker (the crew's window_size).
WINDOW = 50


def workers_killed(campaign: Campaign) -> None:
    """kill -9 of a worker at a random moment, three times: one message per connection may be in doubt."""
    for _ in range(3):
        campaign.advance(random.uniform(0.05, 0.15))
        _kill_worker(campaign)


def worker_asked_to_end(campaign: Campaign) -> None:
    campaign.advance(random.uniform(0.1, 0.5))
    campaign.crew.strike_worker(signal.SIGTERM)


def scheduler_killed(campaign: Campaign) -> None:
    """With a worker, whose chunks nobody but the next scheduler hands out again."""
    campaign.advance(random.uniform(0.1, 0.4))
    campaign.crew.kill_scheduler()
    campaign.outcome.kills += 1
    _kill_worker(campaign)


def supervisor_killed(campaign: Campaign) -> None:
    """kill -9, and started again at once: the children of the first end by themselves, after the window under way, and
    only then do those of the second begin."""
    campaign.recorder.pause *= 5  # changes of shift take their time
    campaign.advance(0.02)
    with campaign.crew.supervised() as supervisor:
        campaign.advance(random.uniform(0.02, 0.2))
        assert campaign.recorder.total < campaign.outcome.recipients, "nothing is left for the supervisor to die of"
        supervisor.kill_and_start_again()
        campaign.outcome.kills += 1
        campaign.wait_until(lambda: not supervisor.orphans())
        campaign.advance(0.1)


def broker_killed(campaign: Campaign) -> None:
    """Its data are gone with it; so is every hint."""
    campaign.advance(random.uniform(0.1, 0.4))
    campaign.crew.kill_broker(drop_data=True, away=random.uniform(0, 1))
    campaign.outcome.kills += 1


def broker_away(campaign: Campaign) -> None:
    """The connection is lost for some seconds and comes back to the same data."""
    campaign.advance(random.uniform(0.1, 0.4))
    campaign.crew.kill_broker(drop_data=False, away=3)
    campaign.outcome.kills += 1


def database_restarted(campaign: Campaign) -> None:
    """The journals know every outcome that could not be written."""
    campaign.advance(random.uniform(0.1, 0.4))
    campaign.crew.restart_database(away=random.uniform(0, 2))
    campaign.outcome.kills += 1


def disk_full(campaign: Campaign) -> None:
    """Neither database nor journal can be written: what two workers have on their connections is in doubt, which is
    one message and the envelope of the next each."""
    campaign.advance(random.uniform(0.1, 0.4))
    campaign.outcome.may_double += 2 * 2 * CONNECTIONS
    campaign.crew.fill_disk(3)


def provider_silent(campaign: Campaign) -> None:
    """Longer than a lease, shorter than the timeouts of the provider: nothing is resent."""
    campaign.advance(random.uniform(0.1, 0.4))
    campaign.recorder.silent = True
    time.sleep(4)
    campaign.recorder.silent = False


def provider_hangs_up(campaign: Campaign) -> None:
    """Between the message and the reply to it; half of them were taken."""
    campaign.recorder.hang_up = 0.05
    campaign.advance(0.7)
    campaign.recorder.hang_up = 0.0
    campaign.outcome.may_double += len(campaign.recorder.doubtful)


def provider_puts_off(campaign: Campaign) -> None:
    """A tenth of the messages, while a worker is killed."""
    campaign.recorder.defer = 0.1
    campaign.advance(random.uniform(0.1, 0.4))
    _kill_worker(campaign)
    campaign.advance(0.3)
    campaign.recorder.defer = 0.0


def paused_and_resumed(campaign: Campaign) -> None:
    """Pausing while a worker dies; once paused nothing more arrives."""
    campaign.advance(random.uniform(0.1, 0.4))
    _kill_worker(campaign)
    pause_job(job_id=campaign.job_id)
    campaign.wait_until(lambda: campaign.state == JobState.PAUSED)
    arrived = campaign.recorder.total
    time.sleep(1)
    assert campaign.recorder.total == arrived, "messages arrived after the pause"
    resume_job(job_id=campaign.job_id)


def cancelled(campaign: Campaign) -> None:
    """While a worker dies: what is in doubt then stays unknown, since nothing is sent again."""
    campaign.advance(random.uniform(0.1, 0.4))
    _kill_worker(campaign)
    cancel_job(job_id=campaign.job_id)


def clock_moved(campaign: Campaign) -> None:
    """An hour ahead, so that every lease looks over, or back, so that a dead worker's would last an hour."""
    campaign.advance(random.uniform(0.1, 0.3))
    campaign.crew.move_clock(random.choice([3600, -3600]))
    campaign.outcome.may_double += 2 * WINDOW
    campaign.advance(random.uniform(0.1, 0.3))
    _kill_worker(campaign)


def worker_frozen(campaign: Campaign) -> None:
    """Past its lease: somebody takes over, and it wakes up among chunks that are not its own any more."""
    campaign.advance(random.uniform(0.1, 0.4))
    campaign.outcome.may_double += WINDOW
    campaign.crew.freeze_worker(4)


def _kill_worker(campaign: Campaign) -> None:
    campaign.crew.strike_worker(signal.SIGKILL)
    campaign.outcome.kills += 1
    campaign.outcome.may_double += CONNECTIONS


Fault = Callable[[Campaign], None]
_EVERYWHERE: tuple[Fault, ...] = (
    workers_killed, worker_asked_to_end, scheduler_killed, supervisor_killed, broker_killed, broker_away,
    provider_silent, provider_hangs_up, provider_puts_off, paused_and_resumed, cancelled, clock_moved, worker_frozen,
)  # fmt: skip


def faults_of(database: str) -> tuple[Fault, ...]:
    """All that can happen to an installation on this database."""
    return (*_EVERYWHERE, database_restarted if database == "postgres" else disk_full)
