"""Areas, counting lines and what is reported at all: where they lie on a picture, and what passes them."""

from tracker.zones.counter import ZoneCounter
from tracker.zones.placed import PlacedZones, place
from tracker.zones.settings import Line, Zones

__all__ = ["Line", "PlacedZones", "ZoneCounter", "Zones", "place"]
