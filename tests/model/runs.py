"""The explorations that the tests judge and the page tells, each done once."""

from __future__ import annotations

from functools import cache

import attrs

from model.exploring import Explored, explore
from model.rules import Rule
from model.worlds import Limits, Protocol

__all__ = ["KILLS", "LATE", "MISHAPS", "SABOTAGES", "Sabotage", "broken", "whole"]

# Each of three workers is killed, or stopped and woken; or more goes wrong around them.
KILLS = Limits(workers=3, looks=2, faults=3, mishaps=1, logins=0)
MISHAPS = Limits(workers=3, looks=2, faults=1, mishaps=2, logins=1)
# A request that is late needs a mishap or a kill, and then another request.
LATE = Limits(workers=3, looks=2, faults=1, mishaps=1, logins=0)
# What is done wrong needs a longer way at times, and fewer to take it.
FEWER = Limits(workers=2, looks=2, faults=1, mishaps=3, logins=1)


@attrs.frozen
class Sabotage:
    """One thing that is done wrong, under which lock (it proves death, or not), and what breaks."""

    name: str
    proves: bool
    rule: Rule


SABOTAGES = (
    Sabotage("no mark", proves=False, rule=Rule.REVOKED),
    Sabotage("no mark", proves=True, rule=Rule.LOOP),
    Sabotage("mark after send", proves=False, rule=Rule.REVOKED),
    Sabotage("mark without compare", proves=False, rule=Rule.REVOKED),
    Sabotage("spend foreign marks", proves=False, rule=Rule.REVOKED),
    Sabotage("doubt unlocked", proves=False, rule=Rule.NEEDLESS),
    Sabotage("doubt yourself", proves=False, rule=Rule.NEEDLESS),
    Sabotage("impatient", proves=True, rule=Rule.NEEDLESS),
    Sabotage("impatient", proves=False, rule=Rule.NEEDLESS),
    Sabotage("fail with the mark", proves=False, rule=Rule.NEEDLESS),
    Sabotage("forget what got lost", proves=True, rule=Rule.REQUESTS),
    Sabotage("forget what got lost", proves=False, rule=Rule.REQUESTS),
    Sabotage("never final", proves=True, rule=Rule.REQUESTS),
    Sabotage("believe the refusal", proves=False, rule=Rule.NEEDLESS),
    Sabotage("refusal without a mark", proves=True, rule=Rule.LOOP),
    Sabotage("refusal without a mark", proves=False, rule=Rule.LOOP),
    Sabotage("deadline", proves=True, rule=Rule.LOST),
    Sabotage("deadline", proves=False, rule=Rule.LOST),
    Sabotage("fencing", proves=False, rule=Rule.THROWN),
    Sabotage("release before store", proves=True, rule=Rule.REVOKED),
    Sabotage("release before store", proves=False, rule=Rule.NEEDLESS),
    Sabotage("store without compare", proves=False, rule=Rule.LOST),
    Sabotage("keep the lock", proves=True, rule=Rule.STUCK),
)


@cache
def whole(limits: Limits, *, proves: bool) -> Explored:
    """Look at all worlds of the protocol under a lock."""
    return explore(Protocol(proves=proves, late=limits == LATE), limits)


@cache
def broken(sabotage: Sabotage) -> Explored:
    """Look until the sabotage is seen."""
    protocol = Protocol(proves=sabotage.proves, broken=sabotage.name)
    return explore(protocol, FEWER, until=sabotage.rule)
