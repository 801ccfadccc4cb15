"""RFC 6749 §4.1.2 and §5: whatever a server sends gives a token or an error of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oauthkit.errors import CallbackError, ConfigurationError, OAuthError, OAuthKitError
from oauthkit.protocol.authorization_request import AuthorizationRequest
from oauthkit.protocol.responses import (
    parse_authorization_response,
    parse_error,
    parse_token_response,
    read_object,
)
from oauthkit.protocol.token import Token, oauth2_token
from property import oauth2_strategies as oauth2
from property import strategies as draw

proves_any_answer = pytest.mark.proves(
    "OAuth 2",
    "any answer gives a token or an error of ours",
    rfc="RFC 6749 §4.1.2, §5",
    judge="none but ours",
)

P = ParamSpec("P")
T = TypeVar("T")


def _attempt(parse: Callable[P, T], *args: P.args, **options: P.kwargs) -> T | OAuthKitError:
    """Return what *parse* returns, or the error of ours; any other one fails the law."""
    try:
        return parse(*args, **options)
    except OAuthKitError as error:
        return error


def _can_be_shown(error: OAuthKitError) -> bool:
    """Tell whether a log or a terminal takes the error: one line of UTF-8."""
    text = f"{error}{error!r}"
    return f"{error}".isprintable() and text == text.encode(errors="replace").decode()


@proves_any_answer
@given(st.one_of(oauth2.answers, draw.wild_texts), oauth2.statuses, oauth2.nows)
@example(b'{"access_token":"t","expires_in":1' + b"0" * 400 + b"}", 200, 0.0)
@example(b'{"access_token":"\\ud800"}', 200, 0.0)
@example(b'{"access_token":"t","\\ud800":["\\udfff"]}', 200, 0.0)
@example('{"access_token":"t\ud800"}', 200, 0.0)
@example(b'{"error":' * 100_000, 200, 0.0)
def test_token_response(body: bytes | str, status: int, now: float) -> None:
    """§5.1 and §5.2: a token that can be sent, kept and renewed, or OAuthError, bounded."""
    found = _attempt(parse_token_response, status, body, now=now)
    if isinstance(found, OAuthKitError):
        assert type(found) is OAuthError
        assert status == found.status
        assert found.error
        assert len(str(found)) < 2500
        assert _can_be_shown(found)
        assert (found.shape is not None) == (found.length is not None)
        return
    assert 200 <= status < 300
    assert all(" " <= character <= "~" for character in found["access_token"])
    assert isinstance(found["token_type"], str)
    for name in ("refresh_token", "id_token", "scope"):
        assert isinstance(found.get(name, "x"), str)
        assert found.get(name, "x")
    assert ("expires_in" in found) == ("expires_at" in found)
    if "expires_in" in found:
        assert 0 < found["expires_in"] < 1e12
        assert found["expires_at"] >= now
    assert None not in found.values()
    # A store holds it: as JSON, as UTF-8; and it is read back as what it was.
    again = json.loads(json.dumps(found, ensure_ascii=False).encode())
    assert Token(found) == oauth2_token(Token(again), whose="x", now=now)
    assert hash(Token(found)) == hash(Token(again))


@proves_any_answer
@given(st.one_of(oauth2.answers, draw.wild_texts))
def test_refusal(body: bytes | str) -> None:
    """§5.2: a code with or without texts, or nothing; each bounded and printable."""
    error, told, uri = parse_error(read_object(body))
    assert error is not None or (told, uri) == (None, None)
    for text, limit in ((error, 202), (told, 1002), (uri, 1002)):
        assert text is None or (0 < len(text) <= limit and text.isprintable())


@proves_any_answer
@given(
    oauth2.callbacks,
    st.sampled_from([None, "s", ""]),
    st.sampled_from([None, "https://as"]),
    st.booleans(),
)
def test_callback(url: str, state: str | None, issuer: str | None, required: bool) -> None:
    """§4.1.2: a code that belongs here, or CallbackError."""
    found = _attempt(
        parse_authorization_response, url, state=state, issuer=issuer, iss_required=required
    )
    if isinstance(found, OAuthKitError):
        assert type(found) is CallbackError
        assert found.error
        assert _can_be_shown(found)
        return
    assert found["code"]
    assert "error" not in found or not found["error"]
    assert state is None or state == found["state"]
    assert issuer is None or issuer == found.get("iss", None if required else issuer)
    assert "".join(found).encode()


@given(oauth2.nows, st.dictionaries(st.sampled_from(["access_token", "refresh_token"]), st.text()))
@example(0.0, {"access_token": "t\ud800"})
def test_kept_token(now: float, members: dict[str, str]) -> None:
    """What somebody kept is a token, or CredentialsError without its values."""
    found = _attempt(oauth2_token, members, whose="x", now=now)
    if isinstance(found, OAuthKitError):
        assert isinstance(found, ConfigurationError)
        assert _can_be_shown(found) or "\n" in str(found)


@given(
    st.one_of(
        oauth2.answers,
        draw.wild_texts,
        st.dictionaries(st.sampled_from(["url", "state", "nonce"]), st.text()).map(json.dumps),
    )
)
def test_kept_request(text: bytes | str) -> None:
    """Whatever lay in a session is an AuthorizationRequest that goes there again, or an error."""
    found = _attempt(AuthorizationRequest.from_json, text)
    if isinstance(found, OAuthKitError):
        assert isinstance(found, ConfigurationError)
    else:
        assert found == AuthorizationRequest.from_json(found.to_json())
