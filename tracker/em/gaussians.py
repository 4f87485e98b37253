"""Classical EM: a mixture of Gaussians fitted to all of the data at once, or to one sample after the other.

    E-step   gamma_nk = pi_k N(x_n | mu_k, Sigma_k) / sum_j pi_j N(x_n | mu_j, Sigma_j)
    M-step   N_k = sum_n gamma_nk,  pi_k = N_k / N,  mu_k and Sigma_k the gamma-weighted mean and covariance

Dempster, Laird and Rubin 1977. On-line ("stepwise") EM keeps running means of the M-step's three sums instead: Cappe and Moulines
2009. With a constant rate, one pixel's history as the data and variances that are equal in all directions, that is the update of
the Gaussian mixture behind lane `gmm`, to first order in the rate (Stauffer and Grimson 1999, Zivkovic 2004): docs/em.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular

from tracker.errors import SettingsError, ShapeError

Array = NDArray[np.float64]

SMALLEST_SPREAD = 1e-6
"""share of the data's variance below which no component's falls: on one sample a Gaussian's likelihood has no bound"""


class Gaussians(NamedTuple):
    """A mixture of K Gaussians in D dimensions."""

    weights: Array
    """(K,) pi, sum 1"""
    means: Array
    """(K, D) mu"""
    covariances: Array
    """(K, D, D) Sigma"""


class Moments(NamedTuple):
    """What the M-step needs of the data: means over samples of gamma_k, gamma_k x and gamma_k x x^T."""

    mass: Array
    """(K,)"""
    first: Array
    """(K, D)"""
    second: Array
    """(K, D, D)"""


class Fit(NamedTuple):
    """What EM ended with."""

    mixture: Gaussians
    log_likelihoods: Array
    """(steps + 1,) mean log p(x_n) before each step and after the last; it never falls while no component is at its smallest spread"""
    converged: bool


def as_samples(data: ArrayLike) -> Array:
    """(N, D) float64 of `data`, (N, D) or (N,). Raises ShapeError for other shapes, for none, and for values that are not finite."""
    samples = np.asarray(data, np.float64)
    samples = samples[:, None] if samples.ndim == 1 else samples
    if samples.ndim != 2 or 0 in samples.shape:
        raise ShapeError(f"samples are (N, D), at least one of them, not {samples.shape}")
    if not np.isfinite(samples).all():
        raise ShapeError("samples must be finite numbers")
    return samples


def log_joint(samples: Array, mixture: Gaussians) -> Array:
    """(N, K) log pi_k + log N(x_n | mu_k, Sigma_k). Raises ShapeError for samples of other dimensions than the mixture's."""
    dimensions, wanted = samples.shape[1], mixture.means.shape[1]
    if dimensions != wanted:
        raise ShapeError(f"samples have {dimensions} dimensions, the mixture {wanted}; one sample is (1, {wanted})")
    joint = np.empty((len(samples), len(mixture.weights)))
    for k, (weight, mean, covariance) in enumerate(zip(*mixture, strict=True)):
        root = np.linalg.cholesky(covariance)
        away = solve_triangular(root, (samples - mean).T, lower=True)
        log_volume = np.log(np.diag(root)).sum() + dimensions / 2 * np.log(2 * np.pi)
        joint[:, k] = np.log(max(weight, np.finfo(float).tiny)) - 0.5 * (away**2).sum(axis=0) - log_volume
    return joint


def e_step(samples: Array, mixture: Gaussians) -> tuple[Array, float]:
    """Responsibilities gamma (N, K), and the mean log-likelihood of the samples."""
    joint = log_joint(samples, mixture)
    evidence = np.logaddexp.reduce(joint, axis=1)
    return np.exp(joint - evidence[:, None]), float(evidence.mean())


def moments(samples: Array, gamma: Array) -> Moments:
    """The three means that the M-step is made of, from samples (N, D) and gamma (N, K)."""
    share = gamma / len(samples)
    return Moments(
        share.sum(axis=0), share.T @ samples, np.einsum("nk,nd,ne->kde", share, samples, samples, optimize=True)
    )


def m_step(moments: Moments, *, least_variance: float = 0.0) -> Gaussians:
    """The mixture of greatest likelihood, given the moments under the responsibilities.

    least_variance  no covariance is narrower in any direction
    """
    mass = np.maximum(moments.mass, np.finfo(float).tiny)
    means = moments.first / mass[:, None]
    covariances = moments.second / mass[:, None, None] - np.einsum("kd,ke->kde", means, means)
    widths, axes = np.linalg.eigh((covariances + covariances.transpose(0, 2, 1)) / 2)
    widths = np.maximum(widths, least_variance)
    return Gaussians(mass / mass.sum(), means, np.einsum("kde,ke,kfe->kdf", axes, widths, axes))


def first_guess(samples: Array, components: int, rng: np.random.Generator) -> Gaussians:
    """Means on samples far from one another (k-means++, Arthur and Vassilvitskii 2007), the data's covariance, equal weights."""
    if not 1 <= components <= len(samples):
        raise SettingsError(f"{components} components do not fit {len(samples)} samples")
    means = [samples[rng.integers(len(samples))]]
    while len(means) < components:
        apart = np.min([((samples - mean) ** 2).sum(axis=1) for mean in means], axis=0)
        odds = apart / apart.sum() if apart.sum() > 0 else None
        means.append(samples[rng.choice(len(samples), p=odds)])
    spread = np.atleast_2d(np.cov(samples, rowvar=False, bias=True)) + _least_variance(samples) * np.eye(
        samples.shape[1]
    )
    return Gaussians(np.full(components, 1 / components), np.array(means), np.repeat(spread[None], components, 0))


def _least_variance(samples: Array) -> float:
    return SMALLEST_SPREAD * max(float(samples.var(axis=0).mean()), np.finfo(float).tiny ** 0.5)


def fit(
    data: ArrayLike, components: int, *, seed: int = 0, steps: int = 200, tolerance: float = 1e-6,
    start: Gaussians | None = None,
) -> Fit:  # fmt: skip
    """Batch EM until the mean log-likelihood gains less than `tolerance` in a step, or for `steps` of them.

    data  (N, D) or (N,); start: where to begin, `first_guess` unless given

    Raises ShapeError for data that are none, or of other dimensions than `start`.
    """
    samples = as_samples(data)
    # far from 0 the M-step would take the difference of two numbers that are nearly the same
    origin = samples.mean(axis=0)
    samples = samples - origin
    mixture = first_guess(samples, components, np.random.default_rng(seed)) if start is None else _moved(start, -origin)
    least = _least_variance(samples)
    gamma, reached = e_step(samples, mixture)
    curve, converged = [reached], False
    for _ in range(steps):
        mixture = m_step(moments(samples, gamma), least_variance=least)
        gamma, reached = e_step(samples, mixture)
        curve.append(reached)
        if curve[-1] - curve[-2] < tolerance:
            converged = curve[-1] - curve[-2] > -tolerance
            break
    return Fit(_moved(mixture, origin), np.array(curve), converged)


def _moved(mixture: Gaussians, by: Array) -> Gaussians:
    """The mixture with its means moved by (D,)."""
    if mixture.means.shape[1] != len(by):
        raise ShapeError(f"the mixture has {mixture.means.shape[1]} dimensions, the samples {len(by)}")
    return mixture._replace(means=mixture.means + by)


@dataclass
class OnlineEM:
    """EM on a stream: each batch of samples moves the M-step's moments by `rate` towards its own, and the mixture follows.

    rate   constant, to forget what was long ago; or falling as (1 + n)^-power with the number n of the batch, which converges
    power  in (.5, 1]; used where rate is None
    """

    mixture: Gaussians
    rate: float | None = None
    power: float = 0.6
    least_variance: float = 1e-9

    def __post_init__(self) -> None:
        if self.rate is not None and not 0 < self.rate < 1:
            raise SettingsError(f"rate is between 0 and 1, not {self.rate}")
        if not 0.5 < self.power <= 1:
            raise SettingsError(f"power is above 0.5 and at most 1, not {self.power}")
        self._origin = self.mixture.weights @ self.mixture.means  # moments are taken from here, as in `fit`
        weights, means, covariances = _moved(self.mixture, -self._origin)
        outer = np.einsum("kd,ke->kde", means, means)
        self._moments = Moments(weights, weights[:, None] * means, weights[:, None, None] * (covariances + outer))
        self._batches = 0

    def update(self, data: ArrayLike) -> float:
        """One step on a batch (N, D), or (N,) where D is 1; returns its mean log-likelihood before the step.

        Raises ShapeError for samples of other dimensions than the mixture's.
        """
        samples = as_samples(data)
        gamma, reached = e_step(samples, self.mixture)
        self._batches += 1
        rate = self.rate if self.rate is not None else (1 + self._batches) ** -self.power
        here = moments(samples - self._origin, gamma)
        self._moments = Moments(*(old + rate * (new - old) for old, new in zip(self._moments, here, strict=True)))
        self.mixture = _moved(m_step(self._moments, least_variance=self.least_variance), self._origin)
        return reached
