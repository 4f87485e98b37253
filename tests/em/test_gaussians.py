"""Classical EM: against scikit-learn, and against what theory promises."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from tracker.em.gaussians import (
    Gaussians,
    OnlineEM,
    e_step,
    first_guess,
    fit,
    log_joint,
    m_step,
    moments,
)
from tracker.errors import SettingsError, ShapeError

TRUE = Gaussians(
    np.array([0.5, 0.3, 0.2]),
    np.array([[0.0, 0.0], [4.0, 1.0], [-2.0, 5.0]]),
    np.array([[[1.0, 0.3], [0.3, 0.6]], [[0.4, 0.0], [0.0, 1.2]], [[0.8, -0.2], [-0.2, 0.5]]]),
)


def draw(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    whose = rng.choice(3, count, p=TRUE.weights)
    return np.array([rng.multivariate_normal(TRUE.means[k], TRUE.covariances[k]) for k in whose])


def test_the_likelihood_is_scikit_learns():
    samples = draw(200)
    theirs = GaussianMixture(3, weights_init=TRUE.weights, means_init=TRUE.means, max_iter=1, reg_covar=0)
    theirs.weights_, theirs.means_, theirs.covariances_ = TRUE
    theirs.precisions_cholesky_ = np.array([np.linalg.cholesky(np.linalg.inv(c)) for c in TRUE.covariances])
    gamma, reached = e_step(samples, TRUE)
    assert reached == pytest.approx(theirs.score(samples))
    assert gamma == pytest.approx(theirs.predict_proba(samples), abs=1e-9)
    assert gamma.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("components", [1, 2, 5])
def test_the_likelihood_never_falls(components, seed):
    found = fit(draw(300, seed), components, seed=seed, steps=60, tolerance=-np.inf)
    assert len(found.log_likelihoods) == 61
    assert np.diff(found.log_likelihoods).min() > -1e-10


def test_the_true_mixture_is_found():
    found = fit(draw(6000), 3, seed=1)
    assert found.converged
    order = [int(np.argmin(((found.mixture.means - mean) ** 2).sum(axis=1))) for mean in TRUE.means]
    assert sorted(order) == [0, 1, 2]
    assert found.mixture.weights[order] == pytest.approx(TRUE.weights, abs=0.03)
    assert found.mixture.means[order] == pytest.approx(TRUE.means, abs=0.15)
    assert found.mixture.covariances[order] == pytest.approx(TRUE.covariances, abs=0.15)


def test_one_step_is_scikit_learns():
    samples = draw(400)
    start = first_guess(samples, 3, np.random.default_rng(3))
    theirs = GaussianMixture(
        3, weights_init=start.weights, means_init=start.means, reg_covar=0, max_iter=1, tol=0,
        precisions_init=np.linalg.inv(start.covariances),
    )  # fmt: skip
    with pytest.warns(match="did not converge"):
        theirs.fit(samples)
    ours = fit(samples, 3, start=start, steps=1).mixture
    assert ours.means == pytest.approx(theirs.means_)
    assert ours.covariances == pytest.approx(theirs.covariances_)


def test_equal_samples_do_not_break_it():
    found = fit(np.ones((20, 2)), 2)
    assert np.isfinite(found.log_likelihoods).all()
    assert found.mixture.means == pytest.approx(1)


def test_on_line_em_with_a_falling_rate_comes_to_where_batch_em_ends():
    samples = draw(20_000)
    start = fit(draw(100, seed=9), 3, seed=1, steps=5).mixture
    online = OnlineEM(start)
    for batch in samples.reshape(-1, 10, 2):
        online.update(batch)
    batch_em = fit(samples, 3, start=start).mixture
    fresh = draw(4000, seed=5)
    assert e_step(fresh, online.mixture)[1] == pytest.approx(e_step(fresh, batch_em)[1], abs=0.01)


def test_the_background_models_update_is_on_line_em_to_first_order_in_its_rate():
    """Zivkovic 2004, (4) to (6), with gamma for ownership o: pi += a (o - pi), mu += a o delta / pi, var += a o (delta^2 - var) / pi."""
    start = Gaussians(np.array([0.7, 0.3]), np.array([[100.0], [160.0]]), np.array([[[36.0]], [[64.0]]]))
    x = 111.0
    away = []
    for rate in (0.01, 0.001):
        gamma = e_step(np.array([[x]]), start)[0][0]
        delta = x - start.means[:, 0]
        weights = start.weights + rate * (gamma - start.weights)
        means = start.means[:, 0] + rate * gamma / start.weights * delta
        variances = start.covariances[:, 0, 0] + rate * gamma / start.weights * (delta**2 - start.covariances[:, 0, 0])
        online = OnlineEM(start, rate=rate)
        online.update([x])
        assert online.mixture.weights == pytest.approx(weights)
        away.append(
            max(
                np.abs(online.mixture.means[:, 0] - means).max(),
                np.abs(online.mixture.covariances[:, 0, 0] - variances).max(),
            )
        )
    assert away[1] < away[0] / 80  # a tenth of the rate, a hundredth of the difference


def test_a_constant_rate_follows_a_scene_that_changes_and_a_falling_one_stays():
    rng = np.random.default_rng(0)
    start = Gaussians(np.array([1.0]), np.array([[100.0]]), np.array([[[25.0]]]))
    follows, stays = OnlineEM(start, rate=0.05), OnlineEM(start, power=1.0)
    for level in (100, 140):
        for value in rng.normal(level, 5, 300):
            follows.update([value])
            stays.update([value])
    assert follows.mixture.means[0, 0] == pytest.approx(140, abs=4)
    assert stays.mixture.means[0, 0] == pytest.approx(120, abs=4)


def test_bad_samples_and_rates_are_refused():
    with pytest.raises(ShapeError, match="samples are"):
        fit(np.zeros((2, 2, 2)), 1)
    with pytest.raises(ShapeError, match="finite"):
        fit([1.0, np.nan], 1)
    with pytest.raises(SettingsError, match="5 components do not fit 3 samples"):
        fit([1.0, 2.0, 3.0], 5)
    with pytest.raises(SettingsError, match="rate is between"):
        OnlineEM(TRUE, rate=1.5)
    with pytest.raises(SettingsError, match="power is above"):
        OnlineEM(TRUE, power=0.3)


def test_moments_and_m_step_give_weighted_means():
    samples = np.array([[0.0], [2.0], [10.0]])
    mixture = m_step(moments(samples, np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])))
    assert mixture.weights == pytest.approx([2 / 3, 1 / 3])
    assert mixture.means[:, 0] == pytest.approx([1, 10])
    assert mixture.covariances[:, 0, 0] == pytest.approx([1, 0])
    assert log_joint(samples, Gaussians(*(part[:1] for part in mixture))).shape == (3, 1)


@pytest.mark.parametrize("far", [0.0, 1e7, 1.7e9])
def test_data_far_from_0_are_fitted_as_near_it(far):
    rng = np.random.default_rng(0)
    data = np.concatenate([rng.normal((0, 0), 1, (200, 2)), rng.normal((6, 3), 0.5, (200, 2))])
    near, there = fit(data, 2), fit(data + far, 2)
    assert there.converged
    assert (np.diff(there.log_likelihoods) > -1e-6).all()
    assert there.mixture.means - far == pytest.approx(near.mixture.means, abs=1e-3)
    online = OnlineEM(there.mixture, rate=0.1)
    for batch in np.split(data + far, 8):
        online.update(batch)
    assert np.linalg.eigvalsh(online.mixture.covariances).min() > 0.05


def test_samples_of_other_dimensions_are_refused():
    mixture = fit(np.random.default_rng(0).normal(size=(50, 2)), 2).mixture
    with pytest.raises(ShapeError, match=r"one sample is \(1, 2\)"):
        OnlineEM(mixture, rate=0.1).update([0.5, 0.1])
    with pytest.raises(ShapeError, match="2 dimensions, the samples 3"):
        fit(np.zeros((5, 3)), 2, start=mixture)
