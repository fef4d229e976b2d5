"""Finds the resources: every module in `dashboard.api.resources` brings its blueprint as `api`."""

from __future__ import annotations

import json
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final

from flask import request
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from dashboard.api import resources
from dashboard.api.errors import ErrorBody, validation_answer
from dashboard.api.resource import PREFIX

_ABOUT: Final = (
    "Send email, SMS and push messages, and keep what they are made of. Every request carries an API key as bearer"
    " token. Every error has the same five fields. A write may carry an Idempotency-Key: the same key with the same"
    " body gets the same answer for 24 hours. Lists are read with a cursor: pass the field next of one page as after."
)
OPTIONS: Final[dict[str, Any]] = {
    "info": Info(title="Carillon API", version="1", description=_ABOUT),
    "security_schemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key from /api-keys"}},
    "validation_error_status": 422,
    "validation_error_model": ErrorBody,
    "validation_error_callback": validation_answer,
    "doc_ui": False,
}


def init_app(app: OpenAPI) -> None:
    """Register every resource, and what templates need for calls to copy."""
    for module in sorted(iter_modules(resources.__path__), key=lambda found: found.name):
        app.register_api(import_module(f"{resources.__name__}.{module.name}").api)
    app.jinja_env.globals["api_url"] = lambda path: f"{request.host_url.rstrip('/')}{PREFIX}{path}"
    app.jinja_env.filters["json_text"] = lambda value: json.dumps(value, ensure_ascii=False)
