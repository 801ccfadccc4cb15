"""The authorization request: it unpacks, goes to JSON and back, and hides what must stay hidden."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from oauthkit.errors import ConfigurationError, RequestError
from oauthkit.protocol.authorization_request import (
    AuthorizationRequest,
    build_authorization_url,
    generate_state,
)

FULL = AuthorizationRequest(
    url="https://as.example/a?nonce=hidden-n&x=1&code_challenge=hidden-v#f",
    state="s",
    code_verifier="hidden-v",
    nonce="hidden-n",
    redirect_uri="https://app.example/cb",
    issuer="https://as.example",
)
PLAIN = AuthorizationRequest(url="https://as.example/a", state="s")


def test_unpacks() -> None:
    """As the pair that callers expect."""
    url, state = FULL
    assert (FULL.url, "s") == (url, state)


@pytest.mark.parametrize("request_", [FULL, PLAIN], ids=["full", "plain"])
def test_round_trips(request_: AuthorizationRequest) -> None:
    """Through JSON as text or octets, and through pickle; equal and hashable."""
    text = request_.to_json()
    for back in (
        AuthorizationRequest.from_json(text),
        AuthorizationRequest.from_json(text.encode()),
        pickle.loads(pickle.dumps(request_)),  # noqa: S301 - made here
    ):
        assert request_ == back
        assert hash(request_) == hash(back)


def test_later_members_have_defaults() -> None:
    """JSON that holds what is needed is enough."""
    assert PLAIN == AuthorizationRequest.from_json('{"url":"https://as.example/a","state":"s"}')


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "[]",
        "null",
        '"text"',
        "{",
        "{}",
        b"\xff",
        '{"url": "u"}',
        '{"url": "u", "state": 1}',
        '{"url": "u", "state": ""}',
        '{"url": null, "state": "s"}',
        '{"url": "u", "state": "s", "code_verifier": ["hidden"]}',
        '{"url": "u", "state": "s", "hidden": "x"}',
        "[" * 100_000,
    ],
)
def test_junk(junk: str | bytes) -> None:
    """Whatever lay in the session instead is an error of ours that quotes none of it."""
    with pytest.raises(ConfigurationError, match="not the JSON of an") as caught:
        AuthorizationRequest.from_json(junk)
    assert "hidden" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("value", [None, 1, b"text"])
def test_no_json(value: Any) -> None:
    """Neither is what is no text at all."""
    with pytest.raises(ConfigurationError):
        AuthorizationRequest.from_json(value)


def test_wrong_types() -> None:
    """The field is named."""
    state: Any = 1
    with pytest.raises(ConfigurationError, match="state: expected text"):
        AuthorizationRequest(url="u", state=state)


def test_repr() -> None:
    """Verifier and nonce are in neither, wherever they stand; JSON holds them."""
    assert "hidden" not in f"{FULL!r} {FULL} {[FULL]}"
    assert "state='s'" in repr(FULL)
    assert "?nonce=***&x=1&code_challenge=***#f" in repr(FULL)
    assert {"hidden-v", "hidden-n"} <= set(json.loads(FULL.to_json()).values())


def test_state() -> None:
    """32 octets, 43 characters."""
    assert "A" * 43 == generate_state(bytes)
    assert 20 == len({generate_state() for _ in range(20)})


@pytest.mark.parametrize(
    ("endpoint", "params", "url"),
    [
        ("https://h/a", {"b": "c d"}, "https://h/a?b=c%20d"),
        ("https://h/a", {}, "https://h/a"),
        ("https://h/a", {"b": None, "c": ""}, "https://h/a"),
        ("https://h/a?x=y", {"b": "c"}, "https://h/a?x=y&b=c"),
        ("https://h/a?x=y", {}, "https://h/a?x=y"),
        ("https://h/a?", {"b": "c"}, "https://h/a?b=c"),
        ("https://h/a?x&", {"b": "c"}, "https://h/a?x&b=c"),
        ("https://h/a#f", [("b", "1"), ("b", "2")], "https://h/a?b=1&b=2#f"),
    ],
)
def test_urls(endpoint: str, params: Any, url: str) -> None:
    """RFC 6749 §3.1: the endpoint's own query is kept."""
    assert url == build_authorization_url(endpoint, params)


def test_lone_surrogate() -> None:
    """No URL holds it."""
    with pytest.raises(RequestError, match="surrogate"):
        build_authorization_url("https://h/a", {"b": "\ud800"})
