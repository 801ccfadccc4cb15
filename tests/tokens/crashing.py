"""A process that shares an account in an SQLite file, and may be killed at a named step."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from oauthkit import AsyncOAuth2Client, GrantKey, ReauthorizationRequired, Record, SQLiteStore

__all__ = ["ACCOUNT", "CLIENT", "STEPS", "main"]

CLIENT, ACCOUNT = "id", "shared"
STEPS = ("before the mark", "before sending", "after rotating", "after storing")


class Dying(SQLiteStore):
    """Kills its process, as nothing can be killed more, at one step of a refresh."""

    def __init__(self, path: str, step: str) -> None:
        super().__init__(path)
        self.step = step

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record*, and die before or after."""
        before, after = STEPS[:2] if record.mark is not None else STEPS[2:]
        if self.step == before:
            os.kill(os.getpid(), signal.SIGKILL)
        swapped = await super().compare_and_swap(key, expected, record)
        if self.step == after:
            os.kill(os.getpid(), signal.SIGKILL)
        return swapped


def main() -> None:
    """Call the service three times; say what came of each."""
    path, site, step = sys.argv[1:]
    print("ready", flush=True)
    sys.stdin.readline()
    print(*asyncio.run(_call(Dying(path, step), site)), flush=True)


async def _call(store: SQLiteStore, site: str) -> list[str]:
    said: list[str] = []
    endpoint = f"{site}/token"
    async with AsyncOAuth2Client(
        None, CLIENT, token_endpoint=endpoint, store=store, account=ACCOUNT, origins=[site]
    ) as client:
        for _ in range(3):
            try:
                async with client.get(f"{site}/me") as response:
                    said.append(str(response.status))
            except ReauthorizationRequired as ended:
                said.append(ended.account)
    await store.close()
    return said
