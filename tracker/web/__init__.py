"""The page of a live run: its picture and status to any number of viewers, their requests to the run.

run -> sink -> screen (JPEG, once for all) -> viewers
            -> news (status, counts, events) -> viewers
viewers -> requests -> controls -> run
"""

from tracker.web.address import Address, Listener, listen
from tracker.web.needs import check_extra
from tracker.web.page import OutdatedError, Page, PageSink, ZoneDoor, version_of

__all__ = [
    "Address",
    "Listener",
    "OutdatedError",
    "Page",
    "PageSink",
    "ZoneDoor",
    "check_extra",
    "listen",
    "version_of",
]
