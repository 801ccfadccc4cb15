"""RFC 5849 §2 and §3.5: whatever a server sends gives values or an error of ours, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oauthkit.errors import CallbackError, OAuthError, OAuthKitError, RequestError
from oauthkit.protocol.oauth1 import (
    Placement,
    SignedRequest,
    base_string_uri,
    parse_authorization_header,
    parse_authorization_response,
    parse_refusal,
    parse_token_response,
    percent_encode,
    sign_request,
)
from oauthkit.protocol.shape import describe_shape
from property import strategies as draw


def _is_printable(text: str) -> bool:
    """Tell whether a log or a terminal takes *text*: UTF-8 holds it."""
    return text == text.encode(errors="replace").decode()


P = ParamSpec("P")
T = TypeVar("T")


def _attempt(parse: Callable[P, T], *args: P.args, **options: P.kwargs) -> T | OAuthKitError:
    """Return what *parse* returns, or the error of ours; any other one fails the law."""
    try:
        return parse(*args, **options)
    except OAuthKitError as error:
        return error


@given(st.one_of(draw.answers, draw.wild_texts))
@example(b'{"oauth_token": "\\ud800", "oauth_token_secret": "s"}')
@example(b'{"oauth_token": 1, "oauth_token_secret": "s"}')
@example(b"oauth_token=%FF&oauth_token_secret=s")
@example("oauth_token=\ud800&oauth_token_secret=s")
@example(b'{"a":' * 100_000)
def test_token_response(body: bytes | str) -> None:
    """§2.1 and §2.3: two credentials that can be signed with, or OAuthError."""
    found = _attempt(parse_token_response, body)
    if isinstance(found, OAuthKitError):
        assert isinstance(found, OAuthError)
        assert "invalid_response" == found.error
        assert _is_printable(f"{found} {found!r}")
    else:
        assert found["oauth_token"]
        assert all(map(_is_printable, [*found, *found.values()]))
        percent_encode(found["oauth_token"] + found["oauth_token_secret"])


@given(draw.wild_texts, st.sampled_from(["", "https://cb/?", "?oauth_token=t&", "http://[::1/?"]))
def test_callback(rest: str, start: str) -> None:
    """§2.2: a token, or CallbackError; a URL that cannot be parsed is one without a token."""
    found = _attempt(parse_authorization_response, start + rest)
    if isinstance(found, OAuthKitError):
        assert isinstance(found, CallbackError)
        assert found.error
        assert _is_printable(f"{found} {found!r} {found.error}")
    else:
        assert found["oauth_token"]
        assert all(map(_is_printable, [*found, *found.values()]))


@given(st.one_of(draw.answers, draw.wild_texts), draw.wild_texts)
@example(b'{"errors": []}', "")
@example(b'{"errors": [null], "error": {"code": []}}', "")
@example(b'{"error": true, "message": "m"}', "")
@example(b"", 'OAuth oauth_problem="\udcff"')
def test_refusal(body: bytes | str, challenge: str) -> None:
    """§3.2 leaves the form open: a code with or without a text, or nothing; bounded, printable."""
    code, description = parse_refusal(body, challenge)
    assert code is None or 0 < len(code) <= 210
    assert description is None or (code is not None and 0 < len(description) <= 1010)
    shown = f"{code} {description}"
    assert shown.isprintable()
    assert _is_printable(shown)


@given(draw.wild_texts, st.sampled_from(["", "OAuth ", 'OAuth realm="', "oauth a=b,"]))
def test_header(rest: str, start: str) -> None:
    """§3.5.1: pairs, or RequestError."""
    found = _attempt(parse_authorization_header, start + rest)
    if isinstance(found, OAuthKitError):
        assert isinstance(found, RequestError)
        assert _is_printable(str(found))
    else:
        assert all(_is_printable(name + value) for name, value in found[1])


@given(st.one_of(draw.answers, draw.wild_texts))
def test_shape(body: bytes | str) -> None:
    """The description of an answer that is none: one line, bounded, printable."""
    shape = describe_shape(body)
    assert 0 < len(shape) < 800
    assert shape.isprintable()
    assert _is_printable(shape)


@given(
    st.sampled_from(["client_id", "client_secret", "token", "token_secret", "nonce", "callback"]),
    st.sampled_from(["\ud800", "a\udfff"]),
)
def test_lone_surrogates(field: str, value: str) -> None:
    """§3.6: text that UTF-8 cannot hold is refused by name; the error keeps nothing of it."""
    options: dict[str, str] = {"client_id": "c", field: value}
    with pytest.raises(RequestError, match="lone surrogate") as caught:
        sign_request("GET", "https://h/", **options)  # type: ignore[arg-type]
    assert caught.value.__context__ is None


@given(draw.wild_texts, st.sampled_from(["", "https://", "https://h/"]), st.booleans())
def test_urls(text: str, start: str, in_query: bool) -> None:
    """§3.4.1.2: a URL that cannot be signed gives RequestError, a ValueError."""
    url = start + text
    placement: Placement = "query" if in_query else "header"
    found = _attempt(sign_request, "GET", url, client_id="c", placement=placement)
    assert isinstance(found, (SignedRequest, RequestError))
    base = _attempt(base_string_uri, url)
    assert isinstance(base, (str, RequestError))
