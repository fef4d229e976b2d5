"""Static files by content: hashed addresses that browsers keep for a year, and compressed answers."""

import gzip
import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from flask import Flask, Response, current_app, request, url_for

_COMPRESSED: Final = frozenset({".css", ".js", ".svg", ".json", ".txt"})
SPRITE: Final = "vendor/icons.svg"
_FOREVER: Final = "public, max-age=31536000, immutable"


def _file(path: str) -> Path:
    folder = current_app.static_folder
    if folder is None:
        raise RuntimeError("the application has no static folder")
    return Path(folder) / path


@lru_cache(maxsize=512)
def _fingerprint(path: Path, _modified_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def fingerprint(path: str) -> str:
    """Return the content hash of a static file; FileNotFoundError where it is missing, so that a typo is loud."""
    file = _file(path)
    return _fingerprint(file, file.stat().st_mtime_ns)


def static_url(path: str) -> str:
    """Return the address of a file under static/ with its content hash, e.g. /static/css/app.css?v=1f0c…"""
    return url_for("static", filename=path, v=fingerprint(path))


@lru_cache(maxsize=4)
def _icon_names(path: Path, _modified_ns: int) -> frozenset[str]:
    return frozenset(re.findall(r'<symbol id="([^"]+)"', path.read_text()))


def icon_names() -> frozenset[str]:
    """Return the names of the icons in the sprite."""
    file = _file(SPRITE)
    return _icon_names(file, file.stat().st_mtime_ns)


def icon_url(name: str) -> str:
    """Return the address of an icon for ``<use href>``.

    Under test a name that the sprite lacks raises LookupError; in production it would only be a gap in a page,
    which must not turn into an error page.
    """
    if current_app.testing and name not in icon_names():
        raise LookupError(f"no icon {name!r} in static/{SPRITE}: add it to tools/vendor/icons.txt, run make vendor")
    return f"{static_url(SPRITE)}#{name}"


@lru_cache(maxsize=128)
def _gzipped(path: Path, _modified_ns: int) -> bytes:
    return gzip.compress(path.read_bytes(), compresslevel=9, mtime=0)


def _finish(response: Response) -> Response:
    """Set caching on an answer of the static route, and compress texts once per content."""
    if request.endpoint != "static" or response.status_code not in (200, 304):
        return response
    name = str((request.view_args or {}).get("filename", ""))
    file = _file(name)
    if not file.is_file():
        return response
    known = request.args.get("v") == fingerprint(name)
    response.headers["Cache-Control"] = _FOREVER if known else "no-cache"
    if file.suffix in _COMPRESSED:
        response.vary.add("Accept-Encoding")
        ranged = "Range" in request.headers
        if response.status_code == 200 and not ranged and request.accept_encodings["gzip"] > 0:
            response.direct_passthrough = False
            response.set_data(_gzipped(file, file.stat().st_mtime_ns))
            response.headers["Content-Encoding"] = "gzip"
    return response


def init_app(app: Flask) -> None:
    """Make ``static_url`` and ``icon_url`` known to templates and finish every answer of the static route."""
    app.jinja_env.globals["static_url"] = static_url
    app.jinja_env.globals["icon_url"] = icon_url
    app.after_request(_finish)
