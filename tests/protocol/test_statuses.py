"""What Retry-After says (RFC 9110 §10.2.3), and which statuses say that asking again may help."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from oauthkit.protocol.statuses import RETRY_STATUSES, UNSPENT_STATUSES, parse_retry_after

NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 §5.6.7


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *[("120", 120.0), ("0", 0.0), (" 7 ", 7.0), ("007", 7.0), ("9" * 40, 999_999_999.0)],
        *[("Sun, 06 Nov 1994 08:49:37 GMT", 0.0), ("Sun, 06 Nov 1994 08:50:00 GMT", 23.0)],
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        (formatdate(NOW + 3600, usegmt=True), 3600.0),
    ],
)
def test_what_is_said(value: str, seconds: float) -> None:
    """Seconds, or a date; one that is over is now."""
    assert seconds == parse_retry_after(value, now=NOW)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be set here")
@pytest.mark.parametrize("value", ["Sunday, 06-Nov-94 08:49:47 GMT", "Sun Nov  6 08:49:47 1994"])
@pytest.mark.parametrize("zone", ["UTC", "EST5"])
def test_obsolete_dates(value: str, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They mean UTC, wherever they are read (RFC 9110 §5.6.7)."""
    monkeypatch.setenv("TZ", zone)
    try:
        time.tzset()
        assert 10.0 == parse_retry_after(value, now=NOW)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "value",
    [
        *[None, "", " ", "soon", "-1", "+1", "1.5", "1e3", "1 2", "٣", "²", "0x10", "nan", "inf"],
        *["Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994", ",", "GMT", "1;2"],
    ],
)
def test_what_says_nothing(value: str | None) -> None:
    """It is as if the field were not there."""
    assert parse_retry_after(value, now=NOW) is None


def test_statuses() -> None:
    """What says that a refresh token was not used is a reason to send it again."""
    assert (408, 429, 500, 502, 503, 504) == RETRY_STATUSES
    assert {408, 429, 503} == set(UNSPENT_STATUSES)
