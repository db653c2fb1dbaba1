"""A fitted model of repeat buying: one face for BG/NBD, MBG/NBD and Pareto/NBD, with or without covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from guanxi.mining.lifetime import purchases
from guanxi.mining.lifetime.estimate import Array, Fit, from_sample, maximise, weighted
from guanxi.mining.result import BadInput, Note, note

NAMES: Final[dict[str, tuple[str, str, str, str]]] = {
    "bgnbd": ("r", "alpha", "a", "b"),
    "mbgnbd": ("r", "alpha", "a", "b"),
    "paretonbd": ("r", "alpha", "s", "beta"),
}
"""Model -> its parameters. The rate of buying is Gamma(r, alpha) per week; dropping out is Beta(a, b) per purchase or Gamma(s, beta) per week."""

_STARTS: Final = {"bgnbd": (1.0, 1.0), "mbgnbd": (1.0, 2.0), "paretonbd": (1.0, 1.0)}


@dataclass(frozen=True)
class PurchaseModel:
    """Which model, with which parameters. Times are in weeks. ``effects`` are coefficients of covariates, ``centre`` their means."""

    kind: str
    values: tuple[float, float, float, float]
    fit: Fit
    n: int
    effects: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    covariates: tuple[str, ...] = ()
    centre: tuple[float, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def parameters(self) -> dict[str, float]:
        """The four parameters by name."""
        return dict(zip(NAMES[self.kind], self.values, strict=True))

    def own(self, summary: pd.DataFrame) -> tuple[float | Array, float | Array, float | Array, float | Array]:
        """The parameters of each customer: the same for all, or moved by his covariates."""
        if not self.covariates:
            return self.values
        z = summary[list(self.covariates)].to_numpy(dtype=float) - np.asarray(self.centre)
        return _moved(
            self.kind, self.values, z @ np.asarray(self.effects["buying"]), z @ np.asarray(self.effects["leaving"])
        )

    def alive(self, summary: pd.DataFrame) -> Array:
        """Probability that each customer is still active at the end of observation."""
        x, t_x, T = _columns(summary)
        if self.kind == "paretonbd":
            return purchases.pareto_alive(*self.own(summary), x, t_x, T)
        return purchases.beta_geometric_alive(*self.own(summary), x, t_x, T, modified=self.kind == "mbgnbd")

    def expected(self, summary: pd.DataFrame, weeks: float) -> Array:
        """Expected purchases of each customer in the next ``weeks``."""
        return self.alive(summary) * self.expected_if_alive(summary, (weeks,))[:, 0]

    def expected_if_alive(self, summary: pd.DataFrame, horizons: Sequence[float]) -> Array:
        """Expected purchases up to each horizon (weeks) of a customer who is active now; customers by horizons.

        Without covariates it depends on x and T alone and is computed once for each distinct pair.
        """
        x, _t_x, T = _columns(summary)
        own = self.own(summary)
        if self.covariates:
            return np.stack([self._ahead(own, x, T, np.full(len(x), t)) for t in horizons], axis=1)
        groups = pd.DataFrame({"x": x, "T": T}).groupby(["x", "T"], sort=False)
        pairs, back = groups.size().index.to_frame().to_numpy(dtype=float), groups.ngroup().to_numpy()
        made = np.stack([self._ahead(own, pairs[:, 0], pairs[:, 1], np.full(len(pairs), t)) for t in horizons], axis=1)
        return np.asarray(made[back])

    def _ahead(self, own: tuple[Any, Any, Any, Any], x: Array, T: Array, t: Array) -> Array:
        if self.kind == "paretonbd":
            return purchases.pareto_expected(*own, x, T, t)
        return purchases.beta_geometric_expected(*own, x, T, t, modified=self.kind == "mbgnbd")

    def interval(
        self, summary: pd.DataFrame, weeks: float, *, level: float = 0.8, draws: int = 2000, seed: int = 1
    ) -> Array:
        """Lower and upper bound of the purchases in the next ``weeks``: quantiles of the predictive distribution, by simulation.

        Customers by two. Costs O(customers × draws); computed in pieces.
        """
        generator = np.random.default_rng(seed)
        alive = self.alive(summary)
        bounds = np.empty((len(summary), 2))
        for start in range(0, len(summary), 500):
            part = summary.iloc[start : start + 500]
            counts = self._draws(part, weeks, draws, generator)
            counts[generator.random(counts.shape) >= alive[start : start + 500, None]] = 0
            bounds[start : start + 500] = np.quantile(
                counts, [(1 - level) / 2, (1 + level) / 2], axis=1, method="inverted_cdf"
            ).T
        return bounds

    def _draws(self, part: pd.DataFrame, weeks: float, draws: int, generator: np.random.Generator) -> Array:
        """Purchases of customers who are active now."""
        x, _t_x, T = _columns(part)
        r, alpha, c, d = (np.broadcast_to(np.asarray(one, dtype=float), x.shape)[:, None] for one in self.own(part))
        shape = (len(x), draws)
        rate = generator.gamma(r + x[:, None], 1.0, shape) / (alpha + T[:, None])
        if self.kind == "paretonbd":
            stays = generator.exponential(1.0, shape) / np.maximum(
                generator.gamma(c, 1.0, shape) / (d + T[:, None]), 1e-300
            )
            return generator.poisson(rate * np.minimum(stays, weeks)).astype(float)
        chances = x[:, None] + (1.0 if self.kind == "mbgnbd" else 0.0)
        leaves = np.clip(generator.beta(c, d + chances, shape), 1e-12, 1.0)
        return np.minimum(generator.poisson(rate * weeks), generator.geometric(leaves)).astype(float)


def _columns(summary: pd.DataFrame) -> tuple[Array, Array, Array]:
    x, t_x, length = (summary[name].to_numpy(dtype=float) for name in ("x", "t_x", "T"))
    return x, t_x, length


def _moved(kind: str, values: Sequence[float], buying: Array, leaving: Array) -> tuple[Any, Any, Any, Any]:
    """Parameters per customer: covariates speed up buying (alpha·e^−γz) and leaving (Fader and Hardie 2007).

    BG and MBG: a·e^δz and b·e^−δz, which moves the log odds of leaving by 2δz. Pareto: beta·e^−δz.
    """
    r, alpha, c, d = values
    if kind == "paretonbd":
        return r, alpha * np.exp(-buying), c, d * np.exp(-leaving)
    return r, alpha * np.exp(-buying), c * np.exp(leaving), d * np.exp(-leaving)


def _rows(kind: str, own: tuple[Any, Any, Any, Any], x: Array, t_x: Array, T: Array) -> tuple[Array, Array]:
    if kind == "paretonbd":
        pieces = []
        for i in range(0, len(x), 100_000):
            part = slice(i, i + 100_000)
            r, alpha, c, d = (one if np.ndim(one) == 0 else one[part] for one in own)
            pieces.append(purchases.pareto_rows(r, alpha, c, d, x[part], t_x[part], T[part]))
        return np.concatenate([one[0] for one in pieces]), np.concatenate([one[1] for one in pieces])
    return purchases.beta_geometric_rows(*own, x, t_x, T, modified=kind == "mbgnbd")


def fit_purchases(
    summary: pd.DataFrame, kind: str = "bgnbd", *, penalty: float = 0.0, covariates: Sequence[str] = ()
) -> PurchaseModel:
    """Fit a model by maximum likelihood. Columns ``x``, ``t_x``, ``T`` (weeks) and those named as covariates (numbers).

    ``penalty``: weight of the squared log-parameters, as in ridge regression (0 gives the published figures).
    Raises :class:`BadInput` for an unknown model, fewer than ten customers, or data in which nobody bought twice.
    """
    if kind not in NAMES:
        raise BadInput(
            "model.unknown",
            "Unknown model {kind}: {known}.",
            "未知模型 {kind}：可用 {known}。",
            kind=kind,
            known=", ".join(NAMES),
        )
    x, t_x, T = _columns(summary)
    _refuse(x, t_x, T)
    alike = pd.DataFrame({"x": x, "t_x": t_x, "T": T}).groupby(["x", "t_x", "T"], sort=False).size()
    grouped, counts = alike.index.to_frame().to_numpy(dtype=float), alike.to_numpy()
    unit = float(T.mean()) / 10 or 1.0  # times near 1 make the search easy
    starts = [[1.0, 1.0, *_STARTS[kind]], [0.3, 2.0, 0.8, 2.5]]
    x_u, tx_u, T_u, weights = grouped[:, 0], grouped[:, 1] / unit, grouped[:, 2] / unit, counts.astype(float)
    shift = float(x.sum()) * np.log(unit)  # the likelihood is a density in time

    def objective(value: Array, among: Any = slice(None)) -> tuple[float, Array]:
        four = (value[0], value[1], value[2], value[3])
        return weighted(_rows(kind, four, x_u[among], tx_u[among], T_u[among]), weights[among])

    fit = from_sample(objective, NAMES[kind], starts, positive=4, penalty=penalty, weights=weights)
    values = _in_weeks(kind, fit, unit)
    fit = Fit(values[0], values[1], float(fit.loglik - shift), fit.iterations, fit.converged, fit.notes)
    four = tuple(fit.values[name] for name in NAMES[kind])
    notes = [*fit.notes, *_doubts(x), *_stayers(kind, four)]
    model = PurchaseModel(kind, (four[0], four[1], four[2], four[3]), fit, len(x), notes=tuple(notes))
    return _with_covariates(model, summary, tuple(covariates), penalty) if covariates else model


def _in_weeks(kind: str, fit: Fit, unit: float) -> tuple[dict[str, float], dict[str, float]]:
    timed = {"alpha"} | ({"beta"} if kind == "paretonbd" else set())
    return tuple(
        {name: one * unit if name in timed else one for name, one in each.items()} for each in (fit.values, fit.errors)
    )  # type: ignore[return-value]


def _refuse(x: Array, t_x: Array, T: Array) -> None:
    if len(x) < 10:
        raise BadInput(
            "few",
            "Too few customers ({n}); a lifetime model needs at least 10.",
            "只有 {n} 位客户，生命周期模型至少需要 10 位。",
            n=len(x),
        )
    if not (x > 0).any():
        raise BadInput(
            "nobody_repeats",
            "None of the {n} customers bought twice in the period, so their rhythm cannot be known. Take a longer period.",
            "期间内 {n} 位客户均无复购，无法得知购买节奏。请选择更长的期间。",
            n=len(x),
        )
    if (t_x < 0).any() or (t_x > T + 1e-9).any() or ((x == 0) & (t_x > 0)).any():
        raise BadInput(
            "summary",
            "The summary is not possible: it must hold 0 ≤ t_x ≤ T, and t_x = 0 without repeat purchases.",
            "汇总数据不成立：须满足 0 ≤ t_x ≤ T，且无复购时 t_x = 0。",
        )


def _doubts(x: Array) -> list[Note]:
    found = []
    if len(x) < 100:
        found.append(
            note(
                "few",
                "Only {count} customers: the parameters are uncertain, look at their standard errors.",
                "只有 {count} 位客户，参数不稳，请看标准误。",
                count=len(x),
            )
        )
    share = float((x > 0).mean())
    if share < 0.05:
        found.append(
            note(
                "repeat.rare",
                "Only {share:.1%} of customers bought again; figures of single customers are rough.",
                "仅 {share:.1%} 的客户复购，单个客户的数字较粗。",
                share=share,
            )
        )
    return found


def _stayers(kind: str, four: Sequence[float]) -> list[Note]:
    """A note when the fit says that nobody leaves, which short or seasonal data make it say."""
    if kind == "paretonbd" or four[2] / (four[2] + four[3]) > 0.005:
        return []
    return [
        note(
            "fit.nobody_leaves",
            "According to the fit hardly anybody ever leaves; the period is too short to see it. Take probabilities of being active with care.",
            "按拟合结果几乎无人流失，多因期间太短。活跃概率请谨慎使用。",
        )
    ]


def _with_covariates(
    plain: PurchaseModel, summary: pd.DataFrame, covariates: tuple[str, ...], penalty: float
) -> PurchaseModel:
    z = summary[list(covariates)].to_numpy(dtype=float)
    if not np.isfinite(z).all():
        raise BadInput("covariate", "A covariate has missing values.", "协变量有缺失值。")
    constant = [name for name, one in zip(covariates, z.T, strict=True) if np.ptp(one) == 0]
    if constant:
        raise BadInput(
            "covariate.constant",
            "The covariate {name} is the same for everybody.",
            "协变量 {name} 对所有客户都相同。",
            name=", ".join(constant),
        )
    centre = z.mean(axis=0)
    z = z - centre
    x, t_x, T = _columns(summary)
    k = len(covariates)

    def objective(value: Array) -> tuple[float, Array]:
        own = _moved(plain.kind, tuple(value[:4]), z @ value[4 : 4 + k], z @ value[4 + k :])
        each, slopes = _rows(plain.kind, tuple(np.broadcast_to(one, x.shape) for one in own), x, t_x, T)  # type: ignore[arg-type]
        logs = slopes * np.stack(
            [np.broadcast_to(one, x.shape) for one in own], axis=1
        )  # derivative by each log-parameter
        leaving = -logs[:, 3] if plain.kind == "paretonbd" else logs[:, 2] - logs[:, 3]
        return float(each.sum()), np.concatenate([logs.sum(axis=0) / value[:4], -logs[:, 1] @ z, leaving @ z])

    names = (*NAMES[plain.kind], *(f"buying.{one}" for one in covariates), *(f"leaving.{one}" for one in covariates))
    fit = maximise(objective, names, [[*plain.values, *[0.0] * (2 * k)]], positive=4, penalty=penalty, scale=len(x))
    values = tuple(fit.values.values())
    effects = {"buying": values[4 : 4 + k], "leaving": values[4 + k :]}
    return PurchaseModel(
        plain.kind,
        (values[0], values[1], values[2], values[3]),
        fit,
        len(x),
        effects,
        covariates,
        tuple(float(one) for one in centre),
        (*plain.notes, *fit.notes),
    )
