"""Flights: one for all who wait, ended by nobody's leaving, on one loop."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import traceback
from typing import Any

import pytest

from oauthkit import LoopError
from oauthkit.tokens.flights import Flights, LoopBinding
from support import run
from tokens.flying import Work, turns

proves_flights = pytest.mark.proves(
    "Tokens and stores", "a flight outlives who asked", rfc=None, judge="none but ours"
)

CONTEXT: contextvars.ContextVar[str] = contextvars.ContextVar("CONTEXT", default="empty")


def test_a_thousand_wait_for_one() -> None:
    """All get the one result."""

    async def main() -> None:
        flights: Flights[str] = Flights()
        work = Work()
        waiting = [asyncio.create_task(flights.share(work)) for _ in range(1000)]
        await turns()
        work.released.set()
        assert ["result"] * 1000 == await asyncio.gather(*waiting)
        assert 1 == work.started

    run(main())


@proves_flights
@pytest.mark.parametrize("cancelled", [[0], [0, 1, 2], list(range(10))])
def test_cancellation_harms_nobody(cancelled: list[int]) -> None:
    """Whoever leaves, the first one too, or all: the flight goes on."""

    async def main() -> None:
        flights: Flights[str] = Flights()
        work = Work()
        waiting = [asyncio.create_task(flights.share(work)) for _ in range(10)]
        await turns()
        for number in cancelled:
            waiting[number].cancel()
        await turns()
        late = asyncio.create_task(flights.share(work))
        await turns()
        work.released.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert "result" == await late
        for number, result in enumerate(results):
            if number in cancelled:
                assert isinstance(result, asyncio.CancelledError)
            else:
                assert "result" == result
        assert 1 == work.started

    run(main())


@proves_flights
def test_failure_reaches_all_and_clears() -> None:
    """Every waiter gets the failure; the next caller starts anew."""

    async def main() -> None:
        flights: Flights[str] = Flights()
        broken = Work(ValueError("no"))
        waiting = [asyncio.create_task(flights.share(broken)) for _ in range(10)]
        await turns()
        broken.released.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [ValueError] * 10 == [type(result) for result in results]
        work = Work()
        work.released.set()
        assert "result" == await flights.share(work)

    run(main())


def test_failure_that_nobody_waits_for() -> None:
    """It is not logged by asyncio as never retrieved: `run` would complain."""

    async def main() -> None:
        flights: Flights[str] = Flights()
        broken = Work(ValueError("no"))
        waiting = asyncio.create_task(flights.share(broken))
        await turns()
        waiting.cancel()
        await turns()
        broken.released.set()
        await flights.settle()
        del broken
        await turns()
        gc.collect()

    run(main())


@pytest.mark.parametrize("result", ["result", ValueError("no")])
@pytest.mark.parametrize("later", range(8))
def test_leaving_at_any_moment(later: int, result: Any) -> None:
    """Also while the flight lands: who leaves is cancelled, and nothing is left unretrieved."""

    async def main() -> None:
        flights: Flights[str] = Flights()
        work = Work(result)
        waiting = [asyncio.create_task(flights.share(work)) for _ in range(3)]
        await turns()
        work.released.set()
        await turns(later)
        left = waiting[1].cancel()
        first, second, third = await asyncio.gather(*waiting, return_exceptions=True)
        assert (result, result) == (first, third)
        assert isinstance(second, asyncio.CancelledError) if left else result == second
        del waiting, work, first, second, third
        gc.collect()

    run(main())


def test_flight_that_is_cancelled() -> None:
    """As when a program ends, which cancels every task: nobody waits for ever."""

    async def main() -> None:
        flights: Flights[str] = Flights()
        waiting = [asyncio.create_task(flights.share(Work())) for _ in range(3)]
        await turns()
        (flight,) = asyncio.all_tasks() - {*waiting, asyncio.current_task()}
        flight.cancel()
        await asyncio.wait(waiting)
        assert [True] * 3 == [task.cancelled() for task in waiting]

    run(main())


def test_next_flight_begins_before_the_last_has_landed() -> None:
    """Who asks between a flight's end and the news of it waits for another; nobody is mixed up."""

    async def main() -> None:
        flights: Flights[str] = Flights()
        first, second = Work("first"), Work("second")
        second.released.set()
        waiting = [asyncio.create_task(flights.share(first)) for _ in range(3)]
        await turns()

        async def follow() -> str:
            await first.released.wait()
            return await flights.share(second)

        following = asyncio.create_task(follow())
        await turns()
        first.released.set()
        assert ["first"] * 3 == await asyncio.gather(*waiting)
        assert "second" == await following
        assert (1, 1) == (first.started, second.started)

    run(main())


def test_traceback_does_not_grow() -> None:
    """All get one exception; its traceback leads from the last of them into the flight."""

    async def main() -> None:
        flights: Flights[str] = Flights()
        broken = Work(ValueError("no"))
        depths: list[int] = []
        names: set[str] = set()

        async def wait() -> None:
            try:
                await flights.share(broken)
            except ValueError as error:
                frames = list(traceback.walk_tb(error.__traceback__))
                depths.append(len(frames))
                names.update(frame.f_code.co_qualname for frame, _ in frames)

        waiting = [asyncio.create_task(wait()) for _ in range(100)]
        await turns()
        broken.released.set()
        await asyncio.gather(*waiting)
        assert 100 == len(depths)
        assert 1 == len(set(depths))
        assert Work.__call__.__qualname__ in names

    run(main())


def test_context_is_empty() -> None:
    """The flight sees none of the context variables of whoever came first."""

    async def look() -> str:
        return CONTEXT.get()

    async def main() -> None:
        CONTEXT.set("the first one's")
        flights: Flights[str] = Flights()
        assert "empty" == await flights.share(look)
        assert "empty" == await flights.fly(look())

    run(main())


def test_single_flights_do_not_share() -> None:
    """Each is its own, and goes on when its caller is cancelled."""

    async def main() -> None:
        flights: Flights[str] = Flights()
        first, second = Work("first"), Work("second")
        one = asyncio.create_task(flights.fly(first()))
        two = asyncio.create_task(flights.fly(second()))
        await turns()
        one.cancel()
        await turns()
        first.released.set()
        second.released.set()
        assert "second" == await two
        await flights.settle()
        assert (1, 1) == (first.started, second.started)

    run(main())


def test_settle_waits_for_all() -> None:
    """Also for what starts while it waits, and whatever fails."""

    async def main() -> None:
        flights: Flights[str] = Flights()
        first, second = Work(ValueError("no")), Work()

        async def both() -> None:
            with pytest.raises(ValueError, match="no"):
                await flights.share(first)
            await flights.fly(second())

        going = asyncio.create_task(both())
        await turns()
        settling = asyncio.create_task(flights.settle())
        await turns()
        assert not settling.done()
        first.released.set()
        await turns()
        second.released.set()
        await settling
        await going
        await flights.settle()

    run(main())


def test_moves_to_another_loop_when_the_first_is_closed() -> None:
    """What was in flight on a closed loop is not waited for."""
    flights: Flights[str] = Flights()

    async def first() -> None:
        work = Work()
        work.released.set()
        assert "result" == await flights.share(work)

    for _ in range(2):
        run(first())


def test_flight_left_on_a_closed_loop() -> None:
    """A loop that was closed over a flight does not hold up the next one."""
    flights: Flights[str] = Flights()
    loop = asyncio.new_event_loop()

    async def begin() -> None:
        waiting = asyncio.create_task(flights.share(Work()))
        await turns()
        waiting.cancel()

    loop.run_until_complete(begin())
    (left,) = asyncio.all_tasks(loop)
    left.cancel()
    loop.close()

    async def again() -> str:
        await flights.settle()
        work = Work("again")
        work.released.set()
        return await flights.share(work)

    assert "again" == run(again())
    # Ended by hand: a pending task complains when it goes.
    left.get_coro().close()


def test_flight_that_wants_its_closed_loop_back() -> None:
    """What it raises as it ends is nobody's: those who come next wait for none of it."""
    flights: Flights[str] = Flights()
    loop = asyncio.new_event_loop()
    ended: list[str] = []

    async def fly() -> str:
        try:
            await asyncio.Event().wait()
            return "never"
        finally:
            ended.append("ended")
            loop.call_soon(turns)

    async def begin() -> None:
        waiting = asyncio.create_task(flights.share(fly))
        await turns()
        waiting.cancel()

    loop.run_until_complete(begin())
    (left,) = asyncio.all_tasks(loop)
    left.cancel()
    loop.close()

    async def again() -> str:
        work = Work("again")
        work.released.set()
        return await flights.share(work)

    assert "again" == run(again())
    assert ["ended"] == ended


def test_two_open_loops() -> None:
    """A second loop is refused while the first is open; a coroutine that was passed is closed."""
    flights: Flights[str] = Flights()
    refused: list[BaseException] = []

    async def elsewhere() -> None:
        for attempt in (flights.share(Work()), flights.fly(Work()())):
            try:
                await attempt
            except LoopError as error:
                refused.append(error)

    async def main() -> None:
        work = Work()
        work.released.set()
        await flights.share(work)
        await asyncio.to_thread(lambda: asyncio.run(elsewhere()))

    run(main())
    assert 2 == len(refused)
    assert "another event loop" in str(refused[0])


def test_binding_lets_go_of_the_loop() -> None:
    """It moves once the loop is closed, and outside of one it is Python's own error."""
    binding = LoopBinding()

    async def enter() -> None:
        assert binding.enter() is asyncio.get_running_loop()
        assert binding.enter() is asyncio.get_running_loop()

    run(enter())
    run(enter())
    with pytest.raises(RuntimeError, match="no running event loop"):
        binding.enter()


def test_threads_with_loops_of_their_own() -> None:
    """Objects of different loops know nothing of each other."""
    results: list[str] = []

    async def one() -> None:
        flights: Flights[str] = Flights()
        work = Work()
        work.released.set()
        results.append(await flights.share(work))

    threads = [threading.Thread(target=lambda: asyncio.run(one())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ["result"] * 8 == results
