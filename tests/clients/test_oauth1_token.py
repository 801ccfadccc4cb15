"""``client.token`` and ``client.redirect_uri``: what may be put there, and what is read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from clients.example import CALLBACK
from oauthkit import AsyncOAuth1Client, ConfigurationError, CredentialsError, Token

# Not a word of it may be in an error.
SECRET = "s3cr3t-4711"

TOKENS: dict[str, tuple[Any, str]] = {
    "text": ("abc", "expected a mapping with oauth_token and oauth_token_secret, got str"),
    "a number": (5, "got int"),
    "pairs": ([("oauth_token", "t")], "got list"),
    "an object": (SimpleNamespace(oauth_token="t"), "got SimpleNamespace"),
    "empty": ({}, "missing   oauth_token"),
    "without a secret": ({"oauth_token": "t"}, "missing   oauth_token_secret"),
    "without a token": ({"oauth_token_secret": "t"}, "missing   oauth_token "),
    "none": ({"oauth_token": None, "oauth_token_secret": "s"}, "missing   oauth_token "),
    "octets": ({"oauth_token": b"t", "oauth_token_secret": "s"}, "expected text, got bytes"),
    "an empty token": ({"oauth_token": "", "oauth_token_secret": "s"}, "it is empty"),
    "a secret number": ({"oauth_token": "t", "oauth_secret": 1}, "expected text, got int"),
    "a name that is none": ({1: 2, "oauth_token": "t", "oauth_secret": "s"}, "is no text"),
    "an OAuth 2 token": ({"access_token": SECRET}, "missing   oauth_token"),
}


@pytest.mark.parametrize("what", TOKENS)
def test_tokens(what: str) -> None:
    """A token that is none is refused where it is set; the one before stays."""
    members, said = TOKENS[what]
    kept = {"oauth_token": "kept", "oauth_token_secret": "kept"}
    client = AsyncOAuth1Client(None, "id", "secret")
    client.token = kept
    with pytest.raises(CredentialsError) as caught:
        client.token = members
    assert said in str(caught.value)
    assert "4711" not in str(caught.value)
    assert kept == client.token


def test_token_is_a_read_only_mapping() -> None:
    """It is read under the wire names, keeps what else came, and hides it."""
    client = AsyncOAuth1Client(None, "id", "secret", "t-4711", "s-4711")
    assert {"oauth_token": "t-4711", "oauth_token_secret": "s-4711"} == client.token
    client.token = {"oauth_token": "t2", "oauth_token_secret": "", "user_id": "7", SECRET: SECRET}
    token = client.token
    assert isinstance(token, Token)
    writable: Any = token
    assert "Token(oauth_token=***, oauth_token_secret=***, user_id='7', ***=***)" == repr(token)
    with pytest.raises(TypeError):
        writable["oauth_token"] = "x"
    client.token = token
    assert token == client.token
    client.token = None
    assert client.token is None


def test_redirect_uri() -> None:
    """It may be set again, and is checked as at the start."""
    client = AsyncOAuth1Client(None, "id", "secret", redirect_uri=CALLBACK)
    for value in ("oob", "com.example.app:/cb", "http://127.0.0.1:8080/cb?a=b", None):
        client.redirect_uri = value
        assert value == client.redirect_uri
    client.redirect_uri = CALLBACK
    with pytest.raises(ConfigurationError, match="redirect_uri: expected an absolute URI"):
        client.redirect_uri = "callback"
    assert CALLBACK == client.redirect_uri
