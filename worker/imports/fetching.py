"""Brings the file of an import from a web address into its folder, up to the installation's limit."""

from __future__ import annotations

import re
import time
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

import httpx

from dashboard.audiences.models import ImportState
from dashboard.current import current_settings
from dashboard.outbound import Refused, checked_client
from worker.imports.leases import Work, claim
from worker.imports.outcomes import in_words
from worker.imports.reading import Unreadable

_SAVE_SECONDS: Final = 1.0
#: A server that drips for longer than this is not worth a worker.
LONGEST_SECONDS: Final = 3600.0
_PIECE: Final = 256 * 1024


def run_fetch(import_id: int) -> bool:
    """Fetch the file; True once all of it is there, so that the import can be looked at."""
    work = claim(import_id, ImportState.UPLOADING)
    if work is None or work.source != "url":
        return False
    fetched: list[bool] = []

    def fetch() -> bool:
        _fetch(work)
        fetched.append(True)
        return True

    in_words(work, fetch)
    return bool(fetched)


def _fetch(work: Work) -> None:
    url = str(work.options["url"])
    try:
        with checked_client() as client, client.stream("GET", url) as response:
            if not response.is_success:
                raise Unreadable("http", _status_words(response.status_code))
            announced = int(response.headers.get("Content-Length") or 0)
            _refuse_too_large(announced)
            work.save(size=announced, received=0, filename=_filename(response))
            _store(work, response)
    except Refused as refused:
        raise Unreadable("refused", refused.message) from None
    except httpx.TooManyRedirects:
        raise Unreadable("redirects", "The address redirects too often. Give the file's own address.") from None
    except httpx.TimeoutException:
        raise Unreadable("timeout", "The server of the address took too long to answer. Try again later.") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        words = f"The file could not be fetched: {error or type(error).__name__}. Check the address, then try again."
        raise Unreadable("fetch", words) from None


def _store(work: Work, response: httpx.Response) -> None:
    received = 0
    started = saved_at = time.monotonic()
    with work.files.data.open("wb") as file:
        for piece in response.iter_bytes(_PIECE):
            received += len(piece)
            _refuse_too_large(received)
            file.write(piece)
            now = time.monotonic()
            if now - saved_at > _SAVE_SECONDS:
                work.save(received=received)
                saved_at = now
            if now - started > LONGEST_SECONDS:
                raise Unreadable("timeout", "The server sent the file too slowly: it was given up after an hour.")
    work.save(received=received, size=received)


def _refuse_too_large(size: int) -> None:
    limit = current_settings().upload_limit
    if size > limit:
        raise Unreadable(
            "too_large",
            f"The file is larger than the limit of {limit // (1 << 20)} MiB. Split it, or ask an administrator to "
            "raise UPLOAD_LIMIT_MB.",
        )


def _status_words(status: int) -> str:
    if status in (401, 403):
        return f"The server refused access (HTTP {status}). Use an address that needs no sign-in."
    if status in (404, 410):
        return f"There is no file under this address (HTTP {status}). Check it for typing errors."
    return f"The server answered with HTTP {status} instead of the file. Try again later."


def _filename(response: httpx.Response) -> str:
    """From Content-Disposition, else the last part of the path."""
    header = response.headers.get("Content-Disposition", "")
    found = re.search(r"filename\*=(?:UTF-8'')?([^;]+)|filename=\"?([^\";]+)", header, re.IGNORECASE)
    name = unquote(found[1]) if found and found[1] else (found[2] if found else "")
    return (PurePosixPath(name or unquote(response.url.path)).name or "file")[:255]
