"""RFC 9110 §10.2.3: whatever a server writes into Retry-After, it is a time to wait, or nothing."""

from __future__ import annotations

from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from oauthkit.protocol.statuses import parse_retry_after

_DAYS = ["Sun,", "Sunday,", "Sun", "", "x"]
_PARTS = [*_DAYS, "06", "99", "0", "Nov", "nov", "1994", "94", "9999", "99999999999999999999"]
_TIMES = ["08:49:37", "08:49", "24:00:00", "08.49.37", ":", "GMT", "+0000", "-0000", "+9999", "-9"]
_likely = st.lists(st.sampled_from([*_PARTS, *_TIMES, "06-Nov-94", "T"]), max_size=8)
_texts = st.text() | st.text("0123456789") | _likely.map(" ".join)
_times = st.floats(0, 2.6e11)


@given(_texts, _times)
def test_any_text(text: str, now: float) -> None:
    """None, or a number of seconds that can be waited."""
    seconds = parse_retry_after(text, now=now)
    assert seconds is None or 0 <= seconds < 1e12


@given(st.integers(0, 4_102_444_800), st.integers(0, 4_102_444_800))
def test_any_date(date: int, now: int) -> None:
    """It is waited for until then, as email.utils writes it."""
    seconds = parse_retry_after(formatdate(date, usegmt=True), now=float(now))
    assert max(0, date - now) == seconds
