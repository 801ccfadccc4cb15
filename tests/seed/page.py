"""The documented page's blocks, as they stand there and filled in, and how they are run."""

from __future__ import annotations

import ast
import asyncio
import difflib
import inspect
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

BLOCKS = tuple(sorted(path.stem for path in (HERE / "documented").glob("*.txt")))

# Warns from Python 3.12 on where no loop runs, and raises from 3.14 on: there, and only there, the
# one line stands in the place of the two.
_RUN = "loop = asyncio.get_event_loop()\nloop.run_until_complete(main())\n"
_RUN_FROM_312 = "asyncio.run(main())\n"


def documented(name: str) -> str:
    """Return a block of the page, unchanged."""
    return (HERE / "documented" / f"{name}.txt").read_text(encoding="utf-8")


def filled(name: str) -> str:
    """Return the block as it is run here: what the page leaves open is filled in."""
    text = (HERE / "filled" / f"{name}.txt").read_text(encoding="utf-8")
    return text.replace(_RUN, _RUN_FROM_312) if sys.version_info >= (3, 12) else text


def difference(name: str) -> list[str]:
    """Return the lines that differ: ``-`` the page's, ``+`` ours."""
    lines = difflib.unified_diff(
        documented(name).splitlines(), filled(name).splitlines(), lineterm="", n=0
    )
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


async def play(name: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Run a block that awaits at its top level, and return what it leaves behind."""
    code = compile(filled(name), name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    outcome = eval(code, namespace)  # noqa: S307 - the page's own code, kept beside this file
    if inspect.iscoroutine(outcome):
        await outcome
    return namespace


def play_script(name: str, **given: Any) -> dict[str, Any]:
    """
    Run a block that starts its own loop, as a script does, and return what it leaves behind.

    *given* are the names that the page uses and does not define.
    """
    namespace: dict[str, Any] = {"__name__": "__main__", **given}
    if sys.version_info < (3, 12):
        # Other tests' asyncio.run() left none to get; in a new process one would be made here.
        asyncio.set_event_loop(asyncio.new_event_loop())
    try:
        exec(compile(filled(name), name, "exec"), namespace)  # noqa: S102 - as above
    finally:
        if (loop := namespace.get("loop")) is not None:
            loop.close()
            asyncio.set_event_loop(None)
    return namespace
