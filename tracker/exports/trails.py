"""Where everybody went, drawn over the scene: an SVG, or a picture."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

import tracker
from tracker.draw import colour_of
from tracker.draw.colours import DARK, Colour
from tracker.exports.table import Table
from tracker.timing import clock
from tracker.types import Image

EXACT_PX = 0.5
"""a point of a way may be left out where that moves it by no more"""
LINE_SHARE, LEAST_LINE = 1 / 300, 2
"""width of a line, of the picture's height, and at least, in pixels"""
DASHES = 3
"""length of a dash and of the gap behind it, in widths of the line"""
RIM_OPACITY = 0.5
"""of the dark line below each, which parts it from a bright scene"""
JPEG_QUALITY = 85


@dataclass(frozen=True)
class TrailPart:
    """A part of a way along which an object was seen, or was not."""

    points: NDArray[np.float64]
    """(N, 2) x, y; N is 2 at least"""
    hidden: bool


def stretches_of(rows: Table, places: NDArray[np.int64]) -> list[TrailPart]:
    """The way of one track's feet, cut where it begins or ends to be seen.

    rows    of one track in the order of frames
    places  (N,) of each row's frame among all frames of the table: where the track has no row in one, it was not seen
    """
    dashed = rows.hidden[1:] | rows.hidden[:-1] | (np.diff(places) > 1)  # from each row to the next
    cuts = np.flatnonzero(np.diff(dashed)) + 1
    foot = rows.foot
    ends = [0, *cuts.tolist(), len(rows) - 1]
    return [
        TrailPart(_simplified(foot[begin : end + 1]), bool(dashed[begin]))
        for begin, end in pairwise(ends)
        if end > begin
    ]


def _simplified(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ramer 1972, Douglas and Peucker 1973."""
    kept = cv2.approxPolyDP(points.astype(np.float32).reshape(-1, 1, 2), EXACT_PX, False).reshape(-1, 2)
    return kept.astype(float) if len(kept) > 1 else points[[0, -1]]


def _ways(table: Table, scene: Image) -> Iterator[tuple[int, Table, list[TrailPart]]]:
    """Every track with its way, which begins and ends where the picture's border does not cut the object, if it is ever whole."""
    frames = np.unique(table.frame)
    for identity, rows in table.tracks():
        whole = np.flatnonzero(rows.whole((scene.shape[1], scene.shape[0])))
        if len(whole):
            rows = rows.rows(np.arange(whole[0], whole[-1] + 1))
        yield identity, rows, stretches_of(rows, np.searchsorted(frames, rows.frame))


def draw_trails(table: Table, scene: Image) -> Image:
    """(H, W, 3) the scene with the ways; dashed where an object is hidden, a dot where it was last."""
    picture = scene.copy()
    width = line_px(scene)
    for identity, rows, stretches in _ways(table, scene):
        for extra, colour in ((2, DARK), (0, colour_of(identity))):
            for stretch in stretches:
                for part in dashes(stretch.points, DASHES * width) if stretch.hidden else [stretch.points]:
                    cv2.polylines(picture, [np.rint(part).astype(np.int32)], False, colour, width + extra, cv2.LINE_AA)
            end = tuple(map(int, np.rint(rows.foot[-1])))
            cv2.circle(picture, end, width + extra, colour, -1, cv2.LINE_AA)
    return picture


def line_px(scene: Image) -> int:
    """Width of a line on that picture."""
    return max(LEAST_LINE, round(scene.shape[0] * LINE_SHARE))


def dashes(points: NDArray[np.float64], length: float) -> list[NDArray[np.float64]]:
    """Every other piece of a line, each `length` long."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    pieces = []
    for begin in np.arange(0, along[-1], 2 * length):
        inner = along[(along > begin) & (along < begin + length)]
        at = np.concatenate([[begin], inner, [min(begin + length, along[-1])]])
        pieces.append(np.stack([np.interp(at, along, points[:, side]) for side in (0, 1)], axis=1))
    return pieces


def svg_of(table: Table, scene: Image) -> str:
    """The same as an SVG: a group for each track, `track-7`, with its times as a tooltip."""
    height, width = scene.shape[:2]
    line = line_px(scene)
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(scene, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    data = base64.b64encode(jpeg.tobytes()).decode("ascii")
    groups = "".join(_group(identity, rows, stretches, line) for identity, rows, stretches in _ways(table, scene))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- generator: tracker {tracker.__version__} -->\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        f'<image href="data:image/jpeg;base64,{data}" width="{width}" height="{height}"/>\n'
        f'<g fill="none" stroke-linecap="butt" stroke-linejoin="round">\n{groups}</g>\n</svg>\n'
    )


def _group(identity: int, rows: Table, stretches: list[TrailPart], line: int) -> str:
    colour = _hex(colour_of(identity))
    paths = "".join(_path(stretch, colour, line) for stretch in stretches)
    x, y = rows.foot[-1]
    times = rows.time_s[[0, -1]]
    said = f"{identity}" if np.isnan(times).any() else f"{identity}: {clock(times[0])} to {clock(times[1])}"
    dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{line}" fill="{colour}"/>'
    return f'<g id="track-{identity}"><title>{said}</title>{paths}{dot}</g>\n'


def _path(stretch: TrailPart, colour: str, line: int) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in stretch.points)
    dashed = f' stroke-dasharray="{DASHES * line}"' if stretch.hidden else ""
    rim = f'<polyline points="{points}" stroke="{_hex(DARK)}" stroke-opacity="{RIM_OPACITY}" stroke-width="{line + 2}"{dashed}/>'
    return f'{rim}<polyline points="{points}" stroke="{colour}" stroke-width="{line}"{dashed}/>'


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
