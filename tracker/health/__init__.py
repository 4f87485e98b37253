"""How well a run can be trusted, measured without any truth."""

from tracker.health.health import Health

__all__ = ["Health"]
