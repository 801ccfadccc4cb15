"""The Authorization header field of OAuth 1.0a, written and read (RFC 5849 §3.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from oauthkit.errors import RequestError
from oauthkit.protocol.oauth1.base_string import Pair
from oauthkit.protocol.oauth1.encoding import decode_percent, percent_encode

__all__ = ["build_authorization_header", "parse_authorization_header"]

_SCHEME = re.compile(r"\s*oauth(?:\s+|$)", re.IGNORECASE)
# name="value", the quotes optional as some servers write it; a comma inside quotes is the value's,
# and so is a quote after a backslash. Empty elements do not matter (RFC 9110 §5.6.1). Its group is
# not possessive: CPython before 3.11.5 mismatches those.
_PARAMETER = re.compile(
    r'[\s,]*+([^\s=",]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*)"|([^\s",]*+))\s*+(?:,|$)'
)
_QUOTED_PAIR = re.compile(r"\\(.)")


def quote_realm(realm: str) -> str:
    r"""
    Write *realm* as a quoted-string (RFC 9110 §5.6.4): ``"`` and ``\`` escaped, nothing encoded.

    Raises RequestError for control characters and for what is not ASCII: no header can hold it.
    """
    if not realm.isascii() or not realm.isprintable():
        raise RequestError("realm must be printable ASCII: a header field cannot hold more")
    escaped = realm.replace("\\", "\\\\").replace('"', '\\"')
    return f'realm="{escaped}"'


def build_authorization_header(params: Iterable[Pair], realm: str | None = None) -> str:
    """
    Write the value of the Authorization header field from decoded *params* (RFC 5849 §3.5.1).

    *realm* comes first, unencoded, and only if it is not None.
    """
    parts = [] if realm is None else [quote_realm(realm)]
    parts += [f'{percent_encode(name)}="{percent_encode(value)}"' for name, value in params]
    return f"OAuth {', '.join(parts)}"


def parse_authorization_header(header: str) -> tuple[str | None, list[tuple[str, str]]]:
    """
    Read the value of an Authorization header field: the realm, and the decoded parameters in order.

    ``+`` is a plus sign here. Raises RequestError for another scheme, or a list that is malformed.
    """
    scheme = _SCHEME.match(header)
    if scheme is None:
        raise RequestError("not an Authorization header of the OAuth scheme")
    realm: str | None = None
    params: list[tuple[str, str]] = []
    position = scheme.end()
    while position < len(header):
        found = _PARAMETER.match(header, position)
        if found is None:
            if not header[position:].strip(" \t\r\n,"):
                break
            raise RequestError(f"malformed OAuth header at character {position}")
        name, quoted, bare = found.groups()
        value = bare if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
        if name.lower() == "realm":
            realm = value
        else:
            params.append((_text(name), _text(value)))
        position = found.end()
    return realm, params


def _text(encoded: str) -> str:
    return decode_percent(encoded).decode(errors="replace")
