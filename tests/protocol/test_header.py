"""The Authorization header field: the cases that the vectors do not have (RFC 5849 §3.5.1)."""

from __future__ import annotations

from time import process_time

import pytest

from oauthkit.errors import RequestError
from oauthkit.protocol.oauth1 import build_authorization_header, parse_authorization_header

READ: dict[str, tuple[str | None, list[tuple[str, str]]]] = {
    "OAuth": (None, []),
    "OAuth ": (None, []),
    'OAuth realm="",oauth_a="1"': ("", [("oauth_a", "1")]),
    'oauth oauth_a=1,\toauth_b = "2" , ': (None, [("oauth_a", "1"), ("oauth_b", "2")]),
    'OAuth , ,oauth_a="1",,oauth_b="2",': (None, [("oauth_a", "1"), ("oauth_b", "2")]),
    'OAuth oauth_a="1,2 3=4"': (None, [("oauth_a", "1,2 3=4")]),
    'OAuth REALM="a, b=\\"c\\" \\\\", oauth_a="%2B+"': ('a, b="c" \\', [("oauth_a", "++")]),
    'OAuth oauth_a="%FF"': (None, [("oauth_a", "\ufffd")]),
    'OAuth oauth_a="1", oauth_a="2"': (None, [("oauth_a", "1"), ("oauth_a", "2")]),
    "OAuth oauth_a=": (None, [("oauth_a", "")]),
}


@pytest.mark.parametrize(("header", "expected"), READ.items())
def test_read(header: str, expected: tuple[str | None, list[tuple[str, str]]]) -> None:
    """RFC 5849 §3.5.1 with RFC 9110 §5.6: white space, empty elements, quoted pairs."""
    assert expected == parse_authorization_header(header)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "not an Authorization header of the OAuth scheme"),
        ('Bearer oauth_a="1"', "not an Authorization header of the OAuth scheme"),
        ("OAuth2 a=b", "not an Authorization header of the OAuth scheme"),
        ("OAuth oauth_a", "malformed OAuth header at character 6"),
        ('OAuth oauth_a="1" oauth_b="2"', "malformed OAuth header at character 6"),
        ('OAuth oauth_a="1", oauth_b="2', "malformed OAuth header at character 18"),
        ('OAuth oauth_a="1", ="2"', "malformed OAuth header at character 18"),
        ('OAuth oauth_a="1\\"', "malformed OAuth header at character 6"),
    ],
)
def test_malformed(header: str, reason: str) -> None:
    """RFC 5849 §3.5.1: the error says where, and shows nothing of the header."""
    with pytest.raises(RequestError, match=f"^{reason}$"):
        parse_authorization_header(header)


@pytest.mark.parametrize(
    ("start", "repeated"),
    [("", 'a="'), ("a=", " "), ("a", " "), ('a="', "\\"), ("", ", "), ("", "a"), ("a=", "b ")],
)
def test_reading_takes_linear_time(start: str, repeated: str) -> None:
    """A header made to be read for ever is read at once: no part of the pattern backtracks."""
    header = f'OAuth {start}{repeated * 99_999}"'
    began = process_time()
    with pytest.raises(RequestError, match="malformed"):
        parse_authorization_header(header)
    assert process_time() - began < 1.0  # with backtracking, several seconds


@pytest.mark.parametrize("realm", ["a\r\nX: b", "\x00", "\x7f", "é", "\u2028"])
def test_realm_that_no_header_holds(realm: str) -> None:
    """RFC 9110 §5.5: no control characters, so that no realm can begin another field."""
    with pytest.raises(RequestError, match="printable ASCII"):
        build_authorization_header([], realm)
