"""Eight processes share one account, and something happens to one of them in mid-refresh."""

from __future__ import annotations

import os

import pytest

from crash.grounds import Ground
from crash.scenarios import LEASE, SCENARIOS, WAITING, Scenario
from crash.table import Row

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")


# What does not hold, by store, step and fault; it must fail, or it has no place here.
_TOO_LATE = "whoever is stopped for longer than his lease cannot be told from one who was killed"
NOT_YET = {
    ("Redis", f"{step}: {LEASE}"): _TOO_LATE for step in ("before-send", "after-rotation", WAITING)
}
PARAMS = [pytest.param(one, id=one.name) for one in SCENARIOS]


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
    if scenario.replaces and not backing.proves_death:
        pytest.skip("nobody goes on")
    reason = NOT_YET.get((backing.name, scenario.name))
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
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
