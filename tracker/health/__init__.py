"""How well a run can be trusted, measured without any truth."""

from tracker.health.health import Health
from tracker.health.warnings import warnings

__all__ = ["Health", "warnings"]
