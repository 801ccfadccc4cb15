"""A server, a store, and eight processes: the ground on which all scenarios are played."""

from __future__ import annotations

import attrs

from crash.backings import Backing
from crash.fleet import Fleet
from crash.services import Service
from crash.stage import Stage

__all__ = ["Ground"]


@attrs.define(eq=False)
class Ground:
    """Plays scenarios, each with an account of its own."""

    service: Service
    backing: Backing
    fleet: Fleet
    _accounts: int = attrs.field(default=0, init=False)

    def stage(self) -> Stage:
        """Give the next account, whose access token is over."""
        self._accounts += 1
        return Stage(self.service, self.backing, self.fleet, f"account-{self._accounts}")
