"""Three models of repeat buying in which a customer, unseen, becomes inactive: BG/NBD, MBG/NBD and Pareto/NBD.

Data per customer: ``x`` repeat purchases, ``t_x`` time of the last one and ``T`` length of observation, both counted from the
first purchase, in weeks. Every function works on arrays and gives exact gradients.

* BG/NBD: Fader, Hardie and Lee, “Counting your customers the easy way”, Marketing Science 24 (2005) 275–284.
* MBG/NBD: Batislam, Denizel and Filiztekin, Int. J. Research in Marketing 24 (2007) 201–209.
* Pareto/NBD: Schmittlein, Morrison and Colombo, Management Science 33 (1987) 1–24.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy import special

from guanxi.mining.lifetime.estimate import Array

NODES = 40


def counted(x: Array) -> tuple[Array, Any]:
    """Counts that occur and the place of each x among them: without sorting where x are whole numbers of moderate size."""
    most = float(x.max()) if len(x) else 0.0
    places = x.astype(np.intp)
    if most <= 4 * len(x) + 1000 and bool((places == x).all()):
        return np.arange(int(most) + 1, dtype=float), places
    return np.unique(x, return_inverse=True)


def gamma_steps(base: float | Array, x: Array) -> tuple[Array, Array]:
    """log Γ(base + x) − log Γ(base) and its derivative by ``base``; per distinct pair, since x repeats."""
    if np.ndim(base) == 0:
        distinct, back = counted(x)
        step = special.gammaln(base + distinct) - special.gammaln(base)
        slope = special.digamma(base + distinct) - special.digamma(base)
        return step[back], slope[back]
    return special.gammaln(base + x) - special.gammaln(base), special.digamma(base + x) - special.digamma(base)


def beta_geometric_rows(
    r: float | Array,
    alpha: float | Array,
    a: float | Array,
    b: float | Array,
    x: Array,
    t_x: Array,
    T: Array,
    *,
    modified: bool,
) -> tuple[Array, Array]:
    """Log-likelihood per customer of BG/NBD (or MBG/NBD) and its gradient by r, alpha, a, b.

    BG/NBD: L = Γ(r+x)/Γ(r) αʳ · B(a, b+x)/B(a, b) · [(α+T)^−(r+x) + 1{x>0} a/(b+x−1) (α+t_x)^−(r+x)];
    MBG/NBD: b+x becomes b+x+1, and a customer may leave right after the first purchase, so the second term is always there.
    """  # fmt: skip
    chances = x + 1.0 if modified else x
    log_t, log_tx = np.log(alpha + T), np.log(alpha + t_x)
    g, dg = gamma_steps(r, x)
    hb, dhb = gamma_steps(b, chances)
    hab, dhab = gamma_steps(a + b, chances)
    left = np.log(a) - np.log(np.where(chances > 0, b + chances - 1, 1.0)) + (r + x) * (log_t - log_tx)
    left = np.where(chances > 0, left, -np.inf)
    both = np.logaddexp(0.0, left)
    each = g + r * np.log(alpha) + hb - hab - (r + x) * log_t + both
    w = special.expit(left)
    slopes = np.empty((len(x), 4))
    slopes[:, 0] = dg + np.log(alpha) - log_t + w * (log_t - log_tx)
    slopes[:, 1] = r / alpha - (r + x) * (1 - w) / (alpha + T) - (r + x) * w / (alpha + t_x)
    slopes[:, 2] = -dhab + w / a
    slopes[:, 3] = dhb - dhab - w / np.where(chances > 0, b + chances - 1, 1.0)
    return each, slopes


def beta_geometric_alive(
    r: float | Array,
    alpha: float | Array,
    a: float | Array,
    b: float | Array,
    x: Array,
    t_x: Array,
    T: Array,
    *,
    modified: bool,
) -> Array:
    """Probability that the customer is still active at T."""
    chances = x + 1.0 if modified else x
    left = (
        np.log(a)
        - np.log(np.where(chances > 0, b + chances - 1, 1.0))
        + (r + x) * (np.log(alpha + T) - np.log(alpha + t_x))
    )
    return np.asarray(special.expit(-np.where(chances > 0, left, -np.inf)))


def beta_geometric_expected(
    r: float | Array,
    alpha: float | Array,
    a: float | Array,
    b: float | Array,
    x: Array,
    T: Array,
    t: Array,
    *,
    modified: bool,
) -> Array:
    """Expected purchases in (T, T+t] of a customer who *is active* at T.

    (a+b'−1)/(a−1) · [1 − (1−z)^(a−1) ₂F₁(a+b'−1−r−x, a−1; a+b'−1; z)] with z = t/(α+T+t) and b' = b+x (MBG/NBD: b+x+1):
    equation 10 of Fader, Hardie and Lee after Euler's transformation, which keeps it accurate for many purchases.
    """
    after = b + x + (1.0 if modified else 0.0)
    a = np.where(np.abs(a - 1.0) < 1e-6, 1.0 + 1e-6, a)  # removable singularity
    z = t / (alpha + T + t)
    c = a + after - 1.0
    with np.errstate(all="ignore"):
        hyper = (1.0 - z) ** (a - 1.0) * special.hyp2f1(c - r - x, a - 1.0, c, z)
        made = np.asarray(np.maximum(c / (a - 1.0) * (1.0 - hyper), 0.0))
    lost = ~np.isfinite(made)
    if lost.any():  # parameters in the thousands, where customers are all alike
        made[lost] = _averaged(*(np.broadcast_to(one, made.shape)[lost] for one in (r + x, alpha + T, a, after, t)))
    return made


PIECE = 50_000


def _averaged(shape: Array, length: Array, a: Array, after: Array, t: Array) -> Array:
    """The same by averaging (1 − (1+pt/(α+T))^−(r+x))/p over quantiles of Beta(a, b'), which are found once for each pair of a and b'."""
    nodes, weights = leggauss(64)
    pairs, back = np.unique(np.stack([a, after], axis=1), axis=0, return_inverse=True)
    own = np.maximum(special.betaincinv(pairs[:, :1], pairs[:, 1:], (1 + nodes) / 2), 1e-300)
    back, ratio, made = np.ravel(back), t / length, np.empty(len(shape))
    for start in range(0, len(shape), PIECE):
        piece = slice(start, start + PIECE)
        p = own[back[piece]]
        made[piece] = (-np.expm1(-shape[piece, None] * np.log1p(p * ratio[piece, None])) / p) @ weights / 2
    return made


def _pareto_integral(
    r: float | Array, alpha: float | Array, s: float | Array, beta: float | Array, x: Array, t_x: Array, T: Array
) -> tuple[Array, Array]:
    """log of ∫ from t_x to T of (α+τ)^−(r+x) (β+τ)^−(s+1) dτ, and its gradient by r, alpha, s, beta.

    Gauss–Legendre in u = log((c+τ)/(c+t_x)) with c the smaller of α and β, in which the integrand is analytic in a strip of height π; the
    tail below e^−45 of the peak is cut. Relative error below 1e-8 against adaptive quadrature and the hypergeometric form.
    """
    nodes, weights = leggauss(NODES)
    first, second, power_r, power_s = (
        np.broadcast_to(np.asarray(one, dtype=float), x.shape)[:, None] for one in (alpha, beta, r + x, s + 1.0)
    )
    base = np.minimum(first, second)
    start = base + t_x[:, None]
    span = np.log((base + T[:, None]) / start)

    def logs(u: Array) -> tuple[Array, Array, Array]:
        tau = start * np.exp(u)  # c+τ
        log_a, log_b = np.log(tau + (first - base)), np.log(tau + (second - base))
        return log_a, log_b, -power_r * log_a - power_s * log_b + np.log(tau)

    coarse = span * (np.arange(24) / 23)
    height = logs(coarse)[2]
    alive = height > height.max(axis=1, keepdims=True) - 45.0
    last = np.minimum(23 - np.argmax(alive[:, ::-1], axis=1) + 1, 23)
    top = coarse[np.arange(len(x)), last]
    log_a, log_b, log_f = logs(np.outer(top, (1 + nodes) / 2))
    peak = log_f.max(axis=1, keepdims=True)
    mass = np.exp(log_f - peak) * weights
    total = mass.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_i = peak[:, 0] + np.log(total * top / 2)
        mean = mass / total[:, None]
    slopes = np.stack(
        [
            -(mean * log_a).sum(axis=1),
            -(mean * power_r * np.exp(-log_a)).sum(axis=1),
            -(mean * log_b).sum(axis=1),
            -(mean * power_s * np.exp(-log_b)).sum(axis=1),
        ],
        axis=1,
    )
    return np.where(top > 0, log_i, -np.inf), np.where((top > 0)[:, None], slopes, 0.0)


def pareto_rows(
    r: float | Array, alpha: float | Array, s: float | Array, beta: float | Array, x: Array, t_x: Array, T: Array
) -> tuple[Array, Array]:
    """Log-likelihood per customer of Pareto/NBD and its gradient by r, alpha, s, beta.

    L = Γ(r+x)/Γ(r) αʳ βˢ · [(α+T)^−(r+x) (β+T)^−s + s ∫ₜₓᵀ (α+τ)^−(r+x) (β+τ)^−(s+1) dτ].
    """
    g, dg = gamma_steps(r, x)
    log_a, log_b = np.log(alpha + T), np.log(beta + T)
    stay = -(r + x) * log_a - s * log_b
    log_i, d_i = _pareto_integral(r, alpha, s, beta, x, t_x, T)
    gone = np.log(s) + log_i
    each = g + r * np.log(alpha) + s * np.log(beta) + np.logaddexp(stay, gone)
    w = special.expit(gone - stay)
    slopes = w[:, None] * d_i
    slopes[:, 0] += dg + np.log(alpha) - (1 - w) * log_a
    slopes[:, 1] += r / alpha - (1 - w) * (r + x) / (alpha + T)
    slopes[:, 2] += np.log(beta) - (1 - w) * log_b + w / s
    slopes[:, 3] += s / beta - (1 - w) * s / (beta + T)
    return each, slopes


def pareto_alive(
    r: float | Array, alpha: float | Array, s: float | Array, beta: float | Array, x: Array, t_x: Array, T: Array
) -> Array:
    """Probability that the customer is still active at T."""
    stay = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
    gone = np.log(s) + _pareto_integral(r, alpha, s, beta, x, t_x, T)[0]
    return np.asarray(special.expit(stay - gone))


def pareto_expected(
    r: float | Array, alpha: float | Array, s: float | Array, beta: float | Array, x: Array, T: Array, t: Array
) -> Array:
    """Expected purchases in (T, T+t] of a customer who *is active* at T: (r+x)(β+T)/((α+T)(s−1)) [1 − ((β+T)/(β+T+t))^(s−1)]."""
    fall = np.log((beta + T) / (beta + T + t))
    power = s - 1.0
    share = np.where(np.abs(power) < 1e-9, -fall, -np.expm1(power * fall) / np.where(np.abs(power) < 1e-9, 1.0, power))
    return np.asarray((r + x) * (beta + T) / (alpha + T) * share)
