"""RFC 5849 §3: oauthlib, which shares no code with us, signs the same requests the same way."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauthkit.protocol.oauth1 import (
    SIGNATURE_METHODS,
    SignatureMethod,
    encode_form,
    normalize_parameters,
    parse_authorization_header,
    percent_encode,
    sign_request,
    signature_base_string,
)
from property import judge
from property import strategies as draw
from property.rsa_key import RSA_KEY

proves_signatures = pytest.mark.proves(
    "OAuth 1.0a",
    "HMAC, RSA and PLAINTEXT signatures",
    rfc="RFC 5849 §3.4.2 to §3.4.4",
    judge="oauthlib",
)

FORM = "application/x-www-form-urlencoded"

_components = draw.components(draw.judged_words)
_text_pairs = st.lists(st.tuples(draw.texts, draw.texts), max_size=5)
# An empty key or token is none for oauthlib.
_filled = draw.texts.map(lambda text: text or "x")
# Outside of a header oauthlib decodes it once more than it was encoded.
_tokens = _filled.map(lambda text: text.replace("%", "~"))
_callbacks = st.sampled_from([None, "https://cb/?a=b c", "oob"])


def _form(wire: str) -> list[tuple[str, str]]:
    """Read a form with the standard library."""
    return parse_qsl(wire, keep_blank_values=True)


@pytest.mark.proves("OAuth 1.0a", "percent encoding", rfc="RFC 5849 §3.6", judge="oauthlib")
@given(draw.texts)
def test_encoding(value: str) -> None:
    """§3.6: one encoding of any text."""
    assert judge.encode(value) == percent_encode(value)


@pytest.mark.proves(
    "OAuth 1.0a", "normalized parameters", rfc="RFC 5849 §3.4.1.3.2", judge="oauthlib"
)
@given(_text_pairs)
def test_normalized_parameters(pairs: list[tuple[str, str]]) -> None:
    """§3.4.1.3.2: encoded, sorted and joined alike."""
    assert judge.normalize(pairs) == normalize_parameters(pairs)


@pytest.mark.proves("OAuth 1.0a", "base string", rfc="RFC 5849 §3.4.1", judge="oauthlib")
@given(draw.methods, draw.judged_urls, _components, _components)
def test_base_string(method: str, url: str, query: draw.Component, form: draw.Component) -> None:
    """§3.4.1: method, URL, query and form are collected and joined alike."""
    uri = f"{url}?{query.wire}"
    expected = judge.base_string(method, uri, form.wire)
    assert expected == signature_base_string(method, uri, [], form.wire, FORM)


@proves_signatures
@pytest.mark.proves("OAuth 1.0a", "`Authorization` header", rfc="RFC 5849 §3.5.1", judge="oauthlib")
@given(draw.methods, draw.judged_urls, _components, _filled, draw.texts, _filled, draw.texts)
def test_signature(
    method: str,
    url: str,
    query: draw.Component,
    client_id: str,
    client_secret: str,
    token: str,
    token_secret: str,
) -> None:
    """§3.4.2 and §3.5.1: any credentials; each header is read by the other's parser."""
    uri = f"{url}?{query.wire}"
    _, theirs, _ = judge.sign(
        method,
        uri,
        client_key=client_id,
        client_secret=client_secret,
        resource_owner_key=token,
        resource_owner_secret=token_secret,
    )
    signed = sign_request(
        method,
        uri,
        client_id=client_id,
        client_secret=client_secret,
        token=token,
        token_secret=token_secret,
        nonce="n",
        timestamp="1",
    )
    assert sorted(parse_authorization_header(theirs)[1]) == sorted(signed.params.items())
    assert signed.params == dict(judge.read_header(signed.headers["Authorization"]))


@proves_signatures
@given(st.sampled_from(SIGNATURE_METHODS), _components, _callbacks, st.sampled_from([None, "v/w"]))
def test_signature_methods(
    signature_method: SignatureMethod,
    query: draw.Component,
    callback: str | None,
    verifier: str | None,
) -> None:
    """§3.4.2 to §3.4.4, and the SHA-2 methods: with callback and verifier, with a realm."""
    uri = f"https://example.com/?{query.wire}"
    _, theirs, _ = judge.sign(
        "POST",
        uri,
        realm="r",
        client_secret="s&",
        callback_uri=callback,
        verifier=verifier,
        signature_method=signature_method,
        rsa_key=RSA_KEY,
    )
    signed = sign_request(
        "POST",
        uri,
        client_id="c",
        client_secret="s&",
        signature_method=signature_method,
        rsa_key=RSA_KEY,
        callback=callback,
        verifier=verifier,
        nonce="n",
        timestamp="1",
    )
    assert ("r", sorted(signed.params.items())) == _read(theirs)


def _read(header: str) -> tuple[str | None, list[tuple[str, str]]]:
    realm, params = parse_authorization_header(header)
    return realm, sorted(params)


@pytest.mark.proves(
    "OAuth 1.0a", "parameters in a form body", rfc="RFC 5849 §3.5.2", judge="oauthlib"
)
@given(draw.judged_urls, _components, _tokens)
def test_body_placement(url: str, form: draw.Component, token: str) -> None:
    """§3.5.2: the same signature in a form body; oauthlib writes the form anew, so it is read."""
    _, _, theirs = judge.sign(
        "POST", url, form.wire, FORM, resource_owner_key=token, signature_type="BODY"
    )
    signed = sign_request(
        "POST",
        url,
        client_id="c",
        token=token,
        body=form.wire.encode(),
        content_type=FORM,
        placement="body",
        nonce="n",
        timestamp="1",
    )
    assert sorted(_form(theirs)) == sorted(_form(signed.body.decode()))


@pytest.mark.proves(
    "OAuth 1.0a", "parameters in the query", rfc="RFC 5849 §3.5.3", judge="oauthlib"
)
@given(draw.judged_urls, _components, _tokens)
def test_query_placement(url: str, query: draw.Component, token: str) -> None:
    """§3.5.3: the same signature in the query."""
    uri = f"{url}?{query.wire}"
    theirs, _, _ = judge.sign("GET", uri, resource_owner_key=token, signature_type="QUERY")
    signed = sign_request(
        "GET", uri, client_id="c", token=token, placement="query", nonce="n", timestamp="1"
    )
    assert sorted(_form(theirs.partition("?")[2])) == sorted(_form(signed.url.partition("?")[2]))


@given(_text_pairs)
def test_forms_are_read_alike(pairs: list[tuple[str, str]]) -> None:
    """§3.4.1.3.1: what we write as a form, the standard library reads as the same pairs."""
    assert pairs == _form(encode_form(pairs))
