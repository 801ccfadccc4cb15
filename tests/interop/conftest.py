"""The servers of others, started once for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interop.oidc import Server, running


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Give oidc-provider, which runs until the last test is done."""
    with running() as server:
        yield server
