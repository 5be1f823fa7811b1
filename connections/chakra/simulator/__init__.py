"""A ChakraHQ to try things against: the documented endpoints over a model in memory, with faults on demand."""

from __future__ import annotations

from connections.chakra.simulator.plans import Linear, Steps
from connections.chakra.simulator.settings import RateLimit, Settings
from connections.chakra.simulator.simulator import Simulator

__all__ = ["Linear", "RateLimit", "Settings", "Simulator", "Steps"]
