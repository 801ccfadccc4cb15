"""Signing a whole request, plainly: all placements and parameters (RFC 5849 §3)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Literal, cast
from urllib.parse import urlunsplit

import attrs

from oauthkit.errors import ConfigurationError, RequestError
from oauthkit.protocol.oauth1.base_string import signature_base_string, split_url
from oauthkit.protocol.oauth1.encoding import FORM, encode_form, is_form
from oauthkit.protocol.oauth1.header import build_authorization_header
from oauthkit.protocol.oauth1.signatures import SignatureMethod, body_hash, sign

__all__ = ["Placement", "SignedRequest", "generate_nonce", "sign_request"]

Placement = Literal["header", "body", "query"]
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def generate_nonce() -> str:
    """Return 128 random bits as 32 hexadecimal digits: unique without a memory (RFC 5849 §3.3)."""
    return os.urandom(16).hex()


@attrs.frozen(kw_only=True)
class SignedRequest:
    """
    A request with its signature in place: *url*, the *headers* to set, and the *body* to send.

    *params* are the protocol parameters that were signed, with ``oauth_signature`` (RFC 5849 §3.1);
    *base_string* is what the signature is over. None of it is in the repr: a PLAINTEXT signature
    is made of secrets.
    """

    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    params: Mapping[str, str] = attrs.field(repr=False)
    base_string: str = attrs.field(repr=False)


def sign_request(
    method: str,
    url: str,
    *,
    client_id: str,
    client_secret: str = "",
    token: str | None = None,
    token_secret: str = "",
    rsa_key: str | None = None,
    signature_method: SignatureMethod = "HMAC-SHA1",
    placement: Placement = "header",
    realm: str | None = None,
    callback: str | None = None,
    verifier: str | None = None,
    body: bytes = b"",
    content_type: str | None = None,
    hash_body: bool = False,
    version: str | None = "1.0",
    timestamp: int | str | None = None,
    nonce: str | None = None,
    base_string: Callable[..., str] = signature_base_string,
) -> SignedRequest:
    """
    Sign one request (RFC 5849 §3.1 to §3.5).

    *url* is the URL as it goes on the wire. *token* None signs with the client's credentials alone
    (two-legged, or a temporary credential request). *timestamp* (seconds since the epoch) and
    *nonce* are made where they are not given. *hash_body* adds ``oauth_body_hash`` where the body
    is no form (OAuth Request Body Hash 1.0). Form bodies are signed; others are sent as they are.
    *base_string* is ``signature_base_string``, or what a declaration has in its place.

    Raises RequestError where the placement has no room: a body that is no form, a method without a
    body; and ConfigurationError for a method or key that cannot sign.
    """
    params = {"oauth_consumer_key": client_id}
    if token is not None:
        params["oauth_token"] = token
    params["oauth_signature_method"] = signature_method
    params["oauth_timestamp"] = str(int(time.time()) if timestamp is None else timestamp)
    params["oauth_nonce"] = generate_nonce() if nonce is None else nonce
    if version is not None:
        params["oauth_version"] = version
    if callback is not None:
        params["oauth_callback"] = callback
    if verifier is not None:
        params["oauth_verifier"] = verifier
    if placement == "body":
        content_type = _room_in_body(method, body, content_type)
    if hash_body and not is_form(content_type):
        params["oauth_body_hash"] = body_hash(body, signature_method)

    signed = base_string(method, url, tuple(params.items()), body, content_type)
    made = cast("object", signed)
    if not isinstance(made, str):
        raise ConfigurationError(
            f"signature_base_string() returned no text (type {type(made).__name__})"
        )
    params["oauth_signature"] = sign(
        signed,
        signature_method=signature_method,
        client_secret=client_secret,
        token_secret=token_secret,
        rsa_key=rsa_key,
    )

    headers: dict[str, str] = {}
    if placement == "header":
        headers["Authorization"] = build_authorization_header(params.items(), realm)
    elif placement == "query":
        url = _append_to_query(url, encode_form(params.items()))
    else:
        body = b"&".join(filter(None, (body, encode_form(params.items()).encode())))
        headers["Content-Type"] = content_type or FORM
    return SignedRequest(url=url, headers=headers, body=body, params=params, base_string=signed)


def _room_in_body(method: str, body: bytes, content_type: str | None) -> str:
    """Check that the parameters may go into the body (RFC 5849 §3.5.2); return its type."""
    if method.upper() in _WITHOUT_BODY:
        raise RequestError(
            f"a {method.upper()} request has no body for the OAuth parameters: "
            "declare placement header, or send a form by POST"
        )
    if body and not is_form(content_type):
        raise RequestError(
            f"the OAuth parameters go into a form, and this body is {content_type or 'untyped'}: "
            "send a form, or declare placement header"
        )
    return content_type if content_type and is_form(content_type) else FORM


def _append_to_query(url: str, encoded: str) -> str:
    parts = split_url(url)
    query = f"{parts.query}&{encoded}" if parts.query else encoded
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, ""))
