"""What flights keep in memory, and for how long."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from oauthkit.tokens.flights import Flights
from support import run
from tokens.flying import Work, turns


@pytest.mark.proves(
    "Tokens and stores", "a flight outlives who asked", rfc=None, judge="none but ours"
)
def test_flight_outlives_its_object() -> None:
    """A flight whose Flights and waiters are gone still ends: the loop alone would drop it."""
    ended: list[str] = []

    async def main() -> None:
        flights: Flights[None] = Flights()
        released = asyncio.Event()

        async def work() -> None:
            await released.wait()
            ended.append("ended")

        waiting = asyncio.create_task(flights.fly(work()))
        await turns()
        waiting.cancel()
        del flights
        await turns()
        gc.collect()
        released.set()
        await turns()

    run(main())
    assert ["ended"] == ended


def test_results_are_freed() -> None:
    """Nothing keeps a flight's result once it was handed out."""

    class Result:
        """Something that can be referred to weakly."""

    async def main() -> None:
        flights: Flights[Result] = Flights()

        async def work() -> Result:
            return Result()

        gone = weakref.ref(await flights.share(work))
        await turns()
        assert gone() is None

    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


@pytest.mark.parametrize("waiters", [1, 3])
def test_failures_are_freed(waiters: int) -> None:
    """A failure holds the frames of who waited, with what is in them: no cycle may hold it."""

    class FlightError(Exception):
        """Something that can be referred to weakly."""

    async def main() -> None:
        flights: Flights[None] = Flights()

        async def fail() -> None:
            await asyncio.sleep(0)
            raise FlightError

        async def share() -> weakref.ref[FlightError]:
            try:
                await flights.share(fail)
            except FlightError as error:
                return weakref.ref(error)
            raise AssertionError

        async def fly() -> weakref.ref[FlightError]:
            try:
                await flights.fly(fail())
            except FlightError as error:
                return weakref.ref(error)
            raise AssertionError

        failed = await asyncio.gather(*(share() for _ in range(waiters)), fly())
        await turns()
        assert [None] * len(failed) == [failure() for failure in failed]

    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


def test_those_who_left_are_freed() -> None:
    """A flight that goes on keeps nothing of them."""

    class Held:
        """What a waiter has at hand."""

    async def main() -> None:
        flights: Flights[str] = Flights()
        work = Work()
        gone: list[weakref.ref[Held]] = []

        async def wait() -> None:
            held = Held()
            gone.append(weakref.ref(held))
            await flights.share(work)

        waiting = [asyncio.create_task(wait()) for _ in range(3)]
        await turns()
        assert [True] * 3 == [task.cancel() for task in waiting]
        await asyncio.wait(waiting)
        del waiting
        await turns()
        assert [None] * 3 == [held() for held in gone]
        assert 0 == sum(len(left) for left in flights._flying.values())
        work.released.set()
        await flights.settle()

    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()
