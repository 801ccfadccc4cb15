"""The plain verifier, proved by the published vectors and by oauthlib."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import oauthlib.oauth1
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from hypothesis import given
from hypothesis import strategies as st
from oauthlib.oauth1.rfc5849 import signature as judge
from oauthlib.oauth1.rfc5849 import utils as judge_utils

from oauthkit.testing.servers import rfc5849
from support import ROOT

proves_verifier = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "OAuth 1.0a verifier",
    rfc="RFC 5849 §3",
    judge="published vectors",
)
proves_verifier_by_oauthlib = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "OAuth 1.0a verifier",
    rfc="RFC 5849 §3",
    judge="oauthlib",
)

Vector = dict[str, Any]

# Its published type is a dict; its code and its own callers say pairs.
judge_normalize: Any = judge.normalize_parameters


def vectors(subject: str, kind: str) -> pytest.MarkDecorator:
    """Parametrise a test by the published vectors of *kind*."""
    path = ROOT / "tests" / "vectors" / f"oauth1_{subject}.json"
    found = json.loads(path.read_text())["vectors"]
    chosen = [pytest.param(v, id=v["id"]) for v in found if v["kind"] == f"oauth1.{kind}"]
    assert chosen
    return pytest.mark.parametrize("vector", chosen)


def octets(pairs: list[list[str]]) -> list[rfc5849.Pair]:
    """Turn a vector's pairs into octets."""
    return [(name.encode(), value.encode()) for name, value in pairs]


def public(pem: str | None) -> RSAPublicKey | None:
    """Read the public half of a vector's key."""
    if pem is None:
        return None
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key.public_key()


@proves_verifier
@vectors("encoding", "percent_encode")
def test_encode(vector: Vector) -> None:
    """Section 3.6, octet by octet, and back."""
    value = vector["inputs"]["value"]
    encoded = vector["expected"]["encoded"]
    assert encoded == rfc5849.encode(value)
    assert value.encode() == rfc5849.decode(encoded.encode())


@proves_verifier
@vectors("encoding", "normalize_params")
def test_normalize(vector: Vector) -> None:
    """Section 3.4.1.3.2."""
    pairs = octets(vector["inputs"]["params"])
    assert vector["expected"]["normalized"] == rfc5849.normalize(pairs)


@proves_verifier
@vectors("base_string", "base_string_uri")
def test_base_string_uri(vector: Vector) -> None:
    """Section 3.4.1.2."""
    assert vector["expected"]["uri"] == rfc5849.base_string_uri(vector["inputs"]["url"])


@proves_verifier
@vectors("base_string", "base_string")
def test_base_string(vector: Vector) -> None:
    """Section 3.4.1.1; the parser leaves realm out, so it is left out here."""
    given_ = vector["inputs"]
    header = [pair for pair in octets(given_["params"]) if pair[0] != b"realm"]
    actual = rfc5849.base_string(
        given_["method"],
        given_["url"],
        header,
        (given_["body"] or "").encode(),
        given_["content_type"],
    )
    assert vector["expected"]["base_string"] == actual


@proves_verifier
@vectors("signature", "sign")
def test_signature(vector: Vector) -> None:
    """Sections 3.4.2 to 3.4.4: right as published, wrong with one octet changed."""
    given_ = vector["inputs"]
    signature = vector["expected"]["signature"].encode()
    changed = bytes([signature[0] ^ 1]) + signature[1:]
    for expected, value in ((True, signature), (False, changed), (False, b"")):
        assert expected is rfc5849.signature_matches(
            value,
            signature_method=given_["signature_method"],
            base=given_["base_string"],
            client_secret=given_["client_secret"],
            token_secret=given_["token_secret"],
            public_key=public(given_["private_key_pem"]),
        )


@proves_verifier
@vectors("signature", "body_hash")
def test_body_hash(vector: Vector) -> None:
    """OAuth Request Body Hash 1.0, section 3.2."""
    body = base64.b64decode(vector["inputs"]["body_b64"])
    method = f"HMAC-{vector['inputs']['hash'].upper()}"
    assert vector["expected"]["body_hash"] == rfc5849.body_hash(body, method)


@proves_verifier
@vectors("request", "sign_request")
def test_whole_request(vector: Vector) -> None:
    """The published requests verify in every placement; their base strings are recomputed."""
    given_ = vector["inputs"]
    sent = [(n.encode(), v.encode()) for n, v in vector["expected"]["oauth_params"].items()]
    url, body, content_type = given_["url"], given_["body"] or "", given_["content_type"]
    header = sent if given_["placement"] == "header" else []
    if given_["placement"] == "query":
        url += ("&" if "?" in url else "?") + urlencode(sent)
    if given_["placement"] == "body":
        body += ("&" if body else "") + urlencode(sent)
    base = rfc5849.base_string(given_["method"], url, header, body.encode(), content_type)
    if vector["expected"].get("base_string"):
        assert vector["expected"]["base_string"] == base
    assert rfc5849.signature_matches(
        dict(sent)[b"oauth_signature"],
        signature_method=given_["signature_method"],
        base=base,
        client_secret=given_["client_secret"],
        token_secret=given_["token_secret"],
        public_key=public(given_.get("private_key_pem")),
    )


@proves_verifier
@vectors("header", "header_parse")
def test_parse_authorization(vector: Vector) -> None:
    """Section 3.5.1."""
    field = vector["inputs"]["header"]
    if "error" in vector["expected"]:
        assert not rfc5849.is_oauth(field)
        with pytest.raises(rfc5849.MalformedError):
            rfc5849.parse_authorization(field)
        return
    parsed = rfc5849.parse_authorization(field)
    assert vector["expected"]["realm"] == parsed.realm
    expected = {n.encode(): v.encode() for n, v in vector["expected"]["params"].items()}
    assert expected == dict(parsed.pairs)


@proves_verifier
@vectors("header", "header_build")
def test_parse_what_is_built(vector: Vector) -> None:
    """A header built as published is parsed to what it was built from."""
    raw = vector["expected"]["raw"]
    field = "OAuth " + ", ".join(f'{name}="{value}"' for name, value in raw.items())
    parsed = rfc5849.parse_authorization(field)
    assert vector["inputs"]["realm"] == parsed.realm
    assert sorted(octets(vector["inputs"]["params"])) == sorted(parsed.pairs)


@pytest.mark.parametrize(
    "field",
    [
        "OAuth oauth_nonce=n",
        'OAuth oauth_nonce="n" oauth_token"t"',
        'OAuth oauth_nonce="n"oauth_token="t"',
        'OAuth oauth_nonce="n',
        'OAuth realm="a", realm="b"',
        "",
        "Basic eDp5",
    ],
)
def test_malformed_authorization(field: str) -> None:
    """Anything but name="value" between commas is refused."""
    with pytest.raises(rfc5849.MalformedError):
        rfc5849.parse_authorization(field)


def test_realm_is_a_quoted_string() -> None:
    """The realm's escapes are those of RFC 2617, not percent-encoding."""
    parsed = rfc5849.parse_authorization(r'OAuth realm="a \"b\" %41"')
    assert 'a "b" %41' == parsed.realm


def test_octets_survive() -> None:
    """What is not UTF-8, and a lone percent sign, are signed as they are."""
    base = rfc5849.base_string("GET", "http://a.example/?x=%FF%zz&%=+", [])
    assert "GET&http%3A%2F%2Fa.example%2F&%2525%3D%2520%26x%3D%25FF%2525zz" == base


def test_not_a_url() -> None:
    """A base string URI needs scheme and authority."""
    with pytest.raises(rfc5849.MalformedError, match="absolute"):
        rfc5849.base_string_uri("/path")


def test_unknown_method_and_missing_key() -> None:
    """What cannot be verified is an error, not a mismatch."""
    with pytest.raises(rfc5849.MalformedError, match="unknown"):
        rfc5849.signature_matches(b"", signature_method="HMAC-MD5", base="")
    with pytest.raises(rfc5849.MalformedError, match="public key"):
        rfc5849.signature_matches(b"", signature_method="RSA-SHA1", base="")


texts = st.text(st.characters(codec="utf-8"), max_size=8)


@proves_verifier_by_oauthlib
@given(st.lists(st.tuples(texts, texts), max_size=8))
def test_normalization_agrees_with_oauthlib(pairs: list[tuple[str, str]]) -> None:
    """Drawn parameters are normalized as oauthlib normalizes them."""
    encoded = [(name.encode(), value.encode()) for name, value in pairs]
    assert judge_normalize(pairs) == rfc5849.normalize(encoded)


@proves_verifier_by_oauthlib
@given(texts)
def test_encoding_agrees_with_oauthlib(value: str) -> None:
    """Drawn text is encoded as oauthlib encodes it."""
    assert judge_utils.escape(value) == rfc5849.encode(value)


@proves_verifier_by_oauthlib
@given(st.lists(st.tuples(texts, texts), max_size=5), texts, texts)
def test_signatures_agree_with_oauthlib(
    pairs: list[tuple[str, str]], client_secret: str, token_secret: str
) -> None:
    """A request that oauthlib signs verifies, and its base string is recomputed."""
    client: Any = oauthlib.oauth1.Client(
        "ck",
        client_secret,
        "tk",
        token_secret,
        signature_method=oauthlib.oauth1.SIGNATURE_HMAC_SHA256,
    )
    url = "https://api.example/a"
    content_type = "application/x-www-form-urlencoded"
    body = urlencode(pairs)
    _, headers, _ = client.sign(url, "POST", body, {"Content-Type": content_type})
    parsed = rfc5849.parse_authorization(headers["Authorization"])
    base = rfc5849.base_string("POST", url, parsed.pairs, body.encode(), content_type)
    collected = judge.collect_parameters("", body, headers)
    expected = judge.signature_base_string(
        "POST", judge.base_string_uri(url), judge_normalize(collected)
    )
    assert expected == base
    assert rfc5849.signature_matches(
        dict(parsed.pairs)[b"oauth_signature"],
        signature_method="HMAC-SHA256",
        base=base,
        client_secret=client_secret,
        token_secret=token_secret,
    )
