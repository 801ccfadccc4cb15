"""oauthlib as judge: what the laws ask of it, with types of our own (its stubs are narrower)."""

from __future__ import annotations

from typing import Any

from oauthlib import oauth1
from oauthlib.common import Request
from oauthlib.oauth1.rfc5849 import parameters, signature, utils

__all__ = ["base_string", "build_header", "encode", "normalize", "read_header", "sign"]

Pairs = list[tuple[str, str]]

_client: Any = oauth1.Client
_request: Any = Request
_signature: Any = signature
_parameters: Any = parameters
_utils: Any = utils


def encode(text: str) -> str:
    """Percent-encode *text*."""
    return str(_utils.escape(text))


def normalize(pairs: Pairs) -> str:
    """Return the normalized parameters."""
    return str(_signature.normalize_parameters(pairs))


def base_string(method: str, url: str, body: str = "") -> str:
    """Return the base string of a request without protocol parameters; *body* is a form."""
    request = _request(url, method, body)
    pairs = _signature.collect_parameters(request.uri_query, request.body)
    return str(
        _signature.signature_base_string(method, _signature.base_string_uri(url), normalize(pairs))
    )


def sign(
    method: str,
    url: str,
    body: str | None = None,
    content_type: str | None = None,
    *,
    realm: str | None = None,
    **options: Any,
) -> tuple[str, str, str]:
    """Return URL, Authorization header field and body of a signed request."""
    client = _client(**{"client_key": "c", "nonce": "n", "timestamp": "1", **options})
    headers = {} if content_type is None else {"Content-Type": content_type}
    url, headers, body = client.sign(url, method, body, headers, realm)
    return url, headers.get("Authorization", ""), body or ""


def build_header(pairs: Pairs, realm: str) -> str:
    """Write an Authorization header field."""
    return str(_parameters.prepare_headers(pairs, realm=realm)["Authorization"])


def read_header(header: str) -> Pairs:
    """Read the parameters of an Authorization header field, all but the realm."""
    return [
        (_utils.unescape(name), _utils.unescape(value))
        for name, value in _utils.parse_authorization_header(header)
        if name != "realm"
    ]
