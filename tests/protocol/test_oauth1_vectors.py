"""Every published OAuth 1.0a vector, against the plain implementation and the fast one."""

from __future__ import annotations

import base64
from urllib.parse import parse_qsl, urlsplit

import pytest

from oauthkit.errors import OAuthKitError
from oauthkit.protocol import oauth1
from protocol.vectors import Vector, vectors

proves_header = pytest.mark.proves(
    "OAuth 1.0a", "`Authorization` header", rfc="RFC 5849 §3.5.1", judge="published vectors"
)
proves_answers = pytest.mark.proves(
    "OAuth 1.0a",
    "token answers and callbacks of OAuth 1.0a",
    rfc="RFC 5849 §2.1 to §2.3",
    judge="published vectors",
)
proves_requests = pytest.mark.proves(
    "OAuth 1.0a", "whole signed requests", rfc="RFC 5849 §3", judge="published vectors"
)


@pytest.mark.proves(
    "OAuth 1.0a", "percent encoding", rfc="RFC 5849 §3.6", judge="published vectors"
)
@vectors("oauth1_encoding", "oauth1.percent_encode")
def test_percent_encode(vector: Vector) -> None:
    """RFC 5849 §3.6."""
    assert vector["expected"]["encoded"] == oauth1.percent_encode(vector["inputs"]["value"])


@pytest.mark.proves(
    "OAuth 1.0a", "normalized parameters", rfc="RFC 5849 §3.4.1.3.2", judge="published vectors"
)
@vectors("oauth1_encoding", "oauth1.normalize_params")
def test_normalize_parameters(vector: Vector) -> None:
    """RFC 5849 §3.4.1.3.2."""
    pairs = [(name, value) for name, value in vector["inputs"]["params"]]
    assert vector["expected"]["normalized"] == oauth1.normalize_parameters(pairs)


@pytest.mark.proves(
    "OAuth 1.0a", "base string URI", rfc="RFC 5849 §3.4.1.2", judge="published vectors"
)
@vectors("oauth1_base_string", "oauth1.base_string_uri")
def test_base_string_uri(vector: Vector) -> None:
    """RFC 5849 §3.4.1.2."""
    assert vector["expected"]["uri"] == oauth1.base_string_uri(vector["inputs"]["url"])


@pytest.mark.proves("OAuth 1.0a", "base string", rfc="RFC 5849 §3.4.1", judge="published vectors")
@vectors("oauth1_base_string", "oauth1.base_string")
def test_base_string(vector: Vector) -> None:
    """RFC 5849 §3.4.1."""
    given = vector["inputs"]
    pairs = [(name, value) for name, value in given["params"]]
    actual = oauth1.signature_base_string(
        given["method"], given["url"], pairs, given["body"] or "", given["content_type"]
    )
    assert vector["expected"]["base_string"] == actual


@pytest.mark.proves(
    "OAuth 1.0a",
    "HMAC, RSA and PLAINTEXT signatures",
    rfc="RFC 5849 §3.4.2 to §3.4.4",
    judge="published vectors",
)
@vectors("oauth1_signature", "oauth1.sign")
def test_sign(vector: Vector) -> None:
    """RFC 5849 §3.4.2 to §3.4.4."""
    given = vector["inputs"]
    actual = oauth1.sign(
        given["base_string"],
        signature_method=given["signature_method"],
        client_secret=given["client_secret"] or "",
        token_secret=given["token_secret"] or "",
        rsa_key=given["private_key_pem"],
    )
    assert vector["expected"]["signature"] == actual


@pytest.mark.proves(
    "OAuth 1.0a", "`oauth_body_hash`, an extension", rfc=None, judge="published vectors"
)
@vectors("oauth1_signature", "oauth1.body_hash")
def test_body_hash(vector: Vector) -> None:
    """OAuth Request Body Hash 1.0, draft 4."""
    given = vector["inputs"]
    method = {"sha1": "HMAC-SHA1", "sha256": "HMAC-SHA256"}[given["hash"]]
    actual = oauth1.body_hash(base64.b64decode(given["body_b64"]), method)
    assert vector["expected"]["body_hash"] == actual


@proves_header
@vectors("oauth1_header", "oauth1.header_build")
def test_build_header(vector: Vector) -> None:
    """RFC 5849 §3.5.1: names and values exactly as they stand between the quotes."""
    given = vector["inputs"]
    pairs = [(name, value) for name, value in given["params"]]
    scheme, _, rest = oauth1.build_authorization_header(pairs, given["realm"]).partition(" ")
    raw = {name: value[1:-1] for name, _, value in (p.partition("=") for p in rest.split(", "))}
    assert (vector["expected"]["scheme"], vector["expected"]["raw"]) == (scheme, raw)


@proves_header
@vectors("oauth1_header", "oauth1.header_parse")
def test_parse_header(vector: Vector) -> None:
    """RFC 5849 §3.5.1."""
    expected = vector["expected"]
    if "error" in expected:
        with pytest.raises(OAuthKitError):
            oauth1.parse_authorization_header(vector["inputs"]["header"])
        return
    realm, params = oauth1.parse_authorization_header(vector["inputs"]["header"])
    assert (expected["params"], expected["realm"]) == (dict(params), realm)


@proves_answers
@vectors("oauth1_header", "oauth1.parse_token_response")
def test_parse_token_response(vector: Vector) -> None:
    """RFC 5849 §2.1 and §2.3."""
    values = oauth1.parse_token_response(vector["inputs"]["body"])
    assert vector["expected"]["values"] == values


@proves_answers
@vectors("oauth1_header", "oauth1.parse_callback")
def test_parse_callback(vector: Vector) -> None:
    """RFC 5849 §2.2."""
    values = oauth1.parse_authorization_response(vector["inputs"]["url"])
    assert vector["expected"]["values"].items() <= values.items()


@proves_requests
@vectors("oauth1_request", "oauth1.sign_request")
def test_sign_request(vector: Vector) -> None:
    """RFC 5849 §3, all placements; PLAINTEXT always sends timestamp and nonce (§3.1 allows it)."""
    given, expected = vector["inputs"], vector["expected"]
    signed = oauth1.sign_request(
        given["method"],
        given["url"],
        client_id=given["client_key"],
        client_secret=given["client_secret"] or "",
        token=given["token"],
        token_secret=given["token_secret"] or "",
        rsa_key=given["private_key_pem"],
        signature_method=given["signature_method"],
        placement=given["placement"],
        realm=given["realm"],
        callback=given["callback"],
        verifier=given["verifier"],
        body=(given["body"] or "").encode(),
        content_type=given["content_type"],
        hash_body=given["body_hash"],
        version=given["version"],
        timestamp=given["timestamp"],
        nonce=given["nonce"],
    )
    if given["signature_method"] == "PLAINTEXT":
        assert expected["oauth_params"].items() <= signed.params.items()
    else:
        assert expected["oauth_params"] == signed.params
        assert expected["base_string"] == signed.base_string
    assert (
        signed.params.items() <= dict(_parameters_on_the_wire(signed, given["placement"])).items()
    )


def _parameters_on_the_wire(signed: oauth1.SignedRequest, placement: str) -> list[tuple[str, str]]:
    """Read the protocol parameters back from where they were put, by the standard library."""
    if placement == "query":
        return parse_qsl(urlsplit(signed.url).query, keep_blank_values=True)
    if placement == "body":
        return parse_qsl(signed.body.decode(), keep_blank_values=True)
    return oauth1.parse_authorization_header(signed.headers["Authorization"])[1]


def _is_for_fast_path(vector: Vector) -> bool:
    """Tell whether the client would have the fast path sign it: header, standard parameters."""
    given = vector["inputs"]
    extra = given["callback"] or given["verifier"] or given["body_hash"]
    return given["placement"] == "header" and given["version"] is not None and not extra


@proves_requests
@vectors("oauth1_request", "oauth1.sign_request", only=_is_for_fast_path)
def test_fast_path(vector: Vector) -> None:
    """RFC 5849 §3, once more by the fast path, wherever it is the one that would be taken."""
    given, expected = vector["inputs"], vector["expected"]
    url: str = given["url"]
    signer = oauth1.HeaderSigner(
        client_id=given["client_key"],
        client_secret=given["client_secret"] or "",
        token=given["token"],
        token_secret=given["token_secret"] or "",
        signature_method=given["signature_method"],
        rsa_key=given["private_key_pem"],
        realm=given["realm"],
    )
    parts = urlsplit(url)
    form = oauth1.is_form(given["content_type"])
    header = signer.sign(
        given["method"],
        parts.scheme,
        parts.netloc,
        parts.path,
        parts.query,
        (given["body"] or "").encode() if form else b"",
        nonce=given["nonce"] or "n",
        timestamp=given["timestamp"] or "1",
    )
    realm, params = oauth1.parse_authorization_header(header)
    assert given["realm"] == realm
    assert expected["oauth_params"].items() <= dict(params).items()
