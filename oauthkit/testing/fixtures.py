"""
Fixtures for pytest, by import: ``from oauthkit.testing.fixtures import simulated``.

No plugin is registered, and none is needed: a test runs a loop of its own with ``asyncio.run``, or
is a coroutine that a plugin of its project's runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest

from oauthkit import Provider
from oauthkit.testing.simulators import Simulation, simulate

__all__ = ["Simulate", "simulated"]

Simulate: TypeAlias = Callable[..., Simulation[Any, Any]]
"""What `simulated` gives: it takes what ``simulate()`` takes."""


@pytest.fixture
def simulated() -> Iterator[Simulate]:
    """
    Give a function that starts a simulation, as ``simulate()`` makes it; it ends with the test.

    After ``sim = simulated("twitter")`` the service is there, and any event loop of the test gets
    its session from ``sim.session``.
    """
    with ExitStack() as stack:

        def start(provider: str | Provider[Any], **options: Any) -> Simulation[Any, Any]:
            return stack.enter_context(simulate(provider, **options))

        yield start
