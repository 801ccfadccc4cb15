"""HTTP statuses of token endpoints that say whether and when to ask again (RFC 9110 §15)."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["RETRY_STATUSES", "UNSPENT_STATUSES", "parse_retry_after"]

RETRY_STATUSES = (408, 429, 500, 502, 503, 504)
"""The HTTP statuses after which a request is sent again, where that is safe."""
UNSPENT_STATUSES = (408, 429, 503)
"""The HTTP statuses that say that a refresh token was not used."""


def parse_retry_after(value: str | None, *, now: float) -> float | None:
    """
    Return how many seconds to wait, at least (RFC 9110 §10.2.3); None for what says nothing.

    *value* is the field's: seconds, or a date, which is compared with *now* (seconds since the
    epoch).
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
        # A date without a zone is as old as C's asctime(), and means UTC (RFC 9110 §5.6.7).
        utc = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        return max(0.0, utc.timestamp() - now)
    except (ValueError, OverflowError):
        return None
