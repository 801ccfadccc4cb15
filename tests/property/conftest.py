"""No law discards more than one draw in a hundred: measured in each run, for each law."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from property.discards import counted_statuses, share_discarded

_MOST_DISCARDED = 0.01


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fail a law that held, but only for what it had not thrown away."""
    with counted_statuses() as statuses:
        result = yield
    share = share_discarded(statuses)
    assert share <= _MOST_DISCARDED, f"{share:.1%} of {len(statuses)} draws were discarded"
    return result
