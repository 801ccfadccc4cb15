"""
The fast path of request signing: header placement, standard parameters (RFC 5849 §3).

``base_string`` and ``request`` say what a signature is; this module says it again in less time, and
property tests hold the two against each other. Four observations carry it:

* Most query strings are already in the form that the base string wants. A regular expression
  proves that, and then no parameter is decoded or encoded one by one. Of the others most hold a
  few characters that need not be escaped in a URL, such as ``,`` and ``:``: only those are
  rewritten. What is left, a name without ``=``, two ``=`` in one parameter, is done plainly.
* A base string encodes twice. Escaping what is canonical a second time only changes ``%``, ``=``
  and ``&``: three calls of ``str.replace`` for the whole string. While it is sorted, ``!`` stands
  for ``=``: it sorts below every character that an encoded name can hold, so that sorting whole
  parameters sorts by name and then by value.
* Within one token only nonce, time and signature change: the rest is a handful of constants. No
  parameter of a request falls between them, unless its name begins with ``oauth_``; such a
  request is sorted parameter by parameter.
* HMAC takes in the key before it comes to the text. It is kept at that point, and each signature
  goes on with a copy.
"""

from __future__ import annotations

import hmac
import re
from binascii import b2a_base64
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from oauthkit.protocol.oauth1.base_string import build_base_uri
from oauthkit.protocol.oauth1.encoding import (
    decode_form,
    decode_percent,
    encode_form,
    percent_encode,
)
from oauthkit.protocol.oauth1.header import quote_realm
from oauthkit.protocol.oauth1.signatures import (
    check_method,
    hash_name,
    load_rsa_signer,
    signing_key,
)

if TYPE_CHECKING:
    from yarl import URL

__all__ = ["HeaderSigner"]

# A name or value in canonical encoding: unreserved characters, and upper-case escapes of others.
_DIGITS = "(?:[01][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[BCDF]|[89A-F][0-9A-F])"
# Groups are not possessive ("*+"): CPython before 3.11.5 mismatches those, and signs wrong. Nothing
# in them is ambiguous, so that they stay linear without.
_WORD = rf"[A-Za-z0-9\-._~]*+(?:%{_DIGITS}[A-Za-z0-9\-._~]*+)*"
_IS_CANONICAL = re.compile(rf"{_WORD}={_WORD}(?:&{_WORD}={_WORD})*").fullmatch
# What is not: another character, another escape, or a "%" that begins none.
_REWRITE = re.compile(rf"[^A-Za-z0-9\-._~&=%]|%(?!{_DIGITS})(?:[0-9A-Fa-f]{{2}})?").sub
# A path of characters that stand for themselves: when it is encoded, only "%" and "/" change.
_IS_PLAIN_PATH = re.compile(r"/[A-Za-z0-9\-._~/%]*+").fullmatch
_MOST_STARTS = 256


# A service's requests go to few paths.
@lru_cache(maxsize=1024)
def _encode_path(path: str) -> str:
    if _IS_PLAIN_PATH(path):
        return path.replace("%", "%25").replace("/", "%2F")
    return percent_encode(path or "/")


def _make_canonical(query: str) -> str:
    rewritten = _REWRITE(_rewrite, query)
    return rewritten if _IS_CANONICAL(rewritten) else encode_form(decode_form(query))


def _rewrite(match: re.Match[str]) -> str:
    return _encode_token(match[0])


@lru_cache(maxsize=1024)
def _encode_token(token: str) -> str:
    return percent_encode(decode_percent(token))


class HeaderSigner:
    """
    Sign requests with one pair of credentials; the constants are built at the first signature.

    *token* None signs with the client's credentials alone. *rsa_key* is a private key in PEM; it
    is parsed when the object is made. Raises ConfigurationError where it cannot sign, RequestError
    for a realm that no header can hold.
    """

    __slots__ = ("_digest", "_head", "_item", "_plaintext", "_starts")

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str = "",
        token: str | None = None,
        token_secret: str = "",
        signature_method: str = "HMAC-SHA1",
        rsa_key: str | None = None,
        realm: str | None = None,
    ) -> None:
        check_method(signature_method)
        key = percent_encode(client_id)
        prefix = "" if realm is None else f"{quote_realm(realm)}, "
        twice = percent_encode(key)
        # The header's four constants stand around nonce, time and signature …
        held, signed = "", ""
        if token is not None:
            once = percent_encode(token)
            held, signed = f'oauth_token="{once}", ', f"%26oauth_token!{percent_encode(once)}"
        self._head = (
            f'OAuth {prefix}oauth_consumer_key="{key}", oauth_nonce="',
            f'", oauth_signature_method="{signature_method}", oauth_timestamp="',
            f'", {held}oauth_version="1.0", oauth_signature="',
        )
        # … and so do those of the base string, in sorted order, encoded twice.
        self._item = (
            f"oauth_consumer_key!{twice}%26oauth_nonce!",
            f"%26oauth_signature_method!{signature_method}%26oauth_timestamp!",
            f"{signed}%26oauth_version!1.0",
        )
        secrets = signing_key(client_secret, token_secret)
        self._plaintext = percent_encode(secrets) if signature_method == "PLAINTEXT" else None
        self._digest = _make_digest(secrets, signature_method, rsa_key)
        # Method, scheme and authority -> how the base string begins, up to the path.
        self._starts: dict[tuple[str, str, str], str] = {}

    def sign_url(
        self, method: str, url: URL, form: bytes = b"", *, nonce: str, timestamp: str
    ) -> str:
        """Sign a request by its URL, which names the host as the Host header does; see ``sign``."""
        signed = self._plaintext is None
        return self.sign(
            method,
            url.scheme,
            url.host_port_subcomponent or "",
            url.raw_path if signed else "",
            url.raw_query_string if signed else "",
            form,
            nonce=nonce,
            timestamp=timestamp,
        )

    def sign(
        self,
        method: str,
        scheme: str,
        authority: str,
        path: str,
        query: str,
        form: bytes = b"",
        *,
        nonce: str,
        timestamp: str,
    ) -> str:
        """
        Return the value of the Authorization header field of one request.

        *scheme*, *authority* (the Host header field), *path* and *query* are those that go on the
        wire; *form* is the form body, or empty. *timestamp* is in digits (§3.3). Raises
        RequestError for a URL that is not absolute HTTP.
        """
        key = method, scheme, authority
        start = self._starts.get(key) or self._remember(key)
        twice = nonce
        if not (nonce.isalnum() and nonce.isascii()):
            nonce = percent_encode(nonce)
            twice = percent_encode(nonce)
        first, second, third = self._head
        if self._plaintext is not None:
            return f'{first}{nonce}{second}{timestamp}{third}{self._plaintext}"'
        one, two, three = self._item
        item = f"{one}{twice}{two}{timestamp}{three}"
        if form:
            text = form.decode() if form.isascii() else encode_form(decode_form(form))
            query = f"{query}&{text}" if query else text
        if query:
            if "+" in query:
                query = query.replace("+", "%20")
            if not _IS_CANONICAL(query):
                query = _make_canonical(query)
            if query:
                parts = query.replace("%", "%25").replace("=", "!").split("&")
                if "oauth_" in query:
                    item = _merge(parts, item)
                else:
                    parts.append(item)
                    parts.sort()
                    item = "%26".join(parts)
        signature = self._digest(f"{start}{_encode_path(path)}&{item.replace('!', '%3D')}")
        return f'{first}{nonce}{second}{timestamp}{third}{signature}"'

    def _remember(self, key: tuple[str, str, str]) -> str:
        method, scheme, authority = key
        origin = build_base_uri(scheme, authority, "/").removesuffix("/")
        start = f"{percent_encode(method.upper())}&{percent_encode(origin)}"
        if len(self._starts) >= _MOST_STARTS:
            self._starts.clear()
        self._starts[key] = start
        return start


def _merge(parts: list[str], item: str) -> str:
    """Sort one by one where a parameter may fall among ours; a signature in it is not signed."""
    parts = [part for part in parts if not part.startswith("oauth_signature!")]
    parts += item.split("%26")
    parts.sort()
    return "%26".join(parts)


def _make_digest(secrets: str, method: str, rsa_key: str | None) -> Callable[[str], str]:
    """Return the function from base strings to their signatures, encoded for the header."""
    if method.startswith("RSA"):
        rsa = load_rsa_signer(rsa_key, method)

        def sign_rsa(base_string: str) -> str:
            return _encode_base64(rsa(base_string.encode()))

        return sign_rsa
    start = hmac.new(secrets.encode(), digestmod=hash_name(method)).copy

    def sign_hmac(base_string: str) -> str:
        mac = start()
        mac.update(base_string.encode())
        return _encode_base64(mac.digest())

    return sign_hmac


def _encode_base64(octets: bytes) -> str:
    text = b2a_base64(octets, newline=False).decode()
    return text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
