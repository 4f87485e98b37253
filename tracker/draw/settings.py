"""How an overlay looks."""

from __future__ import annotations

from pydantic import Field

from tracker.types import Settings


class OverlaySettings(Settings):
    """How a lane is drawn over the picture. Sizes of text and lines follow the height of the frame."""

    tint: float = Field(0.35, ge=0, le=1)
    """opacity of an object's colour over its pixels; 0 leaves the picture as it is"""
    outlines: bool = True
    """the border of every mask as a line"""
    boxes: bool = True
    """a box round every object that is seen; predicted boxes of hidden objects are drawn in any case, dashed, a dozen at most"""
    ids: bool = True
    """a tag with the id at every object"""
    trail_frames: int = Field(40, ge=0, le=10_000)
    """how far back the line behind an object reaches; 0 draws none"""
    banner: bool = True
    """lane, time and number of objects in a corner, top left where no objects are"""
    zones: bool = True
    """polygons and counting lines, with names and counts"""
    inset: bool = True
    """with two lanes, the first one's foreground small in the corner in which fewest objects are, bottom right at first"""
    inset_width: float = Field(0.25, gt=0, le=0.5)
    """width of that inset as a share of the frame's"""
    panels_width: int = Field(2560, ge=64, le=16_384)
    """pixels that lanes side by side take from left to right at most; beyond 4096 many players show no H.264"""
