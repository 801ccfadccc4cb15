"""The spellings in which a server may show a value that was sent to it, for masking them."""

from __future__ import annotations

import html
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

__all__ = ["spell"]

_ESCAPE = re.compile(r"%(?:25)?[0-9A-F]{2}")


def spell(value: str) -> Iterator[str]:
    """
    Yield *value* and its encodings that a server may show; mask() knows the usual ones itself.

    Encoded as a form, in lower-case hex, in Base64 and as HTML.
    """
    octets = value.encode(errors="replace")
    once, form = quote(octets, safe=""), quote_plus(octets)
    yield value
    for encoded in (once, quote(once, safe=""), form, quote(form, safe="")):
        yield encoded
        yield _ESCAPE.sub(lambda found: found[0].lower(), encoded)
    yield html.escape(value)
    yield b64encode(octets).decode().rstrip("=")
    yield urlsafe_b64encode(octets).decode().rstrip("=")
