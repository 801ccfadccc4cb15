"""
The fixtures that pytest takes by import.

In a project where nothing else is set up: docs/test-your-application.md, which the tests run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from oauthkit.testing import Simulation
from oauthkit.testing.fixtures import Simulate, simulated
from support import run
from testing.simulators.examples import status_of

__all__ = ["simulated"]


@pytest.fixture
def started() -> Iterator[list[Simulation[Any, Any]]]:
    """Collect what a test starts; all of it has ended when fixtures asked for later are done."""
    collected: list[Simulation[Any, Any]] = []
    yield collected
    for sim in collected:
        with pytest.raises(RuntimeError, match="not running"):
            _ = sim.port
    assert 2 == len(collected)


def test_started_before_a_loop(started: list[Simulation[Any, Any]], simulated: Simulate) -> None:
    """Two services run for any number of loops, and end with the test."""
    x, other = simulated("twitter"), simulated("generic", grant_type="client_credentials")
    started += [x, other]

    async def main() -> None:
        assert 200 == await status_of(x.connect())
        assert 200 == await status_of(other.connect())

    run(main())
    asyncio.run(main())
    assert (2, 4) == (len(x.log), len(other.log))
