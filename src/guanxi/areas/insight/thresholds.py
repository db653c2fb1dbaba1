"""Thresholds of classes, scores, stages and the alarm: what they are, who may move them, and whom a move would concern.

The effect is worked out from the stored figures of the customers one sees, under the present and the wished thresholds alike; it leaves out the
memory of stages (a change counts after two month ends), and says so on the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from guanxi.areas.insight import selectors
from guanxi.areas.insight.models import SEGMENTS, STAGES
from guanxi.core.access.features import require_feature
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, Text
from guanxi.core.models import Preference
from guanxi.core.records import writing

SETTINGS = "insight_settings"
QUANTILE, FIXED = "quantile", "fixed"
Settings = dict[str, Any]
DEFAULTS: Settings = {
    "class_a": 0.8, "class_b": 0.95, "alarm": 5.0, "grow": 0.2, "fall": 0.3, "silent": 365,
    "method": QUANTILE, "recency": [30, 90, 180, 365], "frequency": [2, 4, 8, 16], "monetary": [1000, 10_000, 50_000, 200_000],
}  # fmt: skip


@dataclass(frozen=True)
class Knob:
    """One threshold on a page: ``scale`` is what a stored value is multiplied with to be shown."""

    name: str
    label: Text
    unit: Text
    low: float
    high: float
    scale: float = 1.0
    many: bool = False

    def read(self, text: str) -> Any:
        """What was typed as it is stored. Raises Invalid for what is no number, or lies outside."""
        try:
            parts = [float(one) for one in text.replace("，", ",").split(",")]
        except ValueError:
            parts = []
        if not parts or (len(parts) > 1 and not self.many) or not all(self.low <= one <= self.high for one in parts):
            raise Invalid(
                gettext("“%(name)s”: write a number between %(low)s and %(high)s.")
                % {"name": self.label, "low": f"{self.low:g}", "high": f"{self.high:,g}"},
                code="insight.thresholds",
                field=self.name,
            )
        return [one / self.scale for one in parts] if self.many else parts[0] / self.scale

    def shown(self, value: Any) -> str:
        """A stored value as it is typed."""
        return ", ".join(f"{one * self.scale:g}" for one in (value if self.many else [value]))


KNOBS: Mapping[str, tuple[Knob, ...]] = {
    "pareto": (
        Knob("class_a", _("Class A brings"), _("% of the value"), 1, 99, 100),
        Knob("class_b", _("Classes A and B bring"), _("% of the value"), 2, 100, 100),
    ),
    "rfm": (
        Knob("recency", _("Recency 5, 4, 3, 2 up to"), _("days since the last purchase"), 0, 36500, many=True),
        Knob("frequency", _("Frequency 2, 3, 4, 5 from"), _("purchase days"), 1, 1e6, many=True),
        Knob("monetary", _("Value 2, 3, 4, 5 from"), _("bought in all"), 0, 1e15, many=True),
    ),
    "stages": (
        Knob("grow", _("Growing from"), _("% more than the half year before"), 0, 1000, 100),
        Knob("fall", _("Declining from"), _("% less than the half year before"), 1, 100, 100),
        Knob("silent", _("Lost after"), _("days without a purchase"), 30, 3650),
    ),
    "leaving": (
        Knob("alarm", _("Alarm when a silence that long happens in less than"), _("% of his gaps"), 0.1, 49.9),
    ),
}


def current() -> Settings:
    """The thresholds of the workspace: shares 0…1, the alarm in per cent, days, money."""
    row = Preference.objects.filter(key=SETTINGS).values_list("value", flat=True).first() or {}
    return {**DEFAULTS, **{name: one for name, one in row.items() if name in DEFAULTS}}


def wished(page: str, data: Mapping[str, str], now: Settings) -> Settings:
    """The thresholds with what was typed on a page put in. Raises Invalid."""
    made = dict(now)
    for knob in KNOBS.get(page, ()):
        if data.get(knob.name, "").strip():
            made[knob.name] = knob.read(data[knob.name])
    if page == "rfm" and data.get("method") in (QUANTILE, FIXED):
        made["method"] = data["method"]
    return made


def check(given: Settings) -> None:
    """Raise Invalid, naming the threshold, for bounds that do not ascend or lie outside."""
    if not 0 < given["class_a"] < given["class_b"] <= 1:
        raise Invalid(gettext("Class A must end before class B, and B at 100%% at most.") % {}, code="insight.thresholds", field="class_a")  # fmt: skip
    if not 0 < given["alarm"] < 50:
        raise Invalid(gettext("The alarm lies between 0 and 50%%.") % {}, code="insight.thresholds", field="alarm")
    for name in ("recency", "frequency", "monetary"):
        if len(given[name]) != 4 or sorted(set(given[name])) != given[name]:
            label = next(str(one.label) for one in KNOBS["rfm"] if one.name == name)
            raise Invalid(gettext("“%(name)s”: write four ascending numbers.") % {"name": label}, code="insight.thresholds", field=name)  # fmt: skip
    if given["grow"] < 0 or not 0 < given["fall"] <= 1 or given["silent"] < 30:
        raise Invalid(gettext("These bounds of stages cannot be."), code="insight.thresholds", field="grow")


def store(actor: Actor, given: Settings) -> None:
    """Keep new thresholds. Raises Denied, Invalid."""
    require_feature(actor, "settings")
    check(given)
    with writing(actor):
        Preference.objects.update_or_create(key=SETTINGS, defaults={"value": {name: given[name] for name in DEFAULTS}})


def effect(actor: Actor, page: str, given: Settings, tree: Mapping[str, Any] | None) -> dict[str, int]:
    """Customers by class, segment, stage or alarm under such thresholds, by the name they bear."""
    if page == "pareto":
        found = selectors.concentration(actor, tree)
        return dict(found.classes(given["class_a"], given["class_b"])) if found else {}
    if page == "rfm":
        counted = Counter(_segments(actor, given, tree))
        return {str(label): counted[key] for key, label in SEGMENTS}
    if page == "stages":
        counted = Counter(_stages(actor, given, tree))
        return {str(label): counted[key] for key, label in STAGES if key != "potential"}
    rows: list[Any] = list(
        selectors.values(actor, tree).exclude(gap=None).values_list("gap", "silent", "details__chance")
    )
    alarmed = sum(
        chance is not None and float(chance) < given["alarm"] / 100 and silent <= max(6 * float(gap), 120)
        for gap, silent, chance in rows
    )
    return {gettext("Out of their own rhythm"): alarmed}


def _segments(actor: Actor, given: Settings, tree: Mapping[str, Any] | None) -> list[str]:
    from guanxi.mining.value import scored  # noqa: PLC0415 - ibis is heavy; most pages do without

    rows: list[Any] = list(
        selectors.values(actor, tree).exclude(last_bought_on=None).values_list("last_bought_on", "purchases", "spent", "as_of")
    )  # fmt: skip
    figures = [((as_of - last).days, purchases, float(spent or 0)) for last, purchases, spent, as_of in rows]
    return scored(figures, None if given["method"] == QUANTILE else given)


def _stages(actor: Actor, given: Settings, tree: Mapping[str, Any] | None) -> list[str]:
    from guanxi.mining.churn.stages import stage_of  # noqa: PLC0415 - as above

    names = ("purchases", "first_bought_on", "last_bought_on", "recent", "before", "as_of")
    rows: list[Any] = list(selectors.values(actor, tree).exclude(first_bought_on=None).values_list(*names))
    return [
        stage_of(
            purchases, (as_of - first).days, (as_of - last).days, (last - first).days, float(recent or 0), float(before or 0),
            grow=given["grow"], fall=given["fall"], silent=given["silent"],
        )
        for purchases, first, last, recent, before, as_of in rows
    ]  # fmt: skip
