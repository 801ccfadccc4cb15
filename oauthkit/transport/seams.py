"""The seams of the transport: what puts a token on a request, and what calls a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Protocol

import attrs
from aiohttp import ClientRequest, ClientResponse

from oauthkit.protocol.token import Token

__all__ = ["Answer", "Caller", "Signer", "show_content_type"]

Undo = Callable[[], Awaitable[None]]

_USUAL_TYPES = frozenset(
    {
        "application/json",
        "application/octet-stream",
        "application/problem+json",
        "application/x-www-form-urlencoded",
        "application/xml",
        "text/html",
        "text/plain",
        "text/xml",
    }
)


def show_content_type(content_type: str) -> str:
    """Return a media type as an error may show it: an unusual one may repeat what was sent."""
    if content_type in _USUAL_TYPES:
        return content_type
    return "an unusual content type" if content_type else "no content type"


class Signer(Protocol):
    """Puts a token on a request, and reads what the answer says about it."""

    async def sign(self, request: ClientRequest, token: Token) -> Undo | None:
        """
        Sign *request* in place; return what takes the signature off its URL or body again.

        Raises RequestError where the request cannot be signed.
        """
        ...

    def challenge(self, response: ClientResponse) -> Literal["token", "proof"] | None:
        """Say what to try once more with: another token, another proof, or nothing."""
        ...


@attrs.frozen(kw_only=True)
class Answer:
    """
    What a protocol endpoint answered: *body* is inflated and at most as long as was allowed.

    *endpoint* is the URL without its query; header names are in lower case.
    """

    endpoint: str
    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case; "" where there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Caller(Protocol):
    """Calls protocol endpoints."""

    async def call(
        self, method: str, url: str, *, form: str | None = None, headers: Mapping[str, str]
    ) -> Answer:
        """Send one request with these headers and this form body, and read the answer."""
        ...
