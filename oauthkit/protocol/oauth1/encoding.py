"""Percent-encoding and form decoding, octet by octet (RFC 5849 §3.6 and §3.4.1.3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote_to_bytes

__all__ = ["decode_form", "decode_percent", "encode_form", "is_form", "percent_encode"]

FORM = "application/x-www-form-urlencoded"
_ONLY_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]*+").fullmatch


def percent_encode(value: str | bytes) -> str:
    """
    Encode *value* as RFC 5849 §3.6 says: all but letters, digits, ``-._~``, in upper-case hex.

    Text is taken as UTF-8; octets are taken as they are. Raises UnicodeEncodeError (a ValueError)
    for text that UTF-8 cannot hold, a lone surrogate.
    """
    if isinstance(value, str) and _ONLY_UNRESERVED(value):
        return value
    return quote(value, safe="~")


def decode_percent(text: str) -> bytes:
    """Decode ``%XX`` and nothing else; a ``%`` that starts no escape stays as it is."""
    return unquote_to_bytes(text)


def decode_form(text: str | bytes) -> list[tuple[bytes, bytes]]:
    """
    Split a query component or a form body into its pairs, as octets (RFC 5849 §3.4.1.3.1).

    ``+`` is a space. A name without ``=`` has an empty value; empty segments are left out. Nothing
    is decoded as a character set, so that octets that are no UTF-8 are kept as they were sent.
    """
    if isinstance(text, str):
        text = text.encode()
    pairs = []
    for segment in text.split(b"&"):
        if segment:
            name, _, value = segment.replace(b"+", b" ").partition(b"=")
            pairs.append((unquote_to_bytes(name), unquote_to_bytes(value)))
    return pairs


def encode_form(pairs: Iterable[tuple[str | bytes, str | bytes]]) -> str:
    """Join *pairs* into a query component or a form body, a space as ``%20``."""
    return "&".join(f"{percent_encode(name)}={percent_encode(value)}" for name, value in pairs)


def is_form(content_type: str | None) -> bool:
    """Say whether a Content-Type is the form type; its parameters do not matter (RFC 9110 §8.3.1)."""
    return bool(content_type) and content_type.partition(";")[0].strip().lower() == FORM  # type: ignore[union-attr]
