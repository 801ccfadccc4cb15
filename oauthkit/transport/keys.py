"""Private keys for use on the event loop."""

from __future__ import annotations

import asyncio

from oauthkit.protocol.keys import is_parsed, load_private_key

__all__ = ["prepare_key"]


async def prepare_key(pem: str | None) -> None:
    """Parse a private key in a thread, unless this process has done it: it takes milliseconds."""
    if pem is not None and not is_parsed(pem):
        await asyncio.to_thread(load_private_key, pem)
