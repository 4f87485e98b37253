"""A slot's pose: the window it looks through, and the closed-form step that keeps the window on the object.

pose (..., 4): centre x, centre y, width, height of the object in pixels. The window is the pose padded by `PAD`, resampled to a
P x P grid. Window coordinates run from -1 to 1 over the grid, pixel centres inside (align_corners=False).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.slots.exact import Floating, Grid
from tracker.slots.state import PAD

CANONICAL_SPREAD = (0.34, 0.37)
"""standard deviations (x, y) of a mask in window coordinates when the pose fits; a full rectangle has .385"""
STRIDE = 0.3
"""share of the way to the fitting pose taken in one frame"""
LARGEST_SHIFT, LARGEST_LOG_SCALE = 0.15, 0.12
"""bounds of one pose step: a mask torn by an occlusion must not throw the window"""
SMALLEST_MASK = 12.0
"""grid pixels below which a mask's moments mean nothing"""
EMPTY_LOGIT = -6.0
"""mask logit of what comes into the window from outside"""

FIT_BITS, PLACE_BITS = 12, 8
"""after the point that are kept of a shift and a scale in window coordinates, and of places on the grid"""
CANVAS = Grid(15, -1.0, 1.0)
"""what is kept of a state that is warped"""
FLOATING = Floating()


def axes(size: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Window coordinates of the grid's pixel centres: x (1, P) and y (P, 1)."""
    centres = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) * 2 / size - 1
    return centres[None, :], centres[:, None]


def crop(image: Tensor, pose: Tensor, size: int) -> Tensor:
    """See the frame through the windows: image (N, C, H, W), pose (N, 4) -> (N, C, P, P); zero outside the frame."""
    height, width = image.shape[-2:]
    cx, cy, w, h = pose.unbind(-1)
    zero = torch.zeros_like(cx)
    x_row = torch.stack([w * PAD / width, zero, 2 * cx / width - 1], -1)
    y_row = torch.stack([zero, h * PAD / height, 2 * cy / height - 1], -1)
    grid = F.affine_grid(torch.stack([x_row, y_row], -2), [len(pose), 1, size, size], align_corners=False)
    return F.grid_sample(image, grid, align_corners=False)


def paste(canvas: Tensor, pose: Tensor, height: int, width: int) -> Tensor:
    """Lay the windows into the frame: canvas (N, C, P, P), pose (N, 4) -> (N, C, H, W); zero outside the window."""
    cx, cy, w, h = pose.unbind(-1)
    zero = torch.zeros_like(cx)
    x_row = torch.stack([width / (w * PAD), zero, (width - 2 * cx) / (w * PAD)], -1)
    y_row = torch.stack([zero, height / (h * PAD), (height - 2 * cy) / (h * PAD)], -1)
    grid = F.affine_grid(torch.stack([x_row, y_row], -2), [len(pose), 1, height, width], align_corners=False)
    return F.grid_sample(canvas, grid, align_corners=False)


def moments(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Means and standard deviations (N, 2: x, y) of masks (N, P, P), in window coordinates."""
    profiles = torch.stack([mask.sum(-2), mask.sum(-1)], 1)  # (N, 2, P)
    x, _ = axes(mask.shape[-1], mask.device)
    mass = profiles.sum(-1) + 1e-3
    mean = (profiles * x).sum(-1) / mass
    variance = (profiles * (x - mean[..., None]) ** 2).sum(-1) / mass
    return mean, variance.clamp(min=4e-3).sqrt()


def fit_pose(mask_logit: Tensor, pose: Tensor, free: Tensor, do: Floating = FLOATING) -> tuple[Tensor, Tensor]:
    """The pose M-step in closed form: part of the way to the window whose mask has the canonical moments.

    mask_logit (N, 1, P, P); pose (N, 4); free (N,) in [0, 1], 0 keeps a pose as it is.
    Returns the new pose (N, 4) and the map from new to old window coordinates (N, 2: x, y; 2: scale, shift), by which the state must
    be warped along (without that the scale drifts away). No gradient flows through either.
    """
    with torch.no_grad():
        mask = do.wide(do.sigmoid(mask_logit[:, 0].float()))
        go = (STRIDE * free * (mask.sum((-1, -2)) > SMALLEST_MASK))[:, None]
        mean, spread = moments(mask)
        shift = do.rounded((go * mean).clamp(-LARGEST_SHIFT, LARGEST_SHIFT), FIT_BITS)
        growth = go * (spread / spread.new_tensor(CANONICAL_SPREAD)).log()
        scale = do.rounded(growth.clamp(-LARGEST_LOG_SCALE, LARGEST_LOG_SCALE).exp(), FIT_BITS)
        centre, size = pose[:, :2], pose[:, 2:]
        fitted = torch.cat([centre + shift * size * (PAD / 2), size * scale], 1)
    return fitted, torch.stack([scale, shift], -1)


def warp(canvas: Tensor, to_old: Tensor, do: Floating = FLOATING) -> Tensor:
    """Resample grids (N, C, P, P) by maps (N, 2: x, y; 2: scale, shift) of window coordinates; zero from outside.

    Bilinear interpolation along x and y by itself: products with a matrix on either side. Exact for what lies within 1.
    """
    size = canvas.shape[-1]
    place = torch.arange(size, device=canvas.device, dtype=torch.float32)
    new = (place + 0.5) * 2 / size - 1
    scale, shift = to_old.split(1, -1)
    old = do.rounded(((scale * new + shift + 1) * size - 1) / 2, PLACE_BITS)  # (N, 2, P)
    # (N, 2, P, P) weights of the old places in each new one
    weights = (1 - (old[..., None] - place).abs()).clamp(min=0)
    across, down = weights.split(1, 1)
    moved = do.rounded(down @ do.stored(canvas, CANVAS), CANVAS.bits)
    return do.rounded(moved @ across.transpose(-1, -2), CANVAS.bits)
