"""What servers answer: the cases that the vectors do not have (RFC 5849 §2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oauthkit.errors import CallbackError, OAuthError
from oauthkit.protocol.oauth1 import (
    parse_authorization_response,
    parse_refusal,
    parse_token_response,
)

# -- token credentials -----------------------------------------------------------------------------

CREDENTIALS: dict[str | bytes, dict[str, str]] = {
    "oauth_token=a%2Fb&oauth_token_secret=c+d": {
        "oauth_token": "a/b",
        "oauth_token_secret": "c d",
    },
    b"oauth_token=a&oauth_token_secret=": {"oauth_token": "a", "oauth_token_secret": ""},
    " oauth_token=a&oauth_token_secret=b\r\n": {"oauth_token": "a", "oauth_token_secret": "b"},
    b'{"oauth_token": "a", "oauth_token_secret": "b", "oauth_callback_confirmed": true,'
    b' "user_id": 7, "scopes": ["x"], "none": null}': {
        "oauth_token": "a",
        "oauth_token_secret": "b",
        "oauth_callback_confirmed": "true",
        "user_id": "7",
        "scopes": '["x"]',
    },
    '{"oauth_token": "a", "oauth_token_secret": "b", "name": "\\ud800"}': {
        "oauth_token": "a",
        "oauth_token_secret": "b",
        "name": "\ufffd\ufffd\ufffd",
    },
}


@pytest.mark.parametrize(("body", "expected"), CREDENTIALS.items())
def test_token_response(body: str | bytes, expected: dict[str, str]) -> None:
    """RFC 5849 §2.1 and §2.3: forms, and the JSON objects that some servers send instead."""
    assert expected == parse_token_response(body)


BOTH = "the answer holds no oauth_token and no oauth_token_secret: "
NO_CREDENTIALS: dict[str | bytes, str] = {
    "": BOTH + "0 bytes, empty",
    "<html><title>Sorry</title>": BOTH + "26 bytes, HTML page 'Sorry'",
    "[1, 2]": BOTH + "6 bytes, JSON array of 2",
    "{}": BOTH + "2 bytes, JSON object {}",
    '{"oauth_token": 1, "oauth_token_secret": null}': BOTH
    + "46 bytes, JSON object {oauth_token: number, oauth_token_secret: null}",
    '{"oauth_token": "a"': BOTH + "19 bytes, text",
    "oauth_token=a": "the answer holds no oauth_token_secret: 13 bytes, form {oauth_token}",
    "oauth_token=&oauth_token_secret=b": "the answer holds no oauth_token: "
    "33 bytes, form {oauth_token, oauth_token_secret}",
    b"oauth_token=%FF&oauth_token_secret=b": "the answer holds no oauth_token: "
    "36 bytes, form {oauth_token, oauth_token_secret}",
    "oauth_token=\ud800": BOTH + "15 bytes, form {oauth_token}",
    b"\xff\x00": BOTH + "2 bytes, binary",
}


@pytest.mark.parametrize(("body", "message"), NO_CREDENTIALS.items())
def test_no_token_response(body: str | bytes, message: str) -> None:
    """What is missing is named; the answer is shown by length and shape."""
    with pytest.raises(OAuthError) as caught:
        parse_token_response(body)
    assert message == str(caught.value)
    assert "invalid_response" == caught.value.error
    assert (f"{caught.value.length} bytes" in message, True) == (
        True,
        message.endswith(str(caught.value.shape)),
    )


def test_member_that_is_nested_too_deep_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON that was read and cannot be written again costs that member, not the token."""

    def refuse(value: Any) -> str:
        raise RecursionError(value)

    body = '{"oauth_token": "a", "oauth_token_secret": "b", "x": [[]]}'
    monkeypatch.setattr(json, "dumps", refuse)
    assert "\ufffd" == parse_token_response(body)["x"]


# -- callbacks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://cb/?oauth_token=a&oauth_verifier=b#c?d",
            {"oauth_token": "a", "oauth_verifier": "b"},
        ),
        ("/cb?state=%3F&oauth_token=a", {"state": "?", "oauth_token": "a"}),
        ("https://[broken/?oauth_token=a", {"oauth_token": "a"}),
    ],
)
def test_callback(url: str, expected: dict[str, str]) -> None:
    """RFC 5849 §2.2: all members of the query, wherever it hangs."""
    assert expected == parse_authorization_response(url)


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        ("denied=a", "access_denied", "the user refused"),
        ("denied", "access_denied", "the user refused"),
        ("oauth_problem=permission_denied", "access_denied", "the user refused"),
        ("oauth_problem=user_refused&oauth_token=a", "access_denied", "the user refused"),
        ("oauth_problem=token_expired", "token_expired", "a problem: 'token_expired'"),
        ("oauth_problem=a%0Ab", "a\ufffdb", "a problem: 'a\ufffdb'"),
        ("oauth_problem=", "unknown", "a problem: 'unknown'"),
        ("oauth_problem=bad+abcd&oauth_token=abcd", "bad ***", r"a problem: 'bad \*\*\*'"),
        ("", "invalid_response", "holds: nothing$"),
        ("oauth_token=&state=1", "invalid_response", "holds: oauth_token, state$"),
        ("oauth_token=%FF", "invalid_response", "holds: oauth_token$"),
        ("A1b2C3&code=1", "invalid_response", "holds: code, 1 more$"),
    ],
)
def test_refused_callback(query: str, error: str, message: str) -> None:
    """A refusal, a problem, or the callback of something else: the names, never the values."""
    with pytest.raises(CallbackError, match=message) as caught:
        parse_authorization_response(f"https://cb/?{query}")
    assert error == caught.value.error


# -- refusals --------------------------------------------------------------------------------------

NOTHING = (None, None)
REFUSALS: dict[str | bytes, tuple[str | None, str | None]] = {
    '{"errors": [{"code": 32, "message": "Could not authenticate you."}]}': (
        "32",
        "Could not authenticate you.",
    ),
    '{"error": "invalid_token", "error_description": "gone"}': ("invalid_token", "gone"),
    ' {"error": "x", "message": "y"}': ("x", "y"),
    '{"error": {"code": 403, "message": "no", "status": "DENIED"}}': ("403", "no"),
    '{"error": {"status": "DENIED"}, "message": "outer"}': ("DENIED", "outer"),
    '{"error": "x", "message": ["y"]}': ("x", None),
    '{"error": "x", "message": ""}': ("x", None),
    '{"errors": [], "error": "x"}': ("x", None),
    '{"errors": ["x"], "code": 1}': ("1", None),
    '{"errors": {"code": 1}}': NOTHING,
    '{"error": true, "message": "y"}': NOTHING,
    '{"error": ""}': NOTHING,
    '{"error": null}': NOTHING,
    '{"error": 1.5}': NOTHING,
    '{"title": "Unauthorized"}': NOTHING,
    '{"error": "x"': NOTHING,
    '["error"]': NOTHING,
    b"oauth_problem=nonce_used&oauth_problem_advice=try+again": ("nonce_used", "try again"),
    "oauth_problem=nonce_used\n": ("nonce_used", None),
    "oauth_problem=": NOTHING,
    "error=invalid_request&error_description=no+client": ("invalid_request", "no client"),
    "error=x&oauth_problem=y": ("y", None),
    "error=": NOTHING,
    "Invalid signature": NOTHING,
    "": NOTHING,
    b'{"error": "\xff\\u001b[2J\\ud800"}': ("\ufffd\ufffd[2J\ufffd\ufffd\ufffd", None),
}


@pytest.mark.parametrize(("body", "expected"), REFUSALS.items())
def test_refusal(body: str | bytes, expected: tuple[str | None, str | None]) -> None:
    """RFC 5849 §3.2 leaves the form of a refusal open: those that servers use are understood."""
    assert expected == parse_refusal(body)


@pytest.mark.parametrize(
    ("challenge", "expected"),
    [
        ('OAuth realm="a, b",oauth_problem="nonce_used"', ("nonce_used", None)),
        ('OAuth realm="r", oauth_problem="a%20b", oauth_problem_advice="c+d"', ("a b", "c d")),
        ('Basic realm="r", OAuth oauth_problem=token_expired', ("token_expired", None)),
        ("OAuth oauth_problem=token_expired&oauth_problem_advice=x", ("token_expired", "x")),
        ('OAuth oauth_problem="one", oauth_problem="two"', ("one", None)),
        ('OAuth oauth_problem=""', NOTHING),
        ("OAuth oauth_problem_advice=x", NOTHING),
        ('OAuth realm="r"', NOTHING),
        ("", NOTHING),
    ],
)
def test_challenge(challenge: str, expected: tuple[str | None, str | None]) -> None:
    """OAuth Problem Reporting: in a challenge, where the body says nothing."""
    for body in (b"", b"Unauthorized", b'{"title": "Unauthorized"}'):
        assert expected == parse_refusal(body, challenge)


def test_body_before_challenge() -> None:
    """What the body says goes before what the challenge says."""
    challenge = 'OAuth oauth_problem="theirs", oauth_problem_advice="why"'
    assert ("ours", None) == parse_refusal(b'{"error": "ours"}', challenge)
    assert ("ours", "why") == parse_refusal(b"oauth_problem=ours", challenge)


def test_long_texts_end_at_a_space() -> None:
    """200 characters of a code and 1000 of a text at most, and no word is cut in two."""
    body = json.dumps({"error": "ab " * 100, "message": "abc " * 300})
    code, description = parse_refusal(body)
    assert f"{'ab ' * 66}…" == code
    assert f"{'abc ' * 249}abc …" == description
    assert ("…", None) == parse_refusal(json.dumps({"error": "a" * 300}))
