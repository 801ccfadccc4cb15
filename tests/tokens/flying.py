"""What the tests of flights share: work that waits to be let go."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["Work", "turns"]


class Work:
    """Counts how often it is started, and waits to be let go."""

    def __init__(self, result: Any = "result") -> None:
        self.started = 0
        self.result = result
        self.released = asyncio.Event()

    async def __call__(self) -> Any:
        """Wait, then return the result, or raise it."""
        self.started += 1
        await self.released.wait()
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


async def turns(count: int = 5) -> None:
    """Let the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)
