"""What a run looks like: pictures in, new pictures out. Knows nothing of files, windows or clocks."""

from tracker.draw.canvas import Canvas, ImageCanvas, YuvCanvas
from tracker.draw.colours import colour_of, ink_on
from tracker.draw.overlay import Overlay
from tracker.draw.panels import columns_of, contact_sheet, draw_inset, side_by_side
from tracker.draw.settings import OverlaySettings
from tracker.draw.trails import Trails
from tracker.draw.view import draw_view

__all__ = [
    "Canvas",
    "ImageCanvas",
    "Overlay",
    "OverlaySettings",
    "Trails",
    "YuvCanvas",
    "colour_of",
    "columns_of",
    "contact_sheet",
    "draw_inset",
    "draw_view",
    "ink_on",
    "side_by_side",
]
