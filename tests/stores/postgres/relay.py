"""What stands between a client and the server as a connection pooler does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from stores.postgres.server import Server

# The message that tells a client the process id of its session: a letter, the length, pid and key.
_KEY_DATA = b"K\x00\x00\x00\x0c"


@asynccontextmanager
async def pooler(server: Server) -> AsyncGenerator[int]:
    """Pass everything on, but for the process id: a pooler tells each client one of its own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, away = await asyncio.open_connection("127.0.0.1", server.port)
        with suppress(OSError):
            await asyncio.gather(_pass(reader, away), _pass(there, writer, _hide))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await listening.wait_closed()


def _hide(data: bytes) -> bytes:
    before, found, after = data.partition(_KEY_DATA)
    return before + found + b"\x00\x00\x00\x01" + after[4:] if found else data


async def _pass(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    change: Callable[[bytes], bytes] = bytes,
) -> None:
    while data := await reader.read(65536):
        writer.write(change(data))
        await writer.drain()
    writer.close()
    closed: Awaitable[None] = writer.wait_closed()
    await closed
