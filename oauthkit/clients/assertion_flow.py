"""The assertion grant: a signed JWT for an access token (RFC 7523 §2.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from oauthkit.clients.oauth2_flow import OAuth2Flow
from oauthkit.clients.overrides import read_mapping
from oauthkit.protocol.grants import JWT_BEARER
from oauthkit.protocol.jose import Algorithm, JwtSigner
from oauthkit.tokens.stores import Record
from oauthkit.transport.keys import prepare_key

__all__ = ["AssertionExchange"]


@attrs.define(eq=False, kw_only=True)
class AssertionExchange:
    """
    Sign an assertion and exchange it; there is nothing to refresh, a new one is signed.

    *claims* are those besides ``iss``, ``sub``, ``aud``, ``iat`` and ``exp``; *lifetime* is in
    seconds. The key is parsed on first use, in a thread.
    """

    flow: OAuth2Flow
    token_endpoint: str
    issuer: str
    audience: str
    subject: str | None = None
    claims: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    key: str = attrs.field(repr=False)
    alg: Algorithm = "RS256"
    header: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    lifetime: int = 3600
    grant_type: str = JWT_BEARER
    form: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    prepare_claims: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    _signer: JwtSigner | None = attrs.field(default=None, init=False, repr=False)

    @property
    def spender(self) -> None:
        """What is to be known of its refresh tokens: there are none; see ``Exchange``."""

    async def __call__(self, record: Record | None) -> Mapping[str, Any]:  # noqa: ARG002 - the seam's
        """Return the members of a new token; see ``Exchange``."""
        form = {"grant_type": self.grant_type, "assertion": await self.assertion(), **self.form}
        return await self.flow.fetch(self.token_endpoint, form)

    async def assertion(self) -> str:
        """Sign an assertion that is good from now on (RFC 7523 §3)."""
        if self._signer is None:
            await prepare_key(self.key)
            self._signer = JwtSigner(self.key, self.alg, self.header)
        now = int(self.flow.clock())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "iat": now,
            "exp": now + self.lifetime,
            **self.claims,
        }
        if self.subject is not None:
            claims["sub"] = self.subject
        if self.prepare_claims is not None:
            prepared = self.prepare_claims(claims)
            claims = read_mapping(self.flow.whose, "prepare_claims", prepared)
        if self.alg in ("RS256", "PS256"):
            # Half a millisecond and more of arithmetic; cryptography lets go of the interpreter.
            return await asyncio.to_thread(self._signer.sign, claims)
        return self._signer.sign(claims)
