"""A declared service that is played on loopback, for as long as a law is tried on it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import ClientSession

from oauthkit import AssertionProvider, OAuth1Provider, OAuth2Provider, Provider, connect
from oauthkit.testing.servers import AssertionServer, OAuth1Server, OAuth2Server

__all__ = ["Played"]

T = TypeVar("T")

NOW = 1_700_000_000.0


class Played:
    """
    The service, an event loop, and a session that reaches nothing else.

    *server* is the embedded server that plays it, *now* the seconds since the epoch that both it
    and the clients go by.
    """

    def __init__(self, provider: Provider[Any], **options: Any) -> None:
        self.provider = provider
        self.now = NOW
        self.server: Any = _server_of(provider, clock=lambda: self.now, **options)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start the service and the loop."""
        self._stack.enter_context(self.server)
        self._runner = self._stack.enter_context(asyncio.Runner())
        self.session: ClientSession = self.run(self._open())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End both."""
        self.run(self.session.close())
        self._stack.close()

    async def _open(self) -> ClientSession:
        session: ClientSession = self.server.session()
        return session

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* to its end on the one loop."""
        return self._runner.run(work)

    def connect(self, creds: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """
        Make a client of the declaration; *creds* default to the server's, with their token.

        A user's password, or a refresh token, is added where the grant needs one.
        """
        given = self.server.creds if creds is None else creds
        if isinstance(self.provider, OAuth2Provider):
            given = {**self._held(options.get("grant_type")), **given}
        settings: dict[str, Any] = {"session": self.session, "clock": lambda: self.now, **options}
        return connect(self.provider, given, **settings)

    def _held(self, grant_type: str | None) -> dict[str, str]:
        """Return what the user of an OAuth 2 grant has given to the client (RFC 6749 §4.3, §6)."""
        kind = grant_type or self.provider.grant_types[0]
        if kind == "password":
            return {"username": "alice", "password": self.server.users["alice"]}
        if kind == "refresh_token":
            return {"refresh_token": self.server.issue()["refresh_token"]}
        return {}


def _server_of(provider: Provider[Any], **options: Any) -> Any:
    if isinstance(provider, OAuth1Provider):
        return OAuth1Server.for_provider(provider, **options)
    if isinstance(provider, OAuth2Provider):
        return OAuth2Server.for_provider(provider, **options)
    if isinstance(provider, AssertionProvider):
        return AssertionServer.for_provider(provider, subjects=None, **options)
    raise TypeError(f"nothing plays the service of a {type(provider).__name__}")
