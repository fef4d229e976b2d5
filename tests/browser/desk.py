"""One running installation for all browser tests: its address, its database, its people."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask, session

from dashboard import create_app
from dashboard.accounts.models import Role, User
from dashboard.accounts.sessions import begin_session, remember_second_step
from dashboard.accounts.two_factor import begin_set_up
from dashboard.extensions import db, transaction
from dashboard.jobs.models import ENDED_JOB_STATES, Job
from tests.conftest import settings_for
from tests.factories.users import new_user
from tests.installations import Installation, until

SECRET = "supervised " * 4


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of this desk and the cookie of their session."""

    id: int
    username: str
    cookie: str


class Desk:
    """The installation under test, and an application of this process on the same data and the same broker."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.address = installation.address
        settings = settings_for(installation.folder / "var", redis_url="", secret_key=SECRET, public_url=self.address)
        self.app: Flask = create_app(settings)

    @contextmanager
    def data(self) -> Iterator[None]:
        """Services and models of this desk: what is enqueued here is done by its workers."""
        with self.app.app_context():
            try:
                yield
            finally:
                db.session.rollback()
                db.session.remove()

    def person(self, role: Role = Role.ADMIN, begin: Callable[[User], None] = begin_session, **values: Any) -> Person:
        """Somebody new (password `correct horse`) and the session that `begin` makes; signed in unless told otherwise.

        `values` are columns of the user.
        """
        username = f"{role.value}-{secrets.token_hex(4)}"
        with self.data():
            with transaction():
                user = new_user(role, username, **values)
                db.session.add(user)
            return Person(user.id, user.username, self._cookie_of(user, begin))

    def halfway(self) -> Person:
        """Somebody with a second factor who has given the password and not yet the code."""
        return self.person(Role.VIEWER, lambda user: remember_second_step(user, None), totp_enabled=True)

    def beginning(self) -> Person:
        """Somebody in the middle of setting up a second factor."""
        person = self.person(Role.VIEWER)
        with self.data():
            begin_set_up(user_id=person.id)
        return person

    def _cookie_of(self, user: User, begin: Callable[[User], None]) -> str:
        with self.app.test_request_context():
            begin(user)
            serializer = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined]
            return str(serializer.dumps(dict(session)))

    def await_job(self, job_id: int, seconds: float = 180) -> None:
        """Wait until a job has ended."""

        def ended() -> bool:
            with self.data():
                job = db.session.get(Job, job_id)
                return job is not None and job.state in ENDED_JOB_STATES

        until(ended, seconds, f"job {job_id} does not end")

    def await_demonstration(self, seconds: float = 240) -> None:
        """Wait until the demonstration campaign has run."""
        finished = "SELECT count(*) FROM jobs WHERE kind = 'campaign' AND state = 'finished'"
        deadline = time.monotonic() + seconds
        while not self.installation.rows(finished)[0][0]:
            assert time.monotonic() < deadline, f"the demonstration did not finish: {self.installation.words()[-2000:]}"
            time.sleep(0.2)

    def close(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
