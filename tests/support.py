"""What many tests share: a loop that forgives nothing, and a fresh interpreter."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent

_TURNS = 20
_LIMIT = 60.0


def run(awaitable: Awaitable[T]) -> T:
    """
    Run *awaitable* in a loop of its own, and fail if it leaves anything behind.

    A task still pending when *awaitable* is done, or an exception that nobody retrieved, fails the
    test even where the result is right. A run that takes more than a minute hangs: `TimeoutError`.
    """
    complaints: list[str] = []

    def note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        complaints.append(f"{context['message']}: {context.get('exception')!r}")

    async def main() -> T:
        asyncio.get_running_loop().set_exception_handler(note)
        async with asyncio.timeout(_LIMIT):
            result = await awaitable
        # Closing transports takes turns of the loop, not time.
        for _ in range(_TURNS):
            if not _others():
                break
            await asyncio.sleep(0)
        complaints.extend(f"still pending: {task!r}" for task in _others())
        return result

    # Not in debug mode, whatever PYTHONDEVMODE says: it logs slow steps and changes the timing.
    result = asyncio.run(main(), debug=False)
    assert [] == complaints
    return result


def _others() -> set[asyncio.Task[Any]]:
    """Return the running loop's tasks but the current one."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


def fresh(
    code: str, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """
    Run *code* in a new interpreter where every warning is an error, and return what it prints.

    The child sees this process's environment, without coverage, and what *env* adds; the folder it
    runs in is not on its path (-P), or it would import the checkout. A child that fails is an
    `AssertionError` with its standard error.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", code, *arguments],
        env={**inherited, **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout
