"""One server for all tests of the PostgreSQL store."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from stores.postgres.server import ADDRESS, Server, running


@pytest.fixture(scope="session")
def server() -> Generator[Server]:
    """Start a server, which other processes of a test find by a variable."""
    with running() as started:
        os.environ[ADDRESS] = started.url()
        try:
            yield started
        finally:
            del os.environ[ADDRESS]
