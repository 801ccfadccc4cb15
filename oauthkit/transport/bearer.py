"""Puts a bearer token on aiohttp requests: header, form body or query (RFC 6750 §2)."""

from __future__ import annotations

from typing import Literal

import attrs
from aiohttp import ClientRequest, ClientResponse, hdrs

from oauthkit.errors import RequestError
from oauthkit.protocol.oauth1 import encode_form
from oauthkit.protocol.token import Token, is_credential
from oauthkit.transport.placing import has_room, put_into_query, read_body, replace_body
from oauthkit.transport.seams import Undo

__all__ = ["BearerSigner", "TokenPlacement"]

TokenPlacement = Literal["header", "body", "query"]

# Types that are more than a bearer of their text: sending them as one would give them away.
_NOT_BEARER = frozenset({"dpop", "mac", "pop", "n_a"})


@attrs.define(eq=False, kw_only=True)
class BearerSigner:
    """Send the access token as it is; a 401 asks for another one (RFC 6750 §3.1)."""

    placement: TokenPlacement = "header"

    async def sign(self, request: ClientRequest, token: Token) -> Undo | None:
        """Put the token on *request*; see ``Signer``."""
        access = token.get("access_token")
        if not is_credential(access):
            raise RequestError(
                "there is no access token that can be sent: it is missing, or not printable ASCII "
                "(RFC 6749 appendix A.12)"
            )
        kind = str(token.get("token_type", "Bearer")).lower()
        if kind in _NOT_BEARER:
            raise RequestError(
                f"the token's type is {kind!r}: it cannot be sent as a bearer token (RFC 6749 §7.1)"
            )
        placement = self.placement
        if placement == "body" and not has_room(request):
            placement = "header"  # which every resource server has to take (RFC 6750 §2.1)
        if placement == "header":
            request.headers[hdrs.AUTHORIZATION] = f"Bearer {access}"
            return None
        pair = encode_form([("access_token", access)])
        if placement == "query":
            request.headers[hdrs.CACHE_CONTROL] = "no-store"  # RFC 6750 §2.3
            return put_into_query(
                request, "&".join(filter(None, (request.url.raw_query_string, pair)))
            )
        form = await read_body(request)
        return await replace_body(request, b"&".join(filter(None, (form, pair.encode()))))

    def challenge(self, response: ClientResponse) -> Literal["token", "proof"] | None:
        """Ask for another token where this one was refused."""
        return "token" if response.status == 401 else None
