"""One session for each event loop, closed with the loop at the latest."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable

import aiohttp
import attrs

__all__ = ["Sessions"]

Keeper = AsyncGenerator[aiohttp.ClientSession, None]


@attrs.define(eq=False)
class Sessions:
    """
    Keep the sessions that *make* makes, one for each loop and *generation* of the server.

    A loop that ends in an orderly way, as that of ``asyncio.run``, closes its asynchronous
    generators: one of them holds the session, so that nobody has to close it.
    """

    make: Callable[[], aiohttp.ClientSession]
    generation: Callable[[], int]
    _kept: dict[tuple[asyncio.AbstractEventLoop, int], tuple[Keeper, aiohttp.ClientSession]] = (
        attrs.field(
            factory=dict[
                tuple[asyncio.AbstractEventLoop, int], tuple[Keeper, aiohttp.ClientSession]
            ],
            init=False,
        )
    )
    _entered: Counter[asyncio.AbstractEventLoop] = attrs.field(
        factory=Counter[asyncio.AbstractEventLoop], init=False
    )

    def current(self) -> aiohttp.ClientSession:
        """Give the running loop's session; raises `RuntimeError` where no loop runs."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError("a session belongs to a running event loop: there is none") from None
        key = loop, self.generation()
        _, session = self._kept.get(key, (None, None))
        if session is None or session.closed:
            for gone in [one for one in self._kept if one[0].is_closed()]:
                del self._kept[gone]
            keeper = _keep(self.make)
            session = _begin(keeper)
            self._kept[key] = keeper, session
        return session

    def enter(self) -> None:
        """Note that somebody in the running loop will close the session."""
        self._entered[asyncio.get_running_loop()] += 1

    async def leave(self) -> None:
        """Close the running loop's sessions, if nobody else there has said to close them."""
        loop = asyncio.get_running_loop()
        self._entered[loop] -= 1
        if self._entered[loop] > 0:
            return
        del self._entered[loop]
        for key in [one for one in self._kept if one[0] is loop]:
            keeper, _ = self._kept.pop(key)
            await keeper.aclose()


async def _keep(make: Callable[[], aiohttp.ClientSession]) -> Keeper:
    async with make() as session:
        yield session


def _begin(keeper: Keeper) -> aiohttp.ClientSession:
    """Run *keeper* up to its session: nothing is awaited on the way there."""
    try:
        keeper.asend(None).send(None)
    except StopIteration as reached:
        session: aiohttp.ClientSession = reached.value
        return session
    raise RuntimeError("a session was made by waiting")
