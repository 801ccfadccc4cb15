"""Whole services, simulated on loopback from their providers' declarations, for anybody's tests."""

from __future__ import annotations

from oauthkit.testing.simulators import failures
from oauthkit.testing.simulators.clock import Clock
from oauthkit.testing.simulators.simulation import Simulation
from oauthkit.testing.simulators.starting import simulate

__all__ = ["Clock", "Simulation", "failures", "simulate"]
