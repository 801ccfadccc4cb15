"""A store in Redis for as long as a block lasts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from oauthkit import RedisStore

__all__ = ["opened"]


@asynccontextmanager
async def opened(url: str, place: Path, **options: Any) -> AsyncGenerator[RedisStore]:
    """Open a store in a name space of the test's own."""
    store = RedisStore(url, namespace=place.as_posix(), **options)
    try:
        yield store
    finally:
        await store.close()
