"""Search terms that hold an address go into the URL as a token (GOV.UK Notify does the same for recipients).

The token is a keyed hash of the term, so the same term gives the same link, which a colleague may open for seven
days after its last use.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from dashboard.crypto import CannotDecrypt, decrypt, encrypt, keyed_hash
from dashboard.current import current_settings
from dashboard.extensions import db, transaction, utc_now
from dashboard.search.models import SearchTerm

KEPT = timedelta(days=7)


def remember(term: str) -> str:
    """The token for a term (trimmed, lower case), kept for seven days; an empty term gives an empty token."""
    term = term.strip().lower()
    if not term:
        return ""
    key = current_settings().key
    token = keyed_hash(key, "search", term)[:32]
    with transaction():
        db.session.execute(delete(SearchTerm).where(SearchTerm.used_at < utc_now() - KEPT))
        row = db.session.get(SearchTerm, token)
        if row is None:
            db.session.add(SearchTerm(token=token, term=encrypt(key, {"term": term})))
        else:
            row.used_at = utc_now()
    return token


def recall(token: str) -> str | None:
    """The term behind a token, or None where it is unknown or too old."""
    row = db.session.get(SearchTerm, token) if token else None
    if row is None or row.used_at < utc_now() - KEPT:
        return None
    try:
        return str(decrypt(current_settings().key, row.term)["term"])
    except CannotDecrypt:
        return None
