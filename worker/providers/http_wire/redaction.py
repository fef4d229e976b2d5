"""Takes credentials out of texts that people will read."""

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

_MARK = "•••"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_NAMED = re.compile(
    r"(?i)((?:^|[?&\s\"'])(?:user_?name|user_?id|pass_?word|passwd|pwd|pin|api_?key|api_?secret|auth_?key|access_?token"
    r"|token|secret|signature)=)[^&\s\"'<>]+"
)
_SHORTEST = 4  # shorter secrets would blank out half of every text
_LONGEST_DETAIL = 500


class Redactor:
    """Knows the secrets of one provider in the spellings in which they can come back: plain, quoted, in a form."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {str(secret) for secret in secrets if len(str(secret)) >= _SHORTEST}
        spellings = {spelling for secret in known for spelling in (secret, quote(secret, safe=""), quote_plus(secret))}
        self._spellings = sorted(spellings, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """One line of at most 500 characters with nothing in it that would open an account."""
        for spelling in self._spellings:
            text = text.replace(spelling, _MARK)
        text = _NAMED.sub(rf"\1{_MARK}", text)
        return _CONTROL.sub(" ", text).strip()[:_LONGEST_DETAIL]
