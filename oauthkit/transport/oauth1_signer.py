"""Signs aiohttp requests with OAuth 1.0a, in the header, the body or the query (RFC 5849 §3.5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

import attrs
from aiohttp import ClientRequest, ClientResponse, hdrs

from oauthkit.protocol.oauth1 import (
    HeaderSigner,
    Placement,
    SignatureMethod,
    generate_nonce,
    is_form,
    sign_request,
    signature_base_string,
)
from oauthkit.protocol.token import Token
from oauthkit.transport.keys import prepare_key
from oauthkit.transport.placing import has_room, put_into_query, read_body, replace_body
from oauthkit.transport.seams import Undo

__all__ = ["Clock", "OAuth1Signer"]

# A server's Date has a resolution of one second and the way back takes time; services accept
# timestamps that are minutes off. A clock that is off by less was not what they refused.
_SMALLEST_CORRECTION = 30


@attrs.define(eq=False)
class Clock:
    """Timestamps for signatures: a clock, corrected by a server's Date (RFC 9110 §6.6.1)."""

    now: Callable[[], float] = time.time
    offset: float = 0.0

    def timestamp(self) -> str:
        """Return seconds since the epoch as ``oauth_timestamp`` wants them (RFC 5849 §3.3)."""
        return str(int(self.now() + self.offset))

    def correct(self, date: str | None) -> bool:
        """Take over the time of a Date header field; say whether that changed anything."""
        try:
            theirs = parsedate_to_datetime(date or "")
            if theirs.tzinfo is None:  # "-0000": the time is UTC all the same (RFC 5322 §3.3)
                theirs = theirs.replace(tzinfo=UTC)
            seconds = theirs.timestamp()
        except (ValueError, OverflowError):
            return False
        if seconds < 0:  # a timestamp is positive
            return False
        offset = seconds - self.now()
        if abs(offset - self.offset) < _SMALLEST_CORRECTION:
            return False
        self.offset = offset
        return True


@attrs.define(eq=False, kw_only=True)
class OAuth1Signer:
    """
    Sign requests with one client's credentials and whatever token comes with them.

    Form bodies are signed; all others are sent as they are, and with *hash_body* their hash is
    signed. A request that has no room for the parameters in its body, where they are declared to
    go, carries them in the header, which RFC 5849 §3.5 prefers. The header is written by the fast
    path, everything else by the plain one; so is all with a *base_string* of a
    declaration's own.
    """

    client_id: str
    client_secret: str = attrs.field(repr=False)
    rsa_key: str | None = attrs.field(repr=False)
    signature_method: SignatureMethod
    placement: Placement = "header"
    realm: str | None = None
    hash_body: bool = False
    correct_clock: bool = False
    clock: Clock = attrs.field(factory=Clock)
    nonce: Callable[[], str] = generate_nonce
    base_string: Callable[..., str] | None = None
    _token: Token | None = attrs.field(default=None, init=False, repr=False)
    _header: HeaderSigner | None = attrs.field(default=None, init=False, repr=False)

    async def sign(self, request: ClientRequest, token: Token) -> Undo | None:
        """Sign *request* in place; see ``Signer``."""
        body, headers, placement = request.body, request.headers, self.placement
        content_type, octets = None, b""
        if body or self.hash_body or placement == "body":
            content_type = headers.get(hdrs.CONTENT_TYPE)
            if placement == "body" and not has_room(request):
                placement = "header"
            if body and (self.hash_body or is_form(content_type)):
                octets = await read_body(request)
        if placement == "header" and not self.hash_body and self.base_string is None:
            header = self._header
            if header is None or token is not self._token:
                header = await self._prepare(token)
            url = request.url
            headers[hdrs.AUTHORIZATION] = header.sign(
                request.method,
                url.scheme,
                headers[hdrs.HOST],
                url.raw_path,
                url.raw_query_string,
                octets,
                nonce=self.nonce(),
                timestamp=self.clock.timestamp(),
            )
            return None
        return await self._sign_plainly(request, token, placement, octets, content_type)

    def challenge(self, response: ClientResponse) -> Literal["token", "proof"] | None:
        """Ask for one more try where the clock was wrong, and the declaration corrects it."""
        if self.correct_clock and response.status == 401:
            date = response.headers.get(hdrs.DATE)
            return "proof" if self.clock.correct(date) else None
        return None

    async def _prepare(self, token: Token) -> HeaderSigner:
        await prepare_key(self.rsa_key)
        self._header = HeaderSigner(
            client_id=self.client_id,
            client_secret=self.client_secret,
            token=token.get("oauth_token"),
            token_secret=token.get("oauth_token_secret", ""),
            signature_method=self.signature_method,
            rsa_key=self.rsa_key,
            realm=self.realm,
        )
        self._token = token
        return self._header

    async def _sign_plainly(
        self,
        request: ClientRequest,
        token: Token,
        placement: Placement,
        octets: bytes,
        content_type: str | None,
    ) -> Undo | None:
        await prepare_key(self.rsa_key)
        url = request.url
        # The Host header field is the authority that the server sees (RFC 5849 §3.4.1.2).
        seen = f"{url.scheme}://{request.headers[hdrs.HOST]}{url.raw_path_qs}"
        signed = sign_request(
            request.method,
            seen,
            client_id=self.client_id,
            client_secret=self.client_secret,
            token=token.get("oauth_token"),
            token_secret=token.get("oauth_token_secret", ""),
            rsa_key=self.rsa_key,
            signature_method=self.signature_method,
            placement=placement,
            realm=self.realm,
            body=octets,
            content_type=content_type,
            hash_body=self.hash_body,
            timestamp=self.clock.timestamp(),
            nonce=self.nonce(),
            base_string=self.base_string or signature_base_string,
        )
        request.headers.update(signed.headers)
        if placement == "query":
            return put_into_query(request, signed.url.partition("?")[2])
        if placement == "body":
            return await replace_body(request, signed.body)
        return None
