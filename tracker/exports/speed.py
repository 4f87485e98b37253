"""How far and how fast each object went, in metres."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tracker.exports.ground import Ground
from tracker.exports.motion import distance, smooth
from tracker.exports.table import Table
from tracker.exports.workbook import Columns

KM_H = 3.6
"""kilometres an hour in a metre a second"""
NAMES = ("id", "begins_s", "ends_s", "distance_m", "mean_m_s", "max_m_s", "mean_km_h", "max_km_h")


class Speeds(NamedTuple):
    """What `speeds_of` found."""

    columns: Columns
    """NAMES, a row a track"""
    cut: int
    """rows left out since the picture's border cuts their boxes"""
    beyond: int
    """rows left out since their feet are at the ground's horizon or above"""


def speeds_of(table: Table, ground: Ground, *, size: tuple[int, int] | None = None) -> Speeds:
    """Distance and speeds of each track.

    The foot is what moves. Hidden rows are left out: the way over a hidden stretch is straight. The mean is the distance over the
    time from the first row to the last; the greatest speed is that of the smoothed path (`motion.smooth`).

    size  (width, height) of the frames: rows whose box ends at their left, right or lower border are left out, since only a part of
          the object shows, whose middle goes half as fast as the object. None: not known
    """
    seen = table.seen
    whole = np.ones(len(seen), bool) if size is None else seen.whole(size)
    seen = seen.rows(whole)
    places = ground.metres(seen.foot)
    known = np.asarray(np.isfinite(places).all(axis=1))
    found: dict[str, list[Any]] = {name: [] for name in NAMES}
    for identity, rows in seen.rows(known).tracks():
        path = smooth(rows.time_s, ground.metres(rows.foot))
        begins_s, ends_s = float(rows.time_s[0]), float(rows.time_s[-1])
        way_m = distance(rows.time_s, path.positions)
        told = np.isfinite(path.speeds).any()
        mean = way_m / (ends_s - begins_s) if told else None
        most = float(np.nanmax(path.speeds)) if told else None
        values = (identity, begins_s, ends_s, way_m, mean, most, _km_h(mean), _km_h(most))
        for name, value in zip(NAMES, values, strict=True):
            found[name].append(value)
    return Speeds(found, int((~whole).sum()), int((~known).sum()))


def _km_h(speed: float | None) -> float | None:
    return None if speed is None else speed * KM_H
