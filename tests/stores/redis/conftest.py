"""The Redis server, started once for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stores.redis.server import RedisServer, running


@pytest.fixture(scope="session", name="server", autouse=True)
def _server() -> Iterator[RedisServer]:
    """Give a server that runs until the last test is done; other processes find it, too."""
    with running() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OAUTHKIT_TEST_REDIS", server.url)
        yield server
