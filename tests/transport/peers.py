"""What the transport's tests share: two services, clients of the first, and what may not leak."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import attrs

import support
from oauthkit import AsyncOAuth1Client, OAuth1Provider, connect
from oauthkit.testing.servers import OAuth1Server
from oauthkit.testing.servers.records import Exchange

T = TypeVar("T")

HOST = "api.example"
OTHER_HOST = "upload.example"
FOREIGN_HOST = "evil.example"
PLACEMENTS = ("header", "body", "query")
FORM = "application/x-www-form-urlencoded"


def run(awaitable: Awaitable[T]) -> T:
    """
    Do as ``support.run()``, and wait until the loop watches no connection any more.

    aiohttp does not wait for the TLS shutdown of a WebSocket or of a response that was cut off.
    """

    async def main() -> T:
        loop: Any = asyncio.get_running_loop()
        try:
            return await awaitable
        finally:
            while len(loop._selector.get_map()) > 1:  # noqa: ASYNC110 (there is no event)
                await asyncio.sleep(0)

    return support.run(main())


@attrs.frozen
class Pair:
    """
    A service and a stranger; the stranger must never hear of the service's credentials.

    *home* also plays what differs from the declared origin in port or scheme alone.
    """

    home: OAuth1Server
    stranger: OAuth1Server

    def clear(self) -> None:
        """Forget what arrived."""
        self.home.log.clear()
        self.stranger.log.clear()

    def all(self) -> list[Exchange]:
        """Return what arrived anywhere."""
        return [*self.home.log, *self.stranger.log]


@contextmanager
def running_pair(**options: Any) -> Generator[Pair, None, None]:
    """Run both; *options* are those of the service."""
    home = OAuth1Server(hosts=[HOST, OTHER_HOST], **options)
    with home, OAuth1Server(hosts=[FOREIGN_HOST]) as stranger:
        yield Pair(home, stranger)


def declare(**options: Any) -> OAuth1Provider:
    """Declare the service; only its first host belongs to it."""
    base = f"https://{HOST}"
    settings: dict[str, Any] = {
        "name": "example",
        "title": "Example",
        "documentation": f"{base}/docs",
        "temporary_credential_endpoint": f"{base}/oauth/request_token",
        "authorization_endpoint": f"{base}/oauth/authorize",
        "token_endpoint": f"{base}/oauth/access_token",
        "api_base": base,
        **options,
    }
    return OAuth1Provider(**settings)


def client_of(
    pair: Pair, session: Any = None, creds: dict[str, str] | None = None, **options: Any
) -> AsyncOAuth1Client:
    """Make a client; *options* that are fields of a declaration go there, the others to it."""
    fields = {a.name for a in attrs.fields(OAuth1Provider)} - {"origins"}
    declared = {name: options.pop(name) for name in list(options) if name in fields}
    return connect(declare(**declared), creds or pair.home.creds, session=session, **options)


def hears_nothing(pair: Pair, exchange: Exchange) -> None:
    """Fail if anything of ours, or of a session's jar, is in what a stranger received."""
    names = {name.lower() for name, _ in exchange.headers}
    assert "authorization" not in names
    assert "cookie" not in names
    text = "\n".join(
        [exchange.method, exchange.url, *(f"{n}: {v}" for n, v in exchange.headers)]
    ).encode("utf-8", "surrogateescape")
    received = text + b"\n" + exchange.body
    for secret in (
        b"oauth_",
        *(value.encode() for value in pair.home.creds.values()),
    ):
        assert secret not in received


def verified(exchange: Exchange) -> None:
    """Fail unless the service recomputed the signature and all of its checks passed."""
    assert exchange.signed
    assert () == exchange.failed
    assert "signature" in {check.name for check in exchange.checks}
