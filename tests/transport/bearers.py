"""What the bearer tests share: a resource and a stranger on loopback, and what arrived at each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
from aiohttp import web

from oauthkit.protocol.origins import parse_origin
from oauthkit.tokens.seams import TokenSource
from oauthkit.transport.bearer import BearerSigner, TokenPlacement
from oauthkit.transport.fence import Fence
from oauthkit.transport.signing import Signing

FORM = "application/x-www-form-urlencoded"
PLACEMENTS: tuple[TokenPlacement, ...] = ("header", "body", "query")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@attrs.frozen
class Arrived:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def sent(self) -> tuple[str | None, str, bytes]:
        """Authorization field, target and body."""
        return self.headers.get("Authorization"), self.target, self.body


@attrs.define(eq=False)
class Site:
    """A server on loopback that logs what arrives; *handlers* by path, else 200 and ``ok``."""

    handlers: dict[str, Handler] = attrs.field(factory=dict[str, Handler])
    log: list[Arrived] = attrs.field(factory=list[Arrived])
    origin: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Log the request, and answer."""
        headers = {name.title(): value for name, value in request.headers.items()}
        body = await request.read()
        self.log.append(Arrived(request.method, request.raw_path, headers, body))
        handler = self.handlers.get(request.path)
        return web.Response(text="ok") if handler is None else await handler(request)

    def redirect(self, path: str, status: int, location: str) -> None:
        """Answer so at *path*."""

        async def answer(_: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": location})

        self.handlers[path] = answer


@asynccontextmanager
async def serving() -> AsyncGenerator[Site]:
    """Run a server on a free port."""
    site = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        site.origin = f"http://{host}:{port}"
        yield site
    finally:
        await runner.cleanup()


@asynccontextmanager
async def pair() -> AsyncGenerator[tuple[Site, Site]]:
    """Run a resource and a stranger."""
    async with serving() as home, serving() as stranger:
        yield home, stranger


def signing(site: Site, source: TokenSource, placement: TokenPlacement = "header") -> Signing:
    """Make the middleware that sends the token to *site* alone."""
    fence = Fence.around([parse_origin(site.origin)], source)
    return Signing(fence=fence, signer=BearerSigner(placement=placement))
