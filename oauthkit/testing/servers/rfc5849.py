"""
Verify OAuth 1.0a requests, by the book: a second, plain reading of RFC 5849, section 3.

Nothing here is fast and nothing is shared with the client: each function does what one section
says, on octets, so that a mistake of the client cannot be repeated here by construction.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

__all__ = [
    "HMAC_METHODS",
    "RSA_METHODS",
    "SIGNATURE_METHODS",
    "Authorization",
    "MalformedError",
    "Pair",
    "base_string",
    "base_string_uri",
    "body_hash",
    "collect_parameters",
    "decode",
    "encode",
    "form_pairs",
    "is_form",
    "is_oauth",
    "normalize",
    "parse_authorization",
    "shared_key",
    "signature_matches",
    "split_query",
]

Pair = tuple[bytes, bytes]

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_HEX = frozenset(b"0123456789ABCDEFabcdef")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_SCHEME = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]+|$)")
_PARAMETER = re.compile(r'([^\s=,"]+)="((?:[^"\\]|\\.)*)"')

HMAC_METHODS = {
    "HMAC-SHA1": hashlib.sha1,
    "HMAC-SHA256": hashlib.sha256,
    "HMAC-SHA512": hashlib.sha512,
}
RSA_METHODS: dict[str, type[hashes.SHA1 | hashes.SHA256 | hashes.SHA512]] = {
    "RSA-SHA1": hashes.SHA1,
    "RSA-SHA256": hashes.SHA256,
    "RSA-SHA512": hashes.SHA512,
}
SIGNATURE_METHODS = (*HMAC_METHODS, *RSA_METHODS, "PLAINTEXT")


class MalformedError(ValueError):
    """Say that something received does not follow the RFC's grammar."""


def encode(value: str | bytes) -> str:
    """Encode *value*, text as UTF-8, octet by octet (RFC 5849, section 3.6)."""
    octets = value.encode() if isinstance(value, str) else value
    return "".join(chr(o) if o in _UNRESERVED else f"%{o:02X}" for o in octets)


def decode(text: bytes, *, plus_is_space: bool = False) -> bytes:
    """
    Decode percent-encoded *text* into octets (RFC 3986, section 2.1).

    A ``%`` without two hexadecimal digits stands for itself. *plus_is_space* is the additional
    rule of forms (HTML 4.01, section 17.13.4.1).
    """
    out = bytearray()
    at = 0
    while at < len(text):
        octet = text[at]
        if octet == 0x25 and len(text) > at + 2 and text[at + 1] in _HEX and text[at + 2] in _HEX:
            out.append(int(text[at + 1 : at + 3], 16))
            at += 3
            continue
        out.append(0x20 if plus_is_space and octet == 0x2B else octet)
        at += 1
    return bytes(out)


def form_pairs(text: bytes) -> list[Pair]:
    """Split a form or a query, then decode its parts (RFC 5849, section 3.4.1.3.1)."""
    pairs: list[Pair] = []
    for piece in text.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            pairs.append((decode(name, plus_is_space=True), decode(value, plus_is_space=True)))
    return pairs


def split_query(url: str) -> bytes:
    """Cut the query out of *url*, without its fragment (RFC 3986, section 3.4)."""
    before_fragment = url.partition("#")[0]
    # Octets outside ASCII that a peer sent undecoded reach us as surrogates: give them back.
    return before_fragment.partition("?")[2].encode("utf-8", "surrogateescape")


def is_form(content_type: str | None) -> bool:
    """Tell whether *content_type* is the form type, whatever its parameters (section 3.4.1.3.1)."""
    media_type = (content_type or "").partition(";")[0]
    return media_type.strip().lower() == "application/x-www-form-urlencoded"


@attrs.frozen(kw_only=True)
class Authorization:
    """Hold a parsed ``Authorization`` field: its realm and its other parameters, decoded."""

    realm: str | None
    pairs: tuple[Pair, ...] = attrs.field(repr=False)


def is_oauth(field: str) -> bool:
    """Tell whether an ``Authorization`` *field* has the scheme OAuth (section 3.5.1)."""
    scheme = _SCHEME.match(field)
    return scheme is not None and scheme[1].lower() == "oauth"


def parse_authorization(field: str) -> Authorization:
    """
    Parse an ``Authorization`` field of the OAuth scheme (section 3.5.1).

    Raises `MalformedError` for another scheme, for anything that is not ``name="value"`` between
    commas, and for a second realm.
    """
    scheme = _SCHEME.match(field)
    if scheme is None or scheme[1].lower() != "oauth":
        raise MalformedError("the Authorization header is not of the OAuth scheme")
    realm: str | None = None
    pairs: list[Pair] = []
    at = scheme.end()
    while at < len(field):
        if field[at] in " \t,":
            at += 1
            continue
        found = _PARAMETER.match(field, at)
        if found is None:
            raise MalformedError(f'expected name="value" at octet {at} of the Authorization header')
        at = found.end()
        if field[at : at + 1] not in ("", ",", " ", "\t"):
            raise MalformedError(f"expected a comma at octet {at} of the Authorization header")
        if found[1].lower() == "realm":
            if realm is not None:
                raise MalformedError("two realms in the Authorization header")
            realm = re.sub(r"\\(.)", r"\1", found[2])
            continue
        name, value = (part.encode("utf-8", "surrogateescape") for part in found.groups())
        pairs.append((decode(name), decode(value)))
    return Authorization(realm=realm, pairs=tuple(pairs))


def collect_parameters(
    url: str, header: Iterable[Pair], body: bytes, content_type: str | None
) -> list[Pair]:
    """Collect the parameters of a request from its three sources (section 3.4.1.3.1)."""
    pairs = [*form_pairs(split_query(url)), *header]
    if is_form(content_type):
        pairs += form_pairs(body)
    return pairs


def normalize(pairs: Iterable[Pair]) -> str:
    """Encode, sort and join *pairs* (section 3.4.1.3.2)."""
    encoded = sorted((encode(name), encode(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def base_string_uri(url: str) -> str:
    """Reduce an absolute *url* to scheme, authority and path (section 3.4.1.2)."""
    parts = _URL.match(url)
    if parts is None:
        raise MalformedError("not an absolute URL")
    scheme, authority, path = parts.groups()
    scheme = scheme.lower()
    host, port = authority.rpartition("@")[2].lower(), ""
    with_port = re.fullmatch(r"(.*):(\d*)", host)
    if with_port is not None:
        host, port = with_port.groups()
    if port and port != _DEFAULT_PORTS.get(scheme):
        host = f"{host}:{port}"
    return f"{scheme}://{host}{path or '/'}"


def base_string(
    method: str,
    url: str,
    header: Iterable[Pair],
    body: bytes = b"",
    content_type: str | None = None,
) -> str:
    """Construct the signature base string of a request (section 3.4.1.1)."""
    signed = [
        pair
        for pair in collect_parameters(url, header, body, content_type)
        if pair[0] != b"oauth_signature"
    ]
    uri = base_string_uri(url).encode("utf-8", "surrogateescape")
    return "&".join((encode(method.upper()), encode(uri), encode(normalize(signed))))


def shared_key(client_secret: str, token_secret: str) -> str:
    """Join both secrets: the HMAC key, and the whole of PLAINTEXT (sections 3.4.2 and 3.4.4)."""
    return f"{encode(client_secret)}&{encode(token_secret)}"


def signature_matches(
    signature: bytes,
    *,
    signature_method: str,
    base: str,
    client_secret: str = "",
    token_secret: str = "",
    public_key: RSAPublicKey | None = None,
) -> bool:
    """
    Tell whether *signature* is right for the base string *base* (section 3.4.2 to 3.4.4).

    Raises `MalformedError` for an unknown method, and for an RSA method without a public key.
    """
    if signature_method == "PLAINTEXT":
        expected = shared_key(client_secret, token_secret).encode()
        return hmac.compare_digest(expected, signature)
    if signature_method in HMAC_METHODS:
        key = shared_key(client_secret, token_secret).encode()
        digest = hmac.new(key, base.encode(), HMAC_METHODS[signature_method]).digest()
        return hmac.compare_digest(base64.b64encode(digest), signature)
    if signature_method not in RSA_METHODS:
        raise MalformedError(f"unknown signature method {signature_method!r}")
    if public_key is None:
        raise MalformedError("no RSA public key was established for this client")
    try:
        octets = base64.b64decode(signature, validate=True)
        public_key.verify(
            octets, base.encode(), padding.PKCS1v15(), RSA_METHODS[signature_method]()
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def body_hash(body: bytes, signature_method: str) -> str:
    """
    Hash *body* for ``oauth_body_hash`` (OAuth Request Body Hash 1.0, section 3.2).

    The hash function is the one of the signature method; PLAINTEXT, which has none, uses SHA-1.
    """
    name = signature_method.rpartition("-")[2].lower()
    function = name if name in ("sha256", "sha512") else "sha1"
    return base64.b64encode(hashlib.new(function, body).digest()).decode()
