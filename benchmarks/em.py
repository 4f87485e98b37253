"""Classical EM, seen: the likelihood that never falls, the mixture as it finds its place, and one pixel's history learned on-line.

python benchmarks/em.py [--out docs/em.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.em.gaussians import Gaussians, OnlineEM, e_step, first_guess, fit, m_step, moments

Array = NDArray[np.float64]

ROOT = Path(__file__).parents[1]
COMPONENTS, SAMPLES, STEPS = 4, 600, 60
STARTS = range(8)
SHOWN = (0, 3, 12, 59)
"""steps of which the mixture is drawn"""
RATE = 1 / 50
"""of the pixel's mixture: it remembers about fifty frames"""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")


def cloud(rng: np.random.Generator) -> Array:
    """Four clumps in the plane that touch."""
    true = [
        ((0, 0), (1.0, 0.4, 0.7)),
        ((3.2, 0.6), (0.5, -0.2, 1.0)),
        ((1.4, 3.4), (1.2, 0.0, 0.3)),
        ((-2.2, 2.4), (0.4, 0.2, 0.8)),
    ]
    parts = [rng.multivariate_normal(mean, [[a, b], [b, c]], SAMPLES // len(true)) for mean, (a, b, c) in true]
    return np.concatenate(parts)


def pixel(rng: np.random.Generator) -> Array:
    """Grey levels of a pixel on a road: shade from frame 300 on, a car now and then."""
    frames = np.arange(600)
    road = np.where(frames < 300, 150.0, 95.0)
    passing = (frames % 75) < 6
    return np.where(passing, 215.0, road) + rng.normal(0, 5, len(frames))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "em.png")
    out = parser.parse_args().out
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, ((climb, falls), (plane, stream)) = pyplot.subplots(2, 2, figsize=(10, 8), layout="constrained")
    samples = cloud(np.random.default_rng(0))
    curves = [fit(samples, COMPONENTS, seed=seed, steps=STEPS, tolerance=-np.inf).log_likelihoods for seed in STARTS]
    for curve in curves:
        climb.plot(curve, color=COLOURS[0], alpha=0.6)
    climb.set(title=f"batch EM from {len(STARTS)} starts", xlabel="step", ylabel="mean log-likelihood")
    gains = np.diff(curves, axis=1)
    for gain in gains:
        falls.semilogy(np.arange(1, STEPS + 1), np.maximum(gain, 1e-16), color=COLOURS[2], alpha=0.6)
    falls.set(
        title=f"what each step gains; the least of {gains.size} is {gains.min():.1e}", xlabel="step", ylabel="gain"
    )
    draw_steps(plane, samples)
    draw_stream(stream, pixel(np.random.default_rng(1)))
    figure.savefig(out, dpi=110)
    print(
        f"{out}: {len(STARTS)} starts end between {min(c[-1] for c in curves):.4f} and {max(c[-1] for c in curves):.4f};",
        end=" ",
    )
    print(f"least gain of a step {gains.min():.1e}")


def draw_steps(axes: Any, samples: Array) -> None:
    """The mixture after some steps: one standard deviation of each component, darker the later."""
    axes.scatter(*samples.T, s=3, color="0.75")
    mixture = first_guess(samples, COMPONENTS, np.random.default_rng(2))
    for step in range(STEPS):
        if step in SHOWN:
            for k in range(COMPONENTS):
                x, y = outline(mixture, k)
                axes.plot(x, y, color=COLOURS[k], alpha=0.25 + 0.75 * SHOWN.index(step) / (len(SHOWN) - 1))
        gamma, _ = e_step(samples, mixture)
        mixture = m_step(moments(samples, gamma))
    axes.set(title=f"the mixture before steps {', '.join(str(step) for step in SHOWN)}", aspect="equal")


def outline(mixture: Gaussians, k: int) -> Array:
    """(2, 60) the ellipse of one standard deviation round component k."""
    turn = np.linspace(0, 2 * np.pi, 60)
    return mixture.means[k][:, None] + np.linalg.cholesky(mixture.covariances[k]) @ np.array(
        [np.cos(turn), np.sin(turn)]
    )


def draw_stream(axes: Any, levels: Array) -> None:
    """A pixel's levels, and the means of a mixture that learns them one by one; thicker is heavier."""
    start = Gaussians(np.array([0.8, 0.1, 0.1]), np.array([[140.0], [90.0], [220.0]]), np.full((3, 1, 1), 150.0))
    online = OnlineEM(start, rate=RATE, least_variance=16.0)
    means, weights = [], []
    for level in levels:
        online.update([level])
        means.append(online.mixture.means[:, 0])
        weights.append(online.mixture.weights)
    axes.scatter(np.arange(len(levels)), levels, s=2, color="0.75")
    for k in range(3):
        axes.scatter(
            np.arange(len(levels)),
            np.array(means)[:, k],
            s=12 * np.array(weights)[:, k] + 0.5,
            color=COLOURS[k],
            label=f"component {k + 1}",
        )
    axes.set(title=f"one pixel, on-line EM, rate {RATE:g}", xlabel="frame", ylabel="grey level")
    axes.legend(loc="upper left", bbox_to_anchor=(0.02, 0.86), fontsize=8)


if __name__ == "__main__":
    main()
