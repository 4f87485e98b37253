"""How many tasks are spread over workers: a pool of processes on this machine, or a cluster."""

from tracker.engines.engine import Done, Engine, Needs
from tracker.engines.local import LocalEngine

__all__ = ["Done", "Engine", "LocalEngine", "Needs"]
