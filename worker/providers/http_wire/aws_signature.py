"""AWS Signature Version 4: a request signed with a key that is derived for the day, the region and the service."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlsplit

from worker.providers.http_wire.calls import Call

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key and what it is used for."""

    access_key: str
    secret_key: str
    region: str
    service: str


def signed(call: Call, credentials: Credentials, now: datetime) -> Call:
    """The call with its Authorization; `now` is in UTC and may be off by five minutes at most."""
    parts = urlsplit(call.url)
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {
        **{name.lower(): " ".join(value.split()) for name, value in call.headers.items()},
        "host": parts.netloc,
        "x-amz-date": moment,
    }
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        (
            call.method,
            quote(parts.path or "/", safe="/-_.~%"),
            _canonical_query(parts.query),
            _canonical_headers(headers),
            names,
            hashlib.sha256(call.content).hexdigest(),
        )
    )
    scope = f"{moment[:8]}/{credentials.region}/{credentials.service}/aws4_request"
    to_sign = "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signature = _digest(_key(credentials, moment[:8]), to_sign).hex()
    authorization = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return replace(call, headers={**call.headers, "X-Amz-Date": moment, "Authorization": authorization})


def _canonical_headers(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))


def _canonical_query(query: str) -> str:
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(query, keep_blank_values=True)
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


def _key(credentials: Credentials, day: str) -> bytes:
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (day, credentials.region, credentials.service, "aws4_request"):
        key = _digest(key, part)
    return key


def _digest(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
