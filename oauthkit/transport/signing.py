"""The middleware that signs requests, hop by hop, inside the fence."""

from __future__ import annotations

from collections.abc import Iterable
from http.cookies import Morsel, SimpleCookie

import attrs
from aiohttp import ClientHandlerType, ClientPayloadError, ClientRequest, ClientResponse, hdrs
from yarl import URL

from oauthkit.tokens.seams import NothingNewError
from oauthkit.transport.fence import Fence
from oauthkit.transport.seams import Signer

__all__ = ["KeptCookies", "Signing"]


@attrs.frozen
class KeptCookies:
    """
    The cookies that the caller of one request passed himself.

    They stay on the requests to the origin that he named; those of a jar do not, not even under
    the same names. *header* are the pairs (``name=value``) of the Cookie header field that he
    passed, *others* those of ``cookies=``, in each spelling that aiohttp may send.
    """

    url: URL
    header: tuple[str, ...]
    others: frozenset[str]

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
    ours. A request elsewhere passes untouched when the session is somebody's own (*verb* false). A
    client's verbs have checked the first URL themselves, and have one of these for each call. A
    redirect that leads elsewhere then also loses the cookies of the jar, which may be another
    account's, and nothing is signed any more: who got the call could send it back with a URL of
    his choice.
    """

    fence: Fence
    signer: Signer
    cookies: bool = False
    verb: bool = False
    kept: KeptCookies | None = None
    _left: bool = attrs.field(default=False, init=False)

    def evolve(self, *, fence: Fence | None = None, kept: KeptCookies | None = None) -> Signing:
        """Return one with another fence, or for a call with cookies of its own."""
        return Signing(
            fence=fence or self.fence,
            signer=self.signer,
            cookies=self.cookies,
            verb=self.verb,
            kept=kept,
        )

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Sign *request* if its origin is declared, and hand it on."""
        source = None if self._left else self.fence.find(request.url)
        if source is None:
            if not self.verb:
                return await handler(request)
            self._left = True
        if hdrs.COOKIE in request.headers and not self.cookies:
            self._strip_cookies(request)
        body = request.body
        if body and body.consumed:  # before 3.14, aiohttp would send it empty
            raise ClientPayloadError("the body was read up by the request that was redirected")
        if source is None:
            return await handler(request)
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
            # Read to its end, it gives its connection back: renewing may need one. And where no
            # other token is to be had, this is the answer.
            await response.read()
            try:
                token = await source.token(rejected=token)
            except NothingNewError:
                return response

    def _strip_cookies(self, request: ClientRequest) -> None:
        kept = self.kept.filter(request) if self.kept is not None and not self._left else ""
        if kept:
            request.headers[hdrs.COOKIE] = kept
        else:
            del request.headers[hdrs.COOKIE]
