"""The middleware that signs requests, hop by hop, inside the fence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from http.cookies import Morsel, SimpleCookie

import attrs
from aiohttp import (
    ClientError,
    ClientHandlerType,
    ClientMiddlewareType,
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    hdrs,
)
from aiohttp.payload import Payload
from yarl import URL

from oauthkit.tokens.seams import NothingNewError, TokenSource
from oauthkit.transport.fence import Fence
from oauthkit.transport.seams import Signer

__all__ = ["KeptCookies", "Signing"]

_MOST_HELD = 2**17


@attrs.frozen
class KeptCookies:
    """
    The cookies that the caller of one request passed himself.

    They stay on the requests to the origin that he named; those of a jar do not, not even under
    the same names. *header* are the pairs (``name=value``) of the Cookie header field that he
    passed, *others* those of ``cookies=``, in each spelling that aiohttp may send.
    """

    url: URL
    header: tuple[str, ...] = attrs.field(repr=False)
    others: frozenset[str] = attrs.field(repr=False)

    @classmethod
    def of(
        cls, url: URL, fields: Iterable[str], cookies: Iterable[tuple[str, str | Morsel[str]]]
    ) -> KeptCookies:
        """Note what a caller passed: the values of Cookie header fields, and ``cookies=``."""
        morsels = SimpleCookie()
        for name, value in cookies:
            morsels[name] = value
        others = {f"{name}={m.coded_value}" for name, m in morsels.items()}
        others |= {f"{name}={m.value}" for name, m in morsels.items()}
        pairs = (pair.strip() for field in fields for pair in field.split(";"))
        header = tuple(p for p in pairs if p and p.partition("=")[0] not in morsels)
        return cls(url, header, frozenset(others))

    def filter(self, request: ClientRequest) -> str:
        """Return what the request's Cookie header field is to be; may be empty."""
        if request.url.origin() != self.url.origin():
            return ""
        pairs = (pair.strip() for pair in request.headers.get(hdrs.COOKIE, "").split(";"))
        return "; ".join((*self.header, *(pair for pair in pairs if pair in self.others)))


@attrs.define(eq=False, kw_only=True)
class Signing:
    """
    Sign each request whose origin is inside the fence; an aiohttp client middleware.

    aiohttp runs it again on every redirect hop: each hop is signed anew, or carries nothing of
    ours. It is for a session of somebody's own: a request elsewhere passes untouched. *patience*
    (seconds) is how long the body of a 401 is waited for before the token is renewed.
    """

    fence: Fence
    signer: Signer
    cookies: bool = False
    patience: float = 5.0

    def __call__(
        self, request: ClientRequest, handler: ClientHandlerType
    ) -> Awaitable[ClientResponse]:
        """Sign *request* if its origin is declared, and hand it on."""
        source = self.fence.find(request.url)
        if source is None:
            return handler(request)
        if hdrs.COOKIE in request.headers and not self.cookies:
            del request.headers[hdrs.COOKIE]
        if request.body:
            _refuse_read_up(request.body)
        return self._send(request, handler, source)

    def for_call(self, kept: KeptCookies | None) -> ClientMiddlewareType:
        """
        Return the middleware of one call of a client's verb, which has checked the first URL.

        A redirect that leads elsewhere loses the cookies of the jar too, which may be another
        account's, and from there on nothing is signed: who got the call could send it back with a
        URL of his choice.
        """
        left = False

        def sign(request: ClientRequest, handler: ClientHandlerType) -> Awaitable[ClientResponse]:
            nonlocal left
            source = None if left else self.fence.find(request.url)
            left = source is None
            if hdrs.COOKIE in request.headers and not self.cookies:
                _strip_cookies(request, None if left else kept)
            if request.body:
                _refuse_read_up(request.body)
            return handler(request) if source is None else self._send(request, handler, source)

        return sign

    async def _send(
        self, request: ClientRequest, handler: ClientHandlerType, source: TokenSource
    ) -> ClientResponse:
        token = await source.token()
        tried: tuple[str, ...] = ()
        while True:
            undo = await self.signer.sign(request, token)
            try:
                response = await handler(request)
            finally:
                if undo is not None:
                    await undo()
            cause = self.signer.challenge(response)
            if cause is None or cause in tried or getattr(request.body, "consumed", False):
                return response
            tried += (cause,)
            if cause == "proof":
                response.release()
                continue
            try:
                await _let_arrive(response, self.patience)
                token = await source.token(rejected=token)
            except NothingNewError:
                return response
            except BaseException:
                response.release()
                raise
            response.release()


async def _let_arrive(response: ClientResponse, patience: float) -> None:
    """
    Wait until a body has arrived, and take none of it: where no token is new, it is the answer.

    A response that has arrived gives its connection back, and renewing may need one. aiohttp stops
    reading where nobody takes what it holds (128 KiB). A body that is longer, slow or broken off is
    left as it is, with its connection.
    """
    if (response.content_length or 0) > _MOST_HELD or response.content.exception() is not None:
        return
    with suppress(TimeoutError, ClientError):
        async with asyncio.timeout(patience):
            await response.content.wait_eof()


def _strip_cookies(request: ClientRequest, kept: KeptCookies | None) -> None:
    left = kept.filter(request) if kept is not None else ""
    if left:
        request.headers[hdrs.COOKIE] = left
    else:
        del request.headers[hdrs.COOKIE]


def _refuse_read_up(body: Payload) -> None:
    if body.consumed:  # before 3.14, aiohttp would send it empty
        raise ClientPayloadError("the body was read up by the request that was redirected")
