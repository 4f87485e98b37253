"""One colour for one identity, through the whole run and in every lane."""

from __future__ import annotations

import colorsys
from functools import lru_cache

Colour = tuple[int, int, int]
"""RGB, 0 to 255."""

GOLDEN_TURN = (
    0.618033988749895  # of the hue circle: the step whose multiples stay farthest apart, however many are taken
)
BLACK: Colour = (0, 0, 0)
DARK: Colour = (24, 24, 24)
LIGHT: Colour = (255, 255, 255)
GREY: Colour = (200, 200, 200)


@lru_cache(maxsize=4096)
def colour_of(identity: int) -> Colour:
    """Bright, far from that of the neighbouring ids, and always the same for the same id.

    Hues step by the golden section; lightness alternates too, so that neighbours differ for eyes that
    cannot tell hues apart.
    """
    hue = (0.33 + identity * GOLDEN_TURN) % 1.0
    lightness = (0.62, 0.48, 0.74)[identity % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def lighten(colour: Colour) -> Colour:
    """Halfway to white: the same hue, readable on dark paper."""
    red, green, blue = ((c + 255) // 2 for c in colour)
    return red, green, blue


def ink_on(paper: Colour) -> Colour:
    """Black or white, whichever is read more easily on that paper (WCAG contrast, relative luminance)."""
    red, green, blue = ((c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in paper)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    # Contrast is (brighter + .05) / (darker + .05); black and white tie where luminance is about .179.
    return BLACK if luminance > 0.179 else LIGHT
