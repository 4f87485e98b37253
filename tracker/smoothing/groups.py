"""Stretches to identities: what is most surely of one object is put together first, and what the parts say of others adds up.

Greedy additive edge contraction (Keuper et al. 2015) of the graph whose edges are log odds, under the constraint that nobody is in
two places in one frame.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from heapq import heapify, heappop, heappush

import numpy as np

from tracker.smoothing.links import Links
from tracker.smoothing.rows import Index, Ints

Span = tuple[int, int]


def grouped(first: Ints, last: Ints, links: Links) -> Index:
    """(K,) number of the identity of each stretch, by the frames that it spans.

    Two groups become one while the sum of gains between some two is above 0 and they share no frame; the largest sum first.
    """
    count = len(first)
    near: list[dict[int, float]] = [{} for _ in range(count)]
    for a, b, gain in zip(links.a.tolist(), links.b.tolist(), links.gain.tolist(), strict=True):
        near[a][b] = near[b][a] = gain
    spans: list[list[Span]] = [[span] for span in zip(first.tolist(), last.tolist(), strict=True)]
    into = list(range(count))
    queue = [(-gain, a, b) for a, gains in enumerate(near) for b, gain in gains.items() if a < b and gain > 0]
    heapify(queue)
    while queue:
        loss, a, b = heappop(queue)
        if near[a].get(b) != -loss or meet(spans[a], spans[b]):
            continue  # one of them is in another group by now, or they gained otherwise since
        if len(near[a]) < len(near[b]):
            a, b = b, a
        into[b] = a
        for span in spans[b]:
            insort(spans[a], span)
        for changed in absorb(near, a, b):
            if near[a][changed] > 0:
                heappush(queue, (-near[a][changed], a, changed))
    return np.unique([root(into, k) for k in range(count)], return_inverse=True)[1].astype(np.intp)


def absorb(near: list[dict[int, float]], a: int, b: int) -> list[int]:
    """Give a the neighbours of b, which has none any more; gains of common ones add. Returns them."""
    changed = [k for k in near[b] if k != a]
    del near[a][b]
    for k in changed:
        gain = near[k].pop(b) + near[a].get(k, 0.0)
        near[a][k] = near[k][a] = gain
    near[b] = {}
    return changed


def meet(one: list[Span], other: list[Span]) -> bool:
    """Whether two sorted lists of spans (first and last frame) share a frame."""
    few, many = sorted((one, other), key=len)
    for first, last in few:
        place = bisect_left(many, (last + 1,))
        if place and many[place - 1][1] >= first:
            return True
    return False


def root(into: list[int], k: int) -> int:
    """The group that k is in by now; shortens the way to it."""
    while into[k] != k:
        into[k] = into[into[k]]
        k = into[k]
    return k
