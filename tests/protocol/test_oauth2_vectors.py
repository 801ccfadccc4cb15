"""
The published OAuth 2 vectors of PKCE, client authentication and the messages of these grants.

Those of strength ``should`` come out as they say, too: there is no list of differences.
"""

from __future__ import annotations

from base64 import b64decode
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import pytest

from oauthkit.errors import CallbackError, OAuthError
from oauthkit.protocol import pkce
from oauthkit.protocol.authorization_request import build_authorization_url
from oauthkit.protocol.client_auth import client_secret_basic
from oauthkit.protocol.grants import build_form
from oauthkit.protocol.responses import parse_authorization_response, parse_token_response
from protocol.vectors import Vector, vectors

proves_pkce = pytest.mark.proves(
    "OAuth 2", "PKCE", rfc="RFC 7636 §4.1, §4.2, appendix B", judge="published vectors"
)

_REJECTED = {"state": "state_mismatch", "iss": "iss_mismatch"}


@proves_pkce
@vectors("pkce", "pkce.challenge")
def test_challenge(vector: Vector) -> None:
    """RFC 7636 §4.2."""
    given = vector["inputs"]
    assert vector["expected"]["challenge"] == pkce.code_challenge(
        given["verifier"], given["method"]
    )


@proves_pkce
@vectors("pkce", "pkce.verifier_valid")
def test_verifier(vector: Vector) -> None:
    """RFC 7636 §4.1."""
    assert vector["expected"]["valid"] == pkce.is_code_verifier(vector["inputs"]["verifier"])


@pytest.mark.proves(
    "OAuth 2", "`client_secret_basic`", rfc="RFC 6749 §2.3.1", judge="published vectors"
)
@vectors("client_auth", "oauth2.basic_auth")
def test_basic_auth(vector: Vector) -> None:
    """RFC 6749 §2.3.1: any form encoding that decodes to the two is right."""
    given = vector["inputs"]
    auth = client_secret_basic(given["client_id"], given["client_secret"])
    scheme, _, joint = auth.headers["Authorization"].partition(" ")
    decoded = [unquote_plus(half) for half in b64decode(joint).decode().split(":")]
    assert ("Basic", vector["expected"]["decoded"]) == (scheme, decoded)
    assert {} == auth.form


@pytest.mark.proves(
    "OAuth 2", "authorization requests", rfc="RFC 6749 §3.1, §4.1.1", judge="published vectors"
)
@vectors("oauth2_messages", "oauth2.authorization_url")
def test_authorization_url(vector: Vector) -> None:
    """RFC 6749 §4.1.1."""
    given, expected = vector["inputs"], vector["expected"]
    url = build_authorization_url(given["endpoint"], [(n, v) for n, v in given["params"]])
    parts = urlsplit(url)
    pairs = sorted([name, value] for name, value in parse_qsl(parts.query))
    assert expected["base"] == url.partition("?")[0]
    assert expected["query_pairs"] == pairs


@pytest.mark.proves(
    "OAuth 2",
    "callbacks, state and issuer",
    rfc="RFC 6749 §4.1.2; RFC 9207 §2.4",
    judge="published vectors",
)
@vectors("oauth2_messages", "oauth2.authorization_response")
def test_authorization_response(vector: Vector) -> None:
    """RFC 6749 §4.1.2, RFC 9207 §2.4."""
    given, expected = vector["inputs"], vector["expected"]

    def parse() -> dict[str, str]:
        return parse_authorization_response(
            given["url"],
            state=given["state"],
            issuer=given["issuer"],
            iss_required=given["iss_supported"],
        )

    if "values" in expected:
        assert expected["values"].items() <= parse().items()
        return
    with pytest.raises(CallbackError) as caught:
        parse()
    reason = expected.get("oauth_error") or _REJECTED[expected["reject"]]
    assert reason == caught.value.error


@pytest.mark.proves(
    "OAuth 2", "token answers and errors", rfc="RFC 6749 §5", judge="published vectors"
)
@vectors("oauth2_messages", "oauth2.token_response")
def test_token_response(vector: Vector) -> None:
    """RFC 6749 §5; the label is not looked at."""
    given, expected = vector["inputs"], vector["expected"]
    if "token" in expected:
        token = parse_token_response(given["status"], given["body"].encode(), now=0.0)
        assert expected["token"].items() <= token.items()
        return
    with pytest.raises(OAuthError) as caught:
        parse_token_response(given["status"], given["body"].encode(), now=0.0)
    assert expected.get("oauth_error", "invalid_response") == caught.value.error


@pytest.mark.proves(
    "OAuth 2", "token requests", rfc="RFC 6749 §4, §6; RFC 7523 §2", judge="published vectors"
)
@vectors("oauth2_messages", "oauth2.token_request")
def test_token_request(vector: Vector) -> None:
    """RFC 6749 §4 and §6, RFC 7523 §2: the form, with a list once for each of its values."""
    form = build_form(vector["inputs"])
    pairs = sorted([name, value] for name, value in parse_qsl(form, keep_blank_values=True))
    assert vector["expected"]["pairs"] == pairs
