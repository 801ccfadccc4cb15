"""Deadlines: an error that says what took too long, and no cycle behind it."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from oauthkit import UnreachableError
from oauthkit.tokens.deadlines import Deadline
from support import run


async def wait() -> None:
    """Wait for ever."""
    await asyncio.Event().wait()


def test_late() -> None:
    """The error says what did not happen, and who did not answer."""

    async def main() -> None:
        with pytest.raises(UnreachableError, match=r"^nothing happened within 0\.01 s$") as caught:
            async with Deadline(0.01, "it", "nothing happened"):
                await wait()
        assert ("it", 0.01) == (caught.value.endpoint, caught.value.deadline)
        assert caught.value.__cause__ is None

    run(main())


def test_renewed() -> None:
    """It begins anew, for something else; one that there is not stays none."""

    async def main() -> None:
        async def late() -> None:
            async with Deadline(0.02, "it", "not this") as deadline:
                before = deadline._timeout.when()
                await asyncio.sleep(0.005)
                deadline.renew("nor that")
                assert before is not None
                assert (deadline._timeout.when() or 0) > before
                await wait()

        with pytest.raises(UnreachableError, match=r"nor that within 0\.02 s"):
            await late()
        async with Deadline(None, "it", "not this") as deadline:
            deadline.renew("nor that")
            assert deadline._timeout.when() is None

    run(main())


def test_what_is_raised_inside() -> None:
    """It goes through, a TimeoutError too; so does a cancellation from outside."""

    async def main() -> None:
        for error in (TimeoutError("own"), ZeroDivisionError("own")):
            with pytest.raises(type(error), match="own"):
                async with Deadline(5, "it", "not this"):
                    raise error

        async def inside() -> None:
            async with Deadline(5, "it", "not this"):
                await wait()

        task = asyncio.create_task(inside())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_no_cycle() -> None:
    """What a late task holds is freed by reference counting alone."""

    class Held:
        pass

    async def late(held: Held) -> None:
        async with Deadline(0.005, "it", "not this"):
            await wait()
        del held

    async def main() -> None:
        held = Held()
        gone = weakref.ref(held)
        task = asyncio.create_task(late(held))
        results = await asyncio.gather(task, return_exceptions=True)
        assert UnreachableError is type(results[0])
        del held, task, results
        await asyncio.sleep(0)
        assert gone() is None

    gc.collect()
    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()
