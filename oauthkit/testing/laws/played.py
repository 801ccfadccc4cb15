"""A declared service that is simulated for as long as a law is tried on it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import ClientSession

from oauthkit import AssertionProvider, OAuth2Provider, Provider, connect
from oauthkit.testing.simulators import simulate

__all__ = ["NOW", "Played"]

T = TypeVar("T")

NOW = 1_700_000_000.0
"""Where the clock starts, in seconds since the epoch; it stands still."""


class Played:
    """
    The service, an event loop, and a session that reaches nothing else.

    *server* is the embedded server that plays it; *options* are the server's.
    """

    def __init__(self, provider: Provider[Any], **options: Any) -> None:
        if isinstance(provider, AssertionProvider):
            options.setdefault("subjects", None)  # it may act for any user
        self.provider = provider
        self.simulation = simulate(provider, clock=NOW, **options)
        self.server: Any = self.simulation.server
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start the service and the loop."""
        self._runner = self._stack.enter_context(asyncio.Runner())
        self.run(self.simulation.__aenter__())
        self._stack.callback(lambda: self.run(self.simulation.__aexit__(None, None, None)))
        self.session: ClientSession = self.run(self._open())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End both."""
        self._stack.close()

    async def _open(self) -> ClientSession:
        return self.simulation.session

    @property
    def now(self) -> float:
        """The seconds since the epoch that service and clients go by."""
        return self.simulation.clock()

    @now.setter
    def now(self, seconds: float) -> None:
        self.simulation.clock.advance(seconds - self.now)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* to its end on the one loop."""
        return self._runner.run(work)

    def connect(self, creds: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """
        Make a client of the declaration; *creds* default to the service's.

        With OAuth 1.0a they hold a token; with OAuth 2 none, but what a user has given the client
        where the grant needs it: a password (RFC 6749 §4.3), a refresh token (§6).
        """
        given = self.simulation.creds if creds is None else creds
        if isinstance(self.provider, OAuth2Provider):
            held = self._held(options.get("grant_type"))
            given = {**held, **(self.server.creds if creds is None else creds)}
        settings: dict[str, Any] = {"session": self.session, "clock": self.simulation.clock}
        return connect(self.provider, given, **{**settings, **options})

    def _held(self, grant_type: str | None) -> dict[str, str]:
        kind = grant_type or self.provider.grant_types[0]
        if kind == "password":
            return {"username": "alice", "password": self.server.users["alice"]}
        if kind == "refresh_token":
            return {"refresh_token": self.server.issue()["refresh_token"]}
        return {}
