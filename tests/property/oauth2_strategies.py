"""What the laws of OAuth 2 draw: answers that are nearly tokens, callbacks that are nearly right."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from property import strategies as draw

_NAMES = [
    "access_token",
    "refresh_token",
    "id_token",
    "token_type",
    "expires_in",
    "expires_at",
    "scope",
    "error",
    "error_description",
    "error_uri",
    "errors",
    "code",
    "message",
    "status",
    "type",
]
_VALUES = st.one_of(
    st.sampled_from(
        ["", "t", "Bearer", "3600", "-1", "0", "1e400", "\ud800", "a b", "a,b", "é", "\r\n", "nan"]
    ),
    st.sampled_from([0, 1, -1, 10**400, 1e400, float("nan"), True, False, None, 1.5, 2**63]),
    draw.json_values,
)
_objects = st.dictionaries(st.one_of(st.sampled_from(_NAMES), st.text(max_size=4)), _VALUES)
_PIECES = [
    *(f"{name}=".encode() for name in _NAMES[:9]),
    *(f'"{name}":'.encode() for name in _NAMES[:9]),
    b'{"access_token":"t","token_type":"Bearer",',
    b'"expires_in":1}',
    b"access_token=t&",
    b"cb(",
    b");",
    b'"\\ud800"',
    b"[",
    b"]",
    b"}",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"\xef\xbb\xbf",
    b"\xff",
    b"%ff",
    b"&",
    b"=",
    b",",
    b" ",
    b"<html>",
]
_dumped = _objects.map(lambda members: json.dumps(members).encode())
answers: st.SearchStrategy[bytes] = st.one_of(
    _dumped,
    _dumped.map(lambda body: b"cb(" + body + b");"),
    st.lists(st.sampled_from(_PIECES), max_size=8).map(b"".join),
    draw.answers,
)
statuses = st.one_of(st.just(200), st.integers(-1, 999))
nows = st.floats(0, 1e11)

_QUERIES = [
    "code=",
    "code=c",
    "state=s",
    "state=",
    "iss=https%3A%2F%2Fas",
    "error=",
    "error=access_denied",
    "error_description=a+b",
    "error_uri=%0d%0a",
    "&",
    "#",
    "?",
    "%",
    "%ff",
    "\ud800",
    "=",
    "http://[",
]
callbacks = st.tuples(
    st.sampled_from(["", "https://app.example/cb?", "https://app.example/cb?code=c&state=s&"]),
    st.one_of(st.lists(st.sampled_from(_QUERIES), max_size=8).map("".join), draw.wild_texts),
).map("".join)

# RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ); no comma, which some separate by.
scope_tokens = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\,'),
    min_size=1,
    max_size=8,
)
