"""A token: a read-only mapping under the wire names that hides what it holds."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from oauthkit import CredentialsError, Token
from oauthkit.protocol.token import oauth1_token

MEMBERS = {"oauth_token": "t-4711", "oauth_token_secret": "s-4711", "screen_name": "alice"}


def test_mapping() -> None:
    """It reads as the mapping that it was made of, in its order, and JSON takes it as a dict."""
    token = Token(MEMBERS)
    assert list(MEMBERS) == list(token)
    assert 3 == len(token)
    assert "alice" == token["screen_name"]
    assert token.get("expires_in") is None
    assert MEMBERS == json.loads(json.dumps(dict(token)))
    with pytest.raises(KeyError):
        _ = token["access_token"]


def test_keeps_what_it_was_made_of() -> None:
    """The mapping that it was made of may change; the token does not."""
    members = dict(MEMBERS)
    token = Token(members)
    members["oauth_token"] = "other"
    assert MEMBERS == token


def test_equality() -> None:
    """Tokens are equal by their members, to one another and to a mapping, and to nothing else."""
    token = Token(MEMBERS)
    same = Token(dict(reversed(MEMBERS.items())))
    assert same == token
    assert hash(same) == hash(token)
    assert MEMBERS == token
    assert Token({**MEMBERS, "screen_name": "bob"}) != token
    assert list(MEMBERS.items()) != token
    # A value that cannot be hashed does not keep the token from it.
    assert isinstance(hash(Token({"scopes": ["a"]})), int)


def test_repr() -> None:
    """Names are shown, and values that are no secret; a name that may be one is not."""
    token = Token({**MEMBERS, "expires_in": 60, "x4711": "y", "a" * 41: 1, "new\nline": "z"})
    assert (
        "Token(oauth_token=***, oauth_token_secret=***, screen_name='alice', expires_in=60, "
        "***=***, ***=***, ***=***)" == repr(token)
    )
    assert repr(token) == str(token)
    assert "Token()" == repr(Token())


def test_copies() -> None:
    """It can be pickled and copied, and stays the same."""
    token = Token(MEMBERS)
    pickled = pickle.loads(pickle.dumps(token))  # noqa: S301 - its own
    for other in (pickled, copy.copy(token), copy.deepcopy(token)):
        assert token == other
        assert type(token) is type(other)


def test_both_spellings() -> None:
    """``oauth_secret`` is read as ``oauth_token_secret``, which goes first where both are there."""
    read = oauth1_token({"oauth_token": "t", "oauth_secret": "s"}, whose="example")
    assert {"oauth_token": "t", "oauth_token_secret": "s"} == read
    both = {"oauth_token": "t", "oauth_secret": "old", "oauth_token_secret": "s"}
    assert {"oauth_token": "t", "oauth_token_secret": "s"} == oauth1_token(both, whose="example")


def test_faults() -> None:
    """All that is wrong is named at once, and whose token it is."""
    with pytest.raises(CredentialsError) as caught:
        oauth1_token({"oauth_token_secret": 4711}, whose="example")
    error = caught.value
    assert ("oauth_token",) == error.missing
    assert ("oauth_token_secret",) == error.invalid
    assert ("example", "token") == (error.provider, error.source)
    assert "4711" not in str(error)
