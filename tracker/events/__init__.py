"""What befalls the identities of a lane: births, deaths, occlusions, meetings, suspected switches."""

from tracker.events.finder import EventFinder
from tracker.events.settings import EventSettings

__all__ = ["EventFinder", "EventSettings"]
