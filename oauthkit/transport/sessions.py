"""The aiohttp session of a client: the caller's own, or one made on first use."""

from __future__ import annotations

import asyncio

import attrs
from aiohttp import ClientSession, CookieJar, DummyCookieJar

from oauthkit.tokens.flights import LoopBinding

__all__ = ["SessionHolder"]


@attrs.define(eq=False)
class SessionHolder:
    """
    Hands out the session to use on the running loop.

    *given* is the caller's own and is never closed here. Without one, a session is made on first
    use: it keeps no cookies unless *cookies*, and reads no environment unless *trust_env*.
    """

    given: ClientSession | None
    cookies: bool = False
    trust_env: bool = False
    _binding: LoopBinding = attrs.field(factory=LoopBinding, init=False)
    _own: ClientSession | None = attrs.field(default=None, init=False)
    _own_loop: asyncio.AbstractEventLoop | None = attrs.field(default=None, init=False)

    def get(self) -> ClientSession:
        """Return the session; raises LoopError on a second loop while the first is open."""
        loop = asyncio.get_running_loop()
        if loop is not self._binding.loop:
            self._binding.enter()
        if self.given is not None:
            return self.given
        own = self._own
        if own is None or own.closed or self._own_loop is not loop:
            jar = CookieJar() if self.cookies else DummyCookieJar()
            own = self._own = ClientSession(cookie_jar=jar, trust_env=self.trust_env)
            self._own_loop = loop
        return own

    async def close(self) -> None:
        """Close the session that was made here, if there is one."""
        own, self._own = self._own, None
        if own is not None:
            await own.close()
