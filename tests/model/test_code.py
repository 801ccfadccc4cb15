"""The code does what the model says, in every schedule of two processes."""

from __future__ import annotations

import pytest

from model.driving import ends_of_the_model, schedules
from model.steps import Step
from model.worlds import Limits

NOTHING = Limits(workers=2, looks=2, faults=0, mishaps=0)
A_KILL = Limits(workers=2, looks=1, faults=1, mishaps=0)
A_MISHAP = Limits(workers=2, looks=2, faults=0, mishaps=1)
BOTH = Limits(workers=2, looks=1, faults=1, mishaps=1)
TWO_MISHAPS = Limits(workers=2, looks=1, faults=0, mishaps=2)


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(NOTHING, id="nothing"),
        pytest.param(A_KILL, id="a kill"),
        pytest.param(A_MISHAP, id="a mishap"),
        pytest.param(BOTH, id="both"),
        pytest.param(TWO_MISHAPS, id="two mishaps"),
    ],
)
def test_every_schedule(limits: Limits) -> None:
    """At each step what is to be seen is a world of the model; and its ends are the code's."""
    count, ends, told = schedules(limits)
    print(f"{count} schedules, {len(ends)} ends")
    assert {Step.LOCK, Step.READ_AGAIN, Step.MARK, Step.SEND, Step.ROTATE, Step.STORE} <= told
    others = Step.STOP, Step.STORE_FAILS
    # Whether it is sent again in the same call is a matter of the time that is left.
    assert ends_of_the_model(limits, *others, Step.GIVE_UP) <= ends
    assert ends <= ends_of_the_model(limits, *others)
