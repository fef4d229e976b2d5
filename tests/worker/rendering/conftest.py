"""Property tests here have no time limit per example: two cores are shared by the whole suite."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("rendering", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rendering")
