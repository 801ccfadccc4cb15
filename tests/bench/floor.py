"""
The floor: the least work found that still signs every request right, in pure Python (RFC 5849 §3).

A yardstick and no library: it takes the request as text, checks nothing, keeps what it likes in
caches, and has neither errors nor options. What the package takes more than this is its price.
"""

from __future__ import annotations

import hmac
import os
import re
import time
from binascii import b2a_base64
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import attrs

__all__ = ["CREDENTIALS", "Credentials", "Floor"]


@attrs.frozen
class Credentials:
    """What all that is compared signs with; made up."""

    client_id: str
    client_secret: str
    token: str
    token_secret: str


CREDENTIALS = Credentials(
    client_id="q7RmZt0XcVbN3aLsKdJfHgPoI",
    client_secret="Zx81vB2nM0qWeRtYuIoPaSdFgHjKlQwErTy5ZuIoPlMnBvCxYa",
    token="90817263-aQwSeDrFtGyHuJiKoLpMnBvCxZlKjHgFdSaPoIuY",
    token_secret="pLoKiMjUnHyBgTvFrCdExSwZaQ1029384756aBcDeFgHi",
)


def _encode(text: str) -> str:
    return quote(text, safe="~")


_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~&=%]++").fullmatch
_BAD_ESCAPE = re.compile(
    r"%(?!(?:[018-9A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[BCDE]|60|7[BCDF]))"
).search
_PATH = re.compile(r"[A-Za-z0-9\-._~/%]++").fullmatch
_TOKEN = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~&=]").sub


class _Canonical(dict[str, str]):
    """One token of a query string -> its canonical form."""

    def __missing__(self, token: str) -> str:
        if len(token) == 3:
            character = chr(int(token[1:], 16))
            plain = character.isascii() and (character.isalnum() or character in "-._~")
            found = character if plain else token.upper()
        else:
            found = _encode(token)
        if len(self) < 4096:
            self[token] = found
        return found


_CANONICAL = _Canonical()


def _rewrite(query: str) -> str:
    parts: list[str] = []
    for pair in _TOKEN(lambda match: _CANONICAL[match[0]], query).split("&"):
        if pair:
            name, _, value = pair.partition("=")
            parts.append(f"{name}={value.replace('=', '%3D')}")
    return "&".join(parts)


def _parts(query: str) -> list[str]:
    """Return the pairs, encoded twice; "!" stands for "=" and sorts below all that is encoded."""
    if "+" in query:
        query = query.replace("+", "%20")
    if not _CHARACTERS(query) or ("%" in query and _BAD_ESCAPE(query)):
        query = _rewrite(query)
    parts = query.replace("%", "%25").replace("=", "!").split("&")
    if query.count("=") != len(parts) or [part for part in parts if "!" not in part]:
        query = _rewrite(query)
        parts = query.replace("%", "%25").replace("=", "!").split("&") if query else []
    return parts


class Floor:
    """Sign with HMAC-SHA1 and one pair of credentials, in the header."""

    def __init__(self, credentials: Credentials) -> None:
        key, token = _encode(credentials.client_id), _encode(credentials.token)
        self._item = (
            f"oauth_consumer_key!{_encode(key)}%26oauth_nonce!",
            "%26oauth_signature_method!HMAC-SHA1%26oauth_timestamp!",
            f"%26oauth_token!{_encode(token)}%26oauth_version!1.0",
        )
        self._head = (
            f'OAuth oauth_consumer_key="{key}", oauth_nonce="',
            '", oauth_signature_method="HMAC-SHA1", oauth_timestamp="',
            f'", oauth_token="{token}", oauth_version="1.0", oauth_signature="',
        )
        secrets = f"{_encode(credentials.client_secret)}&{_encode(credentials.token_secret)}"
        self._digest = _make_digest(secrets.encode())
        self._origins: dict[str, str] = {}

    def sign(self, method: str, url: str, body: str | None = None) -> str:
        """Return the value of the Authorization header field."""
        nonce = os.urandom(16).hex()
        timestamp = f"{int(time.time())}"
        if "#" in url:
            url = url.partition("#")[0]
        head, _, query = url.partition("?")
        one, two, three = self._item
        item = f"{one}{nonce}{two}{timestamp}{three}"
        if body:
            query = f"{query}&{body}" if query else body
        if query:
            parts = _parts(query)
            if "oauth_" in query or ("%" in query and any(p.startswith("oauth_") for p in parts)):
                parts += item.split("%26")
            else:
                parts.append(item)
            parts.sort()
            item = "%26".join(parts)
        item = item.replace("!", "%3D")
        signature = self._digest(f"{method}&{self._base_uri(head)}&{item}")
        first, second, third = self._head
        return f'{first}{nonce}{second}{timestamp}{third}{signature}"'

    def _base_uri(self, head: str) -> str:
        slash = head.find("/", 8)
        if slash > 0 and _PATH(head, slash):
            origin = self._origins.get(head[:slash])
            if origin is None:
                origin = self._origins[head[:slash]] = _encode(_base_uri(head[:slash] + "/")[:-1])
            return origin + head[slash:].replace("%", "%25").replace("/", "%2F")
        return _encode(_base_uri(head))


def _base_uri(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    default = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{host.removesuffix(default)}{parts.path or '/'}"


def _make_digest(key: bytes) -> Callable[[str], str]:
    def digest(base_string: str, hmac_digest: Callable[..., bytes] = hmac.digest) -> str:
        text = b2a_base64(hmac_digest(key, base_string.encode(), "sha1"), newline=False).decode()
        return text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")

    return digest
