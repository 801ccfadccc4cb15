"""One value for every kind of token: a mapping under the wire names that shows no secret."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauthkit.errors import CredentialsError
from oauthkit.protocol.token import Token, oauth1_token

MEMBERS = {"oauth_token": "hh5s93j4", "oauth_token_secret": "hdhd0244", "screen_name": "jane"}


def test_mapping() -> None:
    """The members, in the order in which they came, and nothing else; JSON takes ``dict(token)``."""
    token = Token(MEMBERS)
    assert list(MEMBERS.items()) == list(token.items())
    assert 3 == len(token)
    assert "jane" == token["screen_name"]
    assert MEMBERS == json.loads(json.dumps(dict(token)))
    with pytest.raises(KeyError):
        token["access_token"]
    assert {} == Token()


def test_read_only() -> None:
    """What is put into the mapping that was given does not change the token."""
    members = dict(MEMBERS)
    token = Token(members)
    members["oauth_token"] = "another"
    assert "hh5s93j4" == token["oauth_token"]
    with pytest.raises(TypeError):
        cast("dict[str, Any]", token)["oauth_token"] = "another"


def test_equality() -> None:
    """Equal to a token or a mapping of the same members, in any order; to nothing else."""
    token = Token(MEMBERS)
    assert Token(dict(reversed(MEMBERS.items()))) == token
    assert MEMBERS == token
    assert {**MEMBERS, "x": 1} != token
    assert Token() != token
    assert "token" != token
    assert 1 == len({token, Token(MEMBERS)})
    assert 2 == len({token, Token({**MEMBERS, "oauth_token": "another"})})
    assert hash(Token({"a": ["unhashable"]})) == hash(Token({"a": {}}))


def test_copies() -> None:
    """A token goes into another process, and into a copy."""
    token = Token(MEMBERS)
    pickled = pickle.loads(pickle.dumps(token))  # noqa: S301 - our own octets
    for restored in (pickled, copy.copy(token), copy.deepcopy(token)):
        assert Token is type(restored)
        assert token == restored


def test_repr() -> None:
    """The names, the values of those that are no secret, and no name that is none."""
    token = Token({**MEMBERS, "user_id": 7, "kd94hf93k423kf44": "1"})
    assert (
        "Token(oauth_token=***, oauth_token_secret=***, screen_name='jane', user_id=7, ***=***)"
        == repr(token)
    )


@given(
    st.dictionaries(
        st.sampled_from(["oauth_token", "oauth_token_secret", "refresh_token", "x", "id_token"]),
        st.text("abc123", min_size=6),
    )
)
def test_no_value_shows(members: dict[str, str]) -> None:
    """RFC 6749 §10.3: no value of a member that could be a secret is in the repr."""
    shown = f"{Token(members)!r} {Token(members)}"
    assert [] == [value for value in members.values() if value in shown]


@pytest.mark.parametrize("name", ["oauth_token_secret", "oauth_secret"])
def test_oauth1_token(name: str) -> None:
    """RFC 5849 §2.3: both members under the RFC's names, whichever spelling was given."""
    token = oauth1_token({"oauth_token": "a", name: "", "user_id": 7}, whose="x")
    assert {"oauth_token": "a", "oauth_token_secret": "", "user_id": 7} == token


def test_oauth1_token_with_both_spellings() -> None:
    """The RFC's name goes first."""
    given_members = {"oauth_token": "a", "oauth_token_secret": "b", "oauth_secret": "c"}
    assert "b" == oauth1_token(given_members, whose="x")["oauth_token_secret"]


@pytest.mark.parametrize(
    ("members", "missing", "invalid", "message"),
    [
        ({}, ("oauth_token", "oauth_token_secret"), (), "both members come with every answer"),
        ({"oauth_token": "hh5s93j4"}, ("oauth_token_secret",), (), "keep them"),
        ({"oauth_token": "", "oauth_secret": ""}, (), ("oauth_token",), "it is empty"),
        ({"oauth_token": b"hh5s93j4", "oauth_secret": "s"}, (), ("oauth_token",), "got bytes"),
        ({"oauth_token": "t", "oauth_secret": 7}, (), ("oauth_token_secret",), "got int"),
        ({1: "hh5s93j4"}, (), ("token",), "a name in it is no text"),
        ("hh5s93j4", (), ("token",), "oauth_token and oauth_token_secret, got str"),
        (None, (), ("token",), "got NoneType"),
    ],
)
def test_no_oauth1_token(
    members: object, missing: tuple[str, ...], invalid: tuple[str, ...], message: str
) -> None:
    """Everything that is missing or wrong at once, by name; no value is in it."""
    with pytest.raises(CredentialsError, match=message) as caught:
        oauth1_token(cast("dict[str, Any]", members), whose="x")
    assert (missing, invalid) == (caught.value.missing, caught.value.invalid)
    assert "hh5s93j4" not in f"{caught.value}{caught.value!r}"
