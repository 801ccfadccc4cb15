"""Percent-encoding and form decoding, octet by octet (RFC 5849 §3.6 and §3.4.1.3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote_to_bytes

from oauthkit.errors import RequestError

__all__ = [
    "FORM",
    "decode_form",
    "decode_percent",
    "encode_form",
    "is_form",
    "percent_encode",
    "to_octets",
]

FORM = "application/x-www-form-urlencoded"
_ONLY_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]*+").fullmatch


def to_octets(text: str) -> bytes:
    """Return *text* in UTF-8; raises RequestError for a lone surrogate, which UTF-8 cannot hold."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    # Outside of the handler: the codec's error holds the whole text, and would be the context.
    raise RequestError("a lone surrogate cannot be signed: no encoding for the wire holds it")


def percent_encode(value: str | bytes) -> str:
    """
    Encode *value* as RFC 5849 §3.6 says: all but letters, digits, ``-._~``, in upper-case hex.

    Text is taken as UTF-8; octets are taken as they are. Raises RequestError for text that UTF-8
    cannot hold, a lone surrogate.
    """
    if isinstance(value, str):
        if _ONLY_UNRESERVED(value):
            return value
        value = to_octets(value)
    return quote(value, safe="~")


def decode_percent(text: str) -> bytes:
    """Decode ``%XX`` and nothing else; a ``%`` that starts no escape stays as it is."""
    return unquote_to_bytes(to_octets(text))


def decode_form(text: str | bytes) -> list[tuple[bytes, bytes]]:
    """
    Split a query component or a form body into its pairs, as octets (RFC 5849 §3.4.1.3.1).

    ``+`` is a space. A name without ``=`` has an empty value; empty segments are left out. Nothing
    is decoded as a character set, so that octets that are no UTF-8 are kept as they were sent.
    Raises RequestError for text with a lone surrogate.
    """
    if isinstance(text, str):
        text = to_octets(text)
    pairs: list[tuple[bytes, bytes]] = []
    for segment in text.split(b"&"):
        if segment:
            name, _, value = segment.replace(b"+", b" ").partition(b"=")
            pairs.append((unquote_to_bytes(name), unquote_to_bytes(value)))
    return pairs


def encode_form(pairs: Iterable[tuple[str | bytes, str | bytes]]) -> str:
    """Join *pairs* into a query component or a form body, a space as ``%20``."""
    return "&".join(f"{percent_encode(name)}={percent_encode(value)}" for name, value in pairs)


def is_form(content_type: str | None) -> bool:
    """Say whether a Content-Type is a form's, with whatever parameters (RFC 9110 §8.3.1)."""
    return content_type == FORM or (content_type or "").partition(";")[0].strip().lower() == FORM
