from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.conftest import settings_for
from worker.processes import Lane, lanes, worker_process
from worker.queues import Queue


def test_every_queue_is_served_by_exactly_one_lane(tmp_path: Path) -> None:
    served = Counter(queue for lane in lanes(settings_for(tmp_path)) for queue in lane.queues)
    assert served == Counter(Queue)


def test_codes_and_transactional_messages_have_processes_of_their_own(tmp_path: Path) -> None:
    by_name = {lane.name: lane.queues for lane in lanes(settings_for(tmp_path))}
    assert by_name["otp"] == (Queue.OTP,)
    assert by_name["transactional"] == (Queue.TRANSACTIONAL,)
    assert by_name["bulk"] == (Queue.BULK,)


def test_campaign_workers_follow_the_setting(tmp_path: Path) -> None:
    bulk = next(lane for lane in lanes(settings_for(tmp_path, bulk_processes=3)) if lane.name == "bulk")
    arguments = worker_process(bulk).arguments
    assert arguments[arguments.index("--processes") + 1] == "3"
    assert arguments[arguments.index("--threads") + 1] == "1"


def test_only_lanes_that_nobody_waits_for_give_way(tmp_path: Path) -> None:
    niceness = {lane.name: worker_process(lane).niceness for lane in lanes(settings_for(tmp_path))}
    assert niceness == {"otp": 0, "transactional": 0, "bulk": 5, "background": 5}


def test_a_lane_shared_with_codes_keeps_its_priority() -> None:
    assert worker_process(Lane("all", tuple(Queue), 1, 1)).niceness == 0
