"""Eight processes share one account, and something happens to one of them in mid-refresh."""

from __future__ import annotations

import os

import pytest

from crash.grounds import Ground
from crash.scenarios import SCENARIOS, Scenario
from crash.table import Row

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")


# What does not hold yet, by step and fault; it must fail, or it has no place here.
NOT_YET = {
    "after-rotation, answer waiting: SIGSTOP, woken after all deadlines": (
        "the deadline's timer and the answer come in one turn of the loop, and the timer wins"
    ),
}


def _known(scenario: Scenario) -> list[pytest.MarkDecorator]:
    reason = NOT_YET.get(scenario.name)
    return [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]


PARAMS = [pytest.param(one, id=one.name, marks=_known(one)) for one in SCENARIOS]


@pytest.mark.parametrize("scenario", PARAMS)
def test_crash(
    ground: Ground,
    scenario: Scenario,
    turn: int,
    rows: list[Row],
    request: pytest.FixtureRequest,
) -> None:
    """What it costs: never more than the rules allow."""
    backing = ground.backing
    if scenario.leases and backing.expire is None:
        pytest.skip("its locks are no leases")
    with ground.fleet.watched():
        stage = ground.stage()
        scenario.play(stage)
        outcome = stage.settle()
    broken = scenario.faults_of(outcome, proves_death=backing.proves_death)
    rows.append(
        Row(
            store=backing.name,
            service=ground.service.name,
            scenario=scenario,
            outcome=outcome,
            broken=tuple(broken),
        )
    )
    assert [] == broken
