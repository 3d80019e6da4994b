"""Daily returns of stationary strategies with variance 1 and mean 0, of several kinds."""

import numpy as np

from strategies.base import Floats

YEAR = 252
CASES: tuple[str, ...] = ("normal", "fat tails", "clusters", "autocorrelated")


def draw(case: str, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Return curves of shape (N, T)."""
    if case == "fat tails":
        return rng.standard_t(3, shape) / np.sqrt(3.0)
    if case == "clusters":
        return _draw_garch(shape, rng)
    noise = rng.standard_normal(shape)
    if case == "autocorrelated":
        for bar in range(1, shape[1]):
            noise[:, bar] = 0.15 * noise[:, bar - 1] + np.sqrt(1.0 - 0.15**2) * noise[:, bar]
    return noise


def _draw_garch(shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Return GARCH(1, 1) with Student's t of 5 degrees of freedom."""
    shocks = rng.standard_t(5, shape) / np.sqrt(5.0 / 3.0)
    variance = np.ones(shape[0])
    for bar in range(shape[1]):
        shocks[:, bar] *= np.sqrt(variance)
        variance = 0.03 + 0.12 * shocks[:, bar] ** 2 + 0.85 * variance
    return shocks
