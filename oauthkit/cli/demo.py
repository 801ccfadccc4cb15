"""`oauthkit demo`: log in and make signed calls against embedded servers, and show all of it."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import time
from contextlib import aclosing

from oauthkit.cli.terminal import Terminal

__all__ = ["run"]


def run(*, as_document: bool, source: bool) -> int:
    """Run the demo, or print its source; the exit status is 1 as soon as one check fails."""
    if source:
        from oauthkit.cli import demo_scenario

        Terminal.on(sys.stdout).write(inspect.getsource(demo_scenario).rstrip())
        return 0
    return asyncio.run(_play(as_document=as_document))


async def _play(*, as_document: bool) -> int:
    from oauthkit.cli.demo_page import Page
    from oauthkit.cli.demo_record import Played, play, summarize

    page = None if as_document else Page(Terminal.on(sys.stdout))
    if page is not None:
        page.begin()
    started = time.perf_counter()
    steps: list[Played] = []
    async with aclosing(play()) as playing:
        async for played in playing:
            steps.append(played)
            if page is not None:
                page.step(played)
    document = summarize(steps)
    if page is None:
        print(json.dumps(document, indent=2))
    else:
        page.end(steps, time.perf_counter() - started)
    return 0 if document["ok"] else 1
