"""What servers answer: read by content, refusals of every shape, callbacks that are compared."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from oauthkit.errors import CallbackError, OAuthError
from oauthkit.protocol.responses import (
    parse_authorization_response,
    parse_error,
    parse_token_members,
    parse_token_response,
    read_object,
)
from oauthkit.protocol.token import Token

NOW = 1_000_000.0
NO_TEXT = "\ufffd" * 3  # what stands for the three octets of a lone surrogate


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf {"a": 1} \n', {"a": 1}),
        ("\ufeff{}", {}),
        (b"a=1&b=x+y%26", {"a": "1", "b": "x y&"}),
        (b"\na=%FF\n", {"a": "\ufffd"}),
        (b'callback( {"a": 1} );', {"a": 1}),
        (b'$.cb_1 ({"a": 1})', {"a": 1}),
        (b"callback({broken})", {}),
        (b'cb({"a": "="}) and more', {'cb({"a": "': '"}) and more'}),
        (b'1cb({"a": 1})', {}),
        (b"(1)", {}),
        (b"", {}),
        (b"[1]", {}),
        (b'"a=b"', {}),
        (b"null", {}),
        (b"plain text", {}),
        (b"<html><a href='?a=b'>", {}),
        (b'{"a": NaN, "b": -Infinity}', {"a": None, "b": None}),
        (
            b'{"a": "\\ud800", "b": ["\\udfff", {"\\ud800": 1}]}',
            {"a": NO_TEXT, "b": [NO_TEXT, {NO_TEXT: 1}]},
        ),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        ('{"a": "\ud800"}', {"a": NO_TEXT}),
        (b'{"a": ' + b"1" * 5000 + b"}", {}),
        (b"[" * 100_000, {}),
    ],
)
def test_read_object(body: bytes | str, found: dict[str, Any]) -> None:
    """Rule zero: by content, whatever it is called."""
    assert found == read_object(body)


def test_long_junk_takes_no_time() -> None:
    """No pattern runs back and forth over what a server sends."""
    before = time.process_time()
    for junk in ("cb(1)" + " " * 1_000_000 + "x", "a." * 500_000, "a(" * 500_000, ";" * 10**6):
        assert {} == read_object(junk)
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    ("found", "error"),
    [
        ({}, (None, None, None)),
        ({"error": None, "error_description": "x"}, (None, None, None)),
        ({"error": False, "error_uri": "x"}, (None, None, None)),
        ({"error": "", "errors": []}, (None, None, None)),
        ({"error": 0, "errors": None}, (None, None, None)),
        ({"error": 1.5}, (None, None, None)),
        ({"error": ["x"]}, (None, None, None)),
        ({"error": {}}, (None, None, None)),
        ({"error": "a", "error_description": 1, "error_uri": []}, ("a", None, None)),
        ({"error": "a", "error_description": "b", "error_uri": "c"}, ("a", "b", "c")),
        ({"error": "a", "error_description": " ", "error_uri": ""}, ("a", None, None)),
        ({"error": "\n"}, ("unknown", None, None)),
        ({"error": 1101}, ("1101", None, None)),
        ({"error": True}, ("True", None, None)),
        ({"error": {"code": 190, "message": "m"}}, ("190", "m", None)),
        ({"error": {"status": "S", "type": "T"}, "error_description": "d"}, ("S", "d", None)),
        ({"errors": [{"errorType": "e", "message": "m"}, "x"]}, ("e", "m", None)),
        ({"errors": ["x"]}, ("x", None, None)),
        ({"errors": "x"}, (None, None, None)),
        ({"error": "a\x1b[0m\u202eb", "error_description": "c\r\nd"}, ("a [0m b", "c  d", None)),
    ],
)
def test_parse_error(found: dict[str, Any], error: tuple[str | None, ...]) -> None:
    """RFC 6749 §5.2, and the shapes that are in circulation."""
    assert error == parse_error(found)


def test_long_errors() -> None:
    """They end between words: half a secret could not be masked any more."""
    told = f"{'no ' * 300}{'secret' * 30}"
    error, description, uri = parse_error(
        {"error": told, "error_description": told + told, "error_uri": "x" * 2000}
    )
    assert f"{('no ' * 66).strip()} …" == error
    assert f"{('no ' * 300).strip()} …" == description
    assert "…" == uri


@pytest.mark.parametrize(
    "body",
    [
        b'{"access_token": "t", "token_type": "bearer", "expires_in": 3600}',
        b'{"access_token": "t", "token_type": "bearer", "expires_in": "3600"}',
        b'{"access_token": "t", "token_type": "bearer", "expires_at": 1003600}',
        b"access_token=t&token_type=bearer&expires_in=3600",
        b'cb({"access_token": "t", "token_type": "bearer", "expires_in": 3600.0})',
    ],
)
@pytest.mark.parametrize("status", [200, 201, 299])
def test_tokens(body: bytes, status: int) -> None:
    """One token, however it is written."""
    expected = {
        "access_token": "t",
        "token_type": "bearer",
        "expires_in": 3600,
        "expires_at": NOW + 3600,
    }
    assert expected == parse_token_response(status, body, now=NOW)


@pytest.mark.parametrize(
    "lifetime",
    [
        None,
        0,
        -1,
        0.0,
        "0",
        "",
        "never",
        "1e3",
        "nan",
        [],
        {},
        True,
        10**400,
        1e400,
        2e12,
        "1" * 50,
    ],
)
@pytest.mark.parametrize("absolute", [None, 0, "x", NOW, NOW - 1, NOW * 1e6, 10**400, False])
def test_no_lifetime(lifetime: object, absolute: object) -> None:
    """Zero means never, and what is no number of seconds says nothing: such a token is kept."""
    members = {"access_token": "t", "expires_in": lifetime, "expires_at": absolute}
    assert {"access_token": "t", "token_type": "Bearer"} == parse_token_members(members, now=NOW)


@pytest.mark.parametrize(
    ("lifetime", "seconds"), [(1, 1), ("1.5", 1.5), (" 60 ", 60), (0.25, 0.25)]
)
def test_lifetimes(lifetime: object, seconds: float) -> None:
    """The lifetime counts for more than a time by the server's clock."""
    token = parse_token_members({"expires_in": lifetime, "expires_at": 5}, now=NOW)
    assert (seconds, NOW + seconds) == (token["expires_in"], token["expires_at"])


@pytest.mark.parametrize(
    ("members", "read"),
    [
        ({"refresh_token": None, "id_token": False, "scope": False}, {}),
        ({"refresh_token": "", "id_token": 1, "scope": ""}, {}),
        ({"refresh_token": "r", "id_token": "i"}, {"refresh_token": "r", "id_token": "i"}),
        ({"scope": ["a", "b", None]}, {"scope": "a b"}),
        ({"scope": []}, {}),
        ({"scope": "a,b"}, {"scope": "a,b"}),
        ({"scope": {"a": 1}}, {}),
        ({"token_type": None}, {}),
        ({"token_type": 1}, {}),
        ({"token_type": ""}, {}),
        ({"token_type": "User Access Token"}, {"token_type": "User Access Token"}),
        ({"athlete": {"id": 1}, "x": False, "y": None}, {"athlete": {"id": 1}, "x": False}),
    ],
)
def test_members(members: dict[str, Any], read: dict[str, Any]) -> None:
    """Rule zero: what counts as absent, and what is kept though nobody knows it."""
    assert {"token_type": "Bearer", **read} == parse_token_members(members, now=NOW)


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_refusals(status: int) -> None:
    """An error in the body counts for more than the status, and more than a token beside it."""
    body = json.dumps(
        {
            "error": "invalid_grant",
            "error_description": "gone",
            "error_uri": "https://h/e",
            "access_token": "t",
        }
    )
    with pytest.raises(OAuthError, match=r"^invalid_grant: gone$") as caught:
        parse_token_response(status, body, now=NOW)
    error = caught.value
    assert ("invalid_grant", "gone", "https://h/e", status) == (
        error.error,
        error.error_description,
        error.error_uri,
        error.status,
    )
    with pytest.raises(OAuthError, match=r"^x$"):
        parse_token_response(status, b"error=x", now=NOW)


@pytest.mark.parametrize(
    ("status", "body", "shape"),
    [
        (200, b"", "empty"),
        (
            200,
            b'{"access_token": null, "a": "hidden"}',
            "JSON object {access_token: null, a: string}",
        ),
        (200, b'{"access_token": ""}', "JSON object {access_token: string}"),
        (200, b'{"access_token": 1}', "JSON object {access_token: number}"),
        (200, b'{"access_token": "hid\\r\\nden"}', "JSON object {access_token: string}"),
        (200, b'{"access_token": "\\ud800"}', "JSON object {access_token: string}"),
        (200, '{"access_token": "\ud800"}', "JSON object {access_token: string}"),
        (200, b"access_token=%C3%A9hidden", "form {access_token}"),
        (302, b'{"access_token": "hidden"}', "JSON object {access_token: string}"),
        (500, b'{"access_token": "hidden"}', "JSON object {access_token: string}"),
        (503, b"<html><title>Down</title>hidden", "HTML page 'Down'"),
    ],
)
def test_no_token(status: int, body: bytes | str, shape: str) -> None:
    """Status, length and shape say what there is; nothing of it is shown."""
    with pytest.raises(OAuthError) as caught:
        parse_token_response(status, body, now=NOW)
    error = caught.value
    size = len(body) if isinstance(body, bytes) else len(body.encode(errors="surrogatepass"))
    assert ("invalid_response", status, size, shape) == (
        error.error,
        error.status,
        error.length,
        error.shape,
    )
    assert "hid" not in f"{error}{error!r}{vars(error)}"


def test_token_can_be_hashed_and_kept() -> None:
    """Whatever else the server sends along."""
    members = parse_token_response(200, b'{"access_token":"t","x":[{}],"y":NaN}', now=NOW)
    token = Token(members)
    assert hash(token) == hash(Token(json.loads(json.dumps(dict(token)))))
    assert token == members


CALLBACK = "https://app.example/cb?next=%2Fhome&code=c%2B+d&state=st"


def parse(url: str, state: str | None = "st", **options: Any) -> dict[str, str]:
    """Parse a callback."""
    return parse_authorization_response(url, state=state, **options)


def test_callback() -> None:
    """Decoded exactly once; what else is there stays there."""
    expected = {"next": "/home", "code": "c+ d", "state": "st"}
    assert expected == parse(CALLBACK)
    assert expected == parse(f"{CALLBACK}#_=_?code=other&state=x")
    assert expected == parse("?" + CALLBACK.partition("?")[2])
    assert expected == parse(CALLBACK, None)
    assert expected == parse(CALLBACK, issuer="https://as.example")


@pytest.mark.parametrize(
    ("url", "options", "error", "text"),
    [
        (CALLBACK, {"state": "sT"}, "state_mismatch", "another state"),
        (CALLBACK, {"state": ""}, "state_mismatch", "another state"),
        (CALLBACK, {"state": "s\ud800"}, "state_mismatch", "another state"),
        ("https://h/?code=c", {}, "state_mismatch", "no state"),
        ("https://h/?code=c", {"state": ""}, "state_mismatch", "no state"),
        ("https://h/?error=x", {}, "state_mismatch", "no state"),
        (CALLBACK, {"issuer": "https://a", "iss_required": True}, "iss_mismatch", "no issuer"),
        (f"{CALLBACK}&iss=x", {"issuer": "https://a"}, "iss_mismatch", "another issuer"),
        (f"{CALLBACK}&iss=&error=x", {"issuer": "https://a"}, "iss_mismatch", "another issuer"),
        (f"{CALLBACK}&code=d", {}, "invalid_response", "holds code more"),
        (f"{CALLBACK}&state=st&error=a&error=a", {}, "invalid_response", "holds error, state more"),
        ("https://h/?state=st&code=", {}, "invalid_response", "holds: code, state"),
        ("https://h/?state=st", {}, "invalid_response", "neither code nor error"),
        ("", {"state": None}, "invalid_response", "holds: nothing"),
        ("http://[", {"state": None}, "invalid_response", "holds: nothing"),
    ],
)
def test_callbacks_that_do_not_belong(
    url: str, options: dict[str, Any], error: str, text: str
) -> None:
    """RFC 6749 §10.12, RFC 9207 §2.4: compared before anything else is believed."""
    with pytest.raises(CallbackError, match=text) as caught:
        parse(url, **options)
    assert error == caught.value.error
    assert "c+ d" not in str(caught.value)


def test_refused_callback() -> None:
    """RFC 6749 §4.1.2.1; what came along with it and could be a secret is masked."""
    url = (
        "https://h/?state=long-state&code=long-code&error=access_denied"
        "&error_description=no+long-code+for+long-state&error_uri=https://h/long-code"
    )
    with pytest.raises(CallbackError) as caught:
        parse(url, "long-state")
    error = caught.value
    assert "the authorization endpoint refused: access_denied: no *** for ***" == str(error)
    assert ("access_denied", "no *** for ***", "https://h/***") == (
        error.error,
        error.error_description,
        error.error_uri,
    )
    with pytest.raises(CallbackError, match=r"refused: access_denied$"):
        parse("https://h/?error=access_denied&state=st")
