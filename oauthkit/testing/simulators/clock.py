"""A clock that a test moves: a token expires, and nobody waits for it."""

from __future__ import annotations

import asyncio
import math
import time

import attrs

__all__ = ["Clock", "ServiceClock"]


def _is_finite(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not math.isfinite(value):
        raise ValueError(f"{attribute.name}: expected a finite number of seconds")


@attrs.define(eq=False)
class Clock:
    """
    Tell the seconds since the epoch, as ``time.time`` does: ``connect(…, clock=clock)``.

    It starts at *start* and stands still there; None is the real time, which goes on. `advance`
    moves it.
    """

    start: float | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(_is_finite),
        on_setattr=attrs.setters.frozen,
    )
    _moved: float = attrs.field(default=0.0, init=False)

    def __call__(self) -> float:
        """Give the seconds since the epoch."""
        return (time.time() if self.start is None else self.start) + self._moved

    def advance(self, seconds: float) -> None:
        """Move the clock, at once: backwards where *seconds* is negative."""
        if not math.isfinite(seconds):
            raise ValueError("seconds: expected a finite number")
        self._moved += seconds

    async def sleep(self, seconds: float) -> None:
        """Move the clock instead of waiting: a client's pauses before it sends something again."""
        self.advance(seconds)
        await asyncio.sleep(0)


@attrs.define(eq=False)
class ServiceClock:
    """Tell what a service's own clock says: *clock*, and what it is ahead of it."""

    clock: Clock
    ahead: float = attrs.field(default=0.0, validator=_is_finite)

    def __call__(self) -> float:
        """Give the seconds since the epoch, as the service sees it."""
        return self.clock() + self.ahead
