"""One pair of services for all tests of the transport; each test finds their logs empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from transport.peers import Pair, running_pair


@pytest.fixture(scope="session")
def services() -> Iterator[Pair]:
    """Run the pair as long as the folder's tests last."""
    with running_pair() as pair:
        yield pair


@pytest.fixture
def pair(services: Pair) -> Pair:
    """Hand the pair out, with nothing in its logs."""
    services.clear()
    return services
